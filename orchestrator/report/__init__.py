"""What people read: the commit message, and the status as Markdown and JSON."""
