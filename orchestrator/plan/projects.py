"""The projects of the repository that a plan is about, and what it says of their interpreters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.plan.model import PhaseState, Plan
from orchestrator.plan.patterns import matching
from orchestrator.plan.verify import Verify
from orchestrator.project.folders import TOP, Projects
from orchestrator.project.interpreter import Wanted
from orchestrator.project.pytest_config import settings_for


def wanted_python(plan: Plan, option: str | None, folder: str = TOP) -> Wanted:
    """By what the interpreter of the project in `folder` is chosen; `option` is `--python`."""
    project = plan.project(folder)
    return Wanted(option, plan.verify.python, folder, project.python if project else None)


def folders_of(projects: Projects, plan: Plan) -> list[str]:
    """Return the folders of the projects whose tests the plan runs.

    Those are the projects of its targets that are test files, and of the tests it names.
    """
    found = [verify.tests for _, verify, _ in plan.all_verify()]
    named = [test for tests in found for some in tests.values() for test in some]
    paths: list[str] = []
    for phase in plan.phases:
        if phase.state is PhaseState.ACTIVE:
            for target in phase.targets():
                named += target.tests or ()
                if _is_of_tests(projects.top, target.path):
                    paths.append(target.path)
    paths += [test for pattern in dict.fromkeys(named) for test in matching(projects.top, pattern)]
    return projects.of_all(projects.spread(paths))


def _is_of_tests(top: Path, path: str) -> bool:
    name = path.rpartition("/")[2]
    is_test = path.endswith(".py") and settings_for(top, path).collects_file(path)
    return is_test or name == "conftest.py"


def verify_in(plan: Plan, folder: str, verify: Verify) -> Verify:
    """What must hold, with the further arguments of pytest in the project in `folder`."""
    project = plan.project(folder)
    if project is None or not project.pytest_args:
        return verify
    return replace(verify, pytest_args=[*verify.pytest_args, *project.pytest_args])


def projects_of(plan: Plan, top: Path) -> Projects:
    """The projects of the repository at `top`, with those the plan names."""
    return Projects(top, [project.path for project in plan.projects])
