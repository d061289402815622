"""Tells whether the records here were copied from another repository, which holds the files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.base.reading import read_regular
from orchestrator.errors import BadInput, Refused
from orchestrator.plan.model import Plan

NAME = "origin.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository the records are of, and the commit its migration began at."""

    repository: str
    commit: str

    @property
    def sentence(self) -> str:
        """What people are told."""
        start = f"from {self.commit[:10]} on"
        return f"these are records of {self.repository} {start}; its files are there"


def origin_of(top: Path, plan: Plan) -> Origin | None:
    """Where the records come from, as `origin.json` beside them says; None: from here.

    Raises:
        BadInput: the file says something else.
    """
    file = top / plan.reports / NAME
    try:
        said = json.loads(read_regular(file, most_mib=1))
        return Origin(str(said["repository"]), str(said["commit"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{plan.reports}/{NAME} does not say where the records come from: it is an object with "
            "`repository` and `commit`",
            next_step=f"correct it, or remove it: git rm {as_argument(f'{plan.reports}/{NAME}')}",
        ) from error


def check_here(top: Path, plan: Plan) -> None:
    """Make sure that the files of the plan are in this repository.

    Raises:
        Refused: only their records are.
    """
    if (origin := origin_of(top, plan)) is not None:
        raise Refused(
            origin.sentence,
            next_step=f"run it there, or, to migrate this repository: git rm -r "
            f"{as_argument(plan.reports)}",
        )
