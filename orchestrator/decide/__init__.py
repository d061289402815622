"""What people decide about a batch: adopt, retry, skip, undo."""
