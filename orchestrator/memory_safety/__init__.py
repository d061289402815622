"""The pytest-xdist memory safety migration, as a plug-in of the general program."""

from __future__ import annotations

_HERE = "orchestrator.memory_safety"

CONTRIBUTES = {
    "orchestrate.fixers": {
        "memory-safety": f"{_HERE}.fixer:FIXER",
        "guard": f"{_HERE}.guard:FIXER",
    },
    "orchestrate.drafters": {"memory-safety": f"{_HERE}.planning.drafter:DRAFTER"},
    "orchestrate.programs": {"check": f"{_HERE}.cli.check:run", "fix": f"{_HERE}.cli.fix:run"},
    "orchestrate.commands": {
        name: f"{_HERE}.cli.declared:{name}_command"
        for name in ("scan", "doctor", "memory", "guard")
    },
}
"""What it brings along, by the groups that entry points of other packages have."""
