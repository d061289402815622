"""What every room is built from: files, processes, text."""
