"""What changes a file: a fixer turns bytes into new bytes, in memory, or says why not."""
