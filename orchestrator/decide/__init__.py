"""What people decide about a batch: adopt, resolve, retry, skip, undo."""
