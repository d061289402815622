"""How the additions come into a file, and the proof that nothing else changed."""
