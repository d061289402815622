"""`orchestrate init`: looks, says what was found, writes the plan it would recommend."""

from __future__ import annotations

from pathlib import Path

from orchestrator.checks.discover import project_top
from orchestrator.cli.commands import warn_of_detached_head
from orchestrator.cli.plan import Asked, plan_from_scratch
from orchestrator.cli.scan import scanned
from orchestrator.console.drafting import show_surroundings
from orchestrator.errors import BadInput, Exit
from orchestrator.project.folders import TOP, Projects
from orchestrator.survey.look import look_around
from orchestrator.workspace import plan_above


def init(python: str | None) -> Exit:
    """Look around and write a plan; asks nothing.

    Raises:
        BadInput: there is a plan already, or no test file.
    """
    here = Path.cwd()
    top = project_top(here)
    if existing := plan_above(here, top):
        raise BadInput(
            f"{existing.name} is there already",
            next_step="orchestrate status, or bring it up to date: orchestrate plan --update",
        )
    found = scanned([])
    folders = Projects(top).of_all(facts.path for facts in found.files) or [TOP]
    show_surroundings(look_around(top, python, folders), found)
    if not found.files:
        raise BadInput(
            "no test file was found here",
            next_step="orchestrate plan --fixer command --run 'COMMAND {files}'",
        )
    done = plan_from_scratch(Asked(python=python))
    warn_of_detached_head(top)
    return done
