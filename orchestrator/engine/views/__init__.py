"""What a person looks at without changing it: preview, one batch, what is left, the history."""
