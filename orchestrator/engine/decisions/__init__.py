"""What a person decides about a batch: adopt, resolve, retry, skip, undo."""
