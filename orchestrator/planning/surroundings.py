"""What a repository is like around its tests: pytest, interpreter, builds, hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.engine.context.trust import check_found
from orchestrator.errors import CannotJudge, Refused
from orchestrator.project.commands import PytestCommand, parallel_commands
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter
from orchestrator.project.pytest_config import CONFIGURATIONS, is_configured
from orchestrator.vcs import Repo, find_folder, find_top

_CI = (
    ".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", "azure-pipelines.yml",
    ".circleci/config.yml", ".travis.yml", "Jenkinsfile", "tox.ini", "noxfile.py",
)  # fmt: skip
_HOOKS = (".pre-commit-config.yaml", ".husky", "lefthook.yml")


@dataclass(frozen=True, slots=True)
class FoundProject:
    """A Python project of the repository, with its pytest configuration and its interpreter.

    `configuration` is the name of the file in `folder` that configures pytest.
    `python` is None with the reason in `no_python`; `folder` is "" where it is the top.
    """

    folder: str
    configuration: str | None
    python: Interpreter | None
    no_python: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found: the projects that hold tests, and what is around them.

    `parallel` are the lines of builds that run tests with workers, `hooks` what runs when a commit
    is made.
    """

    is_repository: bool
    is_clean: bool
    projects: Sequence[FoundProject]
    ci: Sequence[str]
    parallel: Sequence[PytestCommand]
    hooks: Sequence[str]


def look_around(top: Path, python: str | None, folders: Sequence[str]) -> Surroundings:
    """Look at the repository at `top` and the projects in `folders`.

    Their interpreters are started once, their tests are not.
    """
    is_repository = find_top(top) is not None
    ci = [f.relative_to(top).as_posix() for pattern in _CI for f in sorted(top.glob(pattern))]
    return Surroundings(
        is_repository,
        is_repository and not Repo(top).text("status", "--porcelain"),
        [_project(top, folder, python) for folder in folders],
        ci,
        list(parallel_commands(top)),
        [name for name in _HOOKS if (top / name).exists()]
        + (_installed(top) if is_repository else []),
    )


def _project(top: Path, folder: str, python: str | None) -> FoundProject:
    configuration = _configuration(top / folder)
    wanted = Wanted(python, folder=folder)
    try:
        check_found(wanted, top, "init")
        found = interpreter(top, wanted, command="init")
    except (CannotJudge, Refused) as error:
        return FoundProject(folder, configuration, None, error.what)
    return FoundProject(folder, configuration, found, "")


def _configuration(top: Path) -> str | None:
    if not is_configured(top):
        return None
    return next((name for name in CONFIGURATIONS if (top / name).is_file()), None)


def _installed(top: Path) -> list[str]:
    folder = find_folder(top) / "hooks"
    names = ("pre-commit", "commit-msg", "prepare-commit-msg")
    return [f"the {name} hook of git" for name in names if (folder / name).is_file()]
