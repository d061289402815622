"""What every package here is built from: files, processes, text."""
