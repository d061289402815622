"""`orchestrate init`: looks, says what was found, writes the plan it would recommend."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.commands import warn_of_detached_head
from orchestrator.cli.plan import DEFAULT_FIXER, PlanOptions, plan_from_scratch
from orchestrator.console.drafting import show_surroundings
from orchestrator.engine.context.workspace import plan_above
from orchestrator.errors import BadInput, Exit
from orchestrator.planning.drafter import drafter_of
from orchestrator.planning.surroundings import look_around
from orchestrator.project.discover import project_top
from orchestrator.project.folders import TOP, Projects


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
    drafter = drafter_of(DEFAULT_FIXER)
    assert drafter is not None  # it is part of this program
    found = drafter.look(top)
    folders = Projects(top).of_all(found.paths) or [TOP]
    show_surroundings(top, look_around(top, python, folders), found.facts)
    if not found.paths:
        raise BadInput(
            "no test file was found here",
            next_step="orchestrate plan --fixer command --run 'COMMAND {files}'",
        )
    done = plan_from_scratch(PlanOptions(python=python))
    warn_of_detached_head(top)
    return done
