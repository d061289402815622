"""What a repository is like around its tests: pytest, interpreter, builds, hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.doctor.commands import Command, commands
from orchestrator.errors import CannotJudge
from orchestrator.fixers.memory_safety.reading.settings import CONFIGURATIONS, is_configured
from orchestrator.git import Repo, find_folder, find_top
from orchestrator.interpreter import Interpreter, interpreter

_CI = (
    ".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", "azure-pipelines.yml",
    ".circleci/config.yml", ".travis.yml", "Jenkinsfile", "tox.ini", "noxfile.py",
)  # fmt: skip
_HOOKS = (".pre-commit-config.yaml", ".husky", "lefthook.yml")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found. `python` is None with the reason in `no_python`.

    `configuration` is pytest's own file, `parallel` the lines of builds that run tests with
    workers, `hooks` what runs when a commit is made.
    """

    is_repository: bool
    is_clean: bool
    configuration: str | None
    python: Interpreter | None
    no_python: str
    ci: Sequence[str]
    parallel: Sequence[Command]
    hooks: Sequence[str]


def look_around(top: Path, python: str | None) -> Surroundings:
    """Look at the project at `top`; its interpreter is started once, its tests are not."""
    try:
        found, why = interpreter(top, option=python, plan=None, command="init"), ""
    except CannotJudge as error:
        found, why = None, error.what
    is_repository = find_top(top) is not None
    ci = [f.relative_to(top).as_posix() for pattern in _CI for f in sorted(top.glob(pattern))]
    return Surroundings(
        is_repository,
        is_repository and not Repo(top).text("status", "--porcelain"),
        _configuration(top),
        found,
        why,
        ci,
        list(commands(top)),
        [name for name in _HOOKS if (top / name).exists()]
        + (_installed(top) if is_repository else []),
    )


def _configuration(top: Path) -> str | None:
    if not is_configured(top):
        return None
    return next((name for name in CONFIGURATIONS if (top / name).is_file()), None)


def _installed(top: Path) -> list[str]:
    folder = find_folder(top) / "hooks"
    names = ("pre-commit", "commit-msg", "prepare-commit-msg")
    return [f"the {name} hook of git" for name in names if (folder / name).is_file()]
