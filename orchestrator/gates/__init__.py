"""What must hold before a commit: one module per gate, and the probe that runs inside pytest."""

from orchestrator.gates.plugin import Gate

__all__ = ["Gate"]
