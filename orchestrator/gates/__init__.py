"""What must hold before a commit: one module per gate, and the probe that runs inside pytest."""
