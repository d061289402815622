"""Which tests a drafted plan runs for files that are none, and which its builds leave out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.base.escape import on_one_line
from orchestrator.errors import BadInput
from orchestrator.plan.base import OptionValue
from orchestrator.planning.text import scalar
from orchestrator.project.commands import pytest_commands
from orchestrator.project.folders import Projects, collected_below, inside
from orchestrator.project.pytest_config import settings_for
from orchestrator.vcs import Repo

_PLACES = 3


def named_tests(given: Sequence[str]) -> dict[str, list[str]]:
    """What `--tests PATTERN=TESTS` says, for each pattern in the order in which it was given.

    Raises:
        BadInput: one of them has no `=`, or nothing on one side of it.
    """
    found: dict[str, list[str]] = {}
    for one in given:
        pattern, _, tests = one.partition("=")
        if not pattern or not tests:
            raise BadInput(
                f"--tests is PATTERN=TESTS, not {one!r}",
                next_step="orchestrate plan --tests 'src/api/*=tests/api' ...",
            )
        found.setdefault(pattern, []).append(tests)
    return found


def tests_for(
    top: Path, sources: Iterable[str], named: Mapping[str, Sequence[str]]
) -> dict[str, OptionValue]:
    """`verify.tests` of a plan: what a person named, and for other sources what pytest collects.

    The tests of a project are what a plain `pytest` collects in its folder: its `testpaths`, else
    the folders that hold test files.
    """
    found: dict[str, OptionValue] = {pattern: list(tests) for pattern, tests in named.items()}
    projects = Projects(top)
    collected: dict[str, list[str]] = {}
    for path in sorted(sources):
        if any(fnmatchcase(path, pattern) for pattern in named):
            continue
        project = projects.of(path)
        if project not in collected:
            collected[project] = _collected(top, project, projects)
        if tests := collected[project]:
            at = f"{project}/" if project else ""
            folder, slash, _ = inside(path, project).partition("/")
            found.setdefault(f"{at}{folder}/*" if slash else path, list(tests))
    return found


def _collected(top: Path, project: str, projects: Projects) -> list[str]:
    """What plain `pytest` collects in a project, as narrow as its configuration says."""
    if (found := collected_below(top, project, project)) != [project or "."]:
        return found
    at = f"{project}/" if project else ""
    listed = (path for path in Repo(top).listed_files() if path.endswith(".py"))
    own = (path for path in listed if path.startswith(at) and projects.of(path) == project)
    tests = [path for path in own if settings_for(top, path).collects_file(path)]
    heads = (f"{at}{inside(test, project).partition('/')[0]}" for test in tests)
    return sorted(set(heads))


def left_out_by_builds(top: Path) -> list[str]:
    """Say which tests the builds leave out, where, and how the plan would; empty: none.

    The plan does not do so by itself: what is left out is verified by nobody.
    """
    options: dict[tuple[str, ...], list[str]] = {}
    for command in pytest_commands(top):
        for option in command.leaves_out:
            options.setdefault(option, []).append(command.place)
    if not options:
        return []
    words = [word for option in options for word in option]
    places = list(dict.fromkeys(place for found in options.values() for place in found))
    more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    arguments = ", ".join(map(scalar, words))
    return [
        on_one_line(
            f"The builds leave tests out ({', '.join(places[:_PLACES])}{more}). To leave them out "
            f"here as well: verify: {{pytest_args: [{arguments}]}}"
        )
    ]
