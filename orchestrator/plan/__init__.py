"""The plan that people write, read with the line of each error."""
