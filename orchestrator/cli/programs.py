"""The commands that parse their own arguments, so that they start without typer."""

from __future__ import annotations

from orchestrator.base.plugins import PROGRAMS, built_in

OWN_PROGRAMS = {"status": "orchestrator.cli.status:run"}
"""Commands of this package that parse their own arguments, and start without typer."""


def programs() -> dict[str, str]:
    """Return the commands that parse their own arguments, each as `module:name`."""
    return OWN_PROGRAMS | built_in(PROGRAMS)
