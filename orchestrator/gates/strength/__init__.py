"""The strength gate: by their syntax trees, no test may come out weaker than it was."""
