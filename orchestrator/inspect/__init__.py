"""What people look at before and after: a preview, and one batch in full."""
