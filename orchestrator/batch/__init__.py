"""The life of a batch: pick, preflight, journal, fix, write, gate, commit."""
