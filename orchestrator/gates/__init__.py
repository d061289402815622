"""The gates: what must hold before a batch is committed."""

from orchestrator.gates.plugin import Gate

__all__ = ["Gate"]
