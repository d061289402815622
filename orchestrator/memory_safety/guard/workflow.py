"""The step of GitHub Actions that checks every test file, in a workflow of its own or in one."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.memory_safety.guard.listing import parsed, scalar, with_entry
from orchestrator.memory_safety.guard.parts import Cannot, GuardSettings

_TESTS = re.compile(r"\b(?:pytest|tox|nox|make (?:test|check))\b")
_STEP = "Validate test memory safety"

_OWN = """\
name: test memory safety

on:
  pull_request:
  push:

permissions:
  contents: read

jobs:
  validate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0  # which files are newer than the migration is asked of the history
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: {install}
      - name: {step}
        run: {run}
"""


def with_step(text: str, path: str, wishes: GuardSettings) -> str | None:
    """The workflow with the step; None where it has one.

    Raises:
        Cannot: it is no workflow, has no such job, or nobody said what installs orchestrate there.
    """
    document = parsed(text, path)
    run = f"{wishes.check} --format github"
    if document is None:
        if not wishes.installing:
            raise Cannot(
                f"{path} is to be made, and nothing says how CI gets orchestrate: "
                "`repo` with `rev`, or `install`"
            )
        return _OWN.format(install=scalar(wishes.installing), step=_STEP, run=scalar(run))
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        raise Cannot(f"{path} has no jobs, which a workflow of GitHub Actions has")
    if any(_is_ours(step) for job in jobs.values() for step in _steps(job)):
        return None
    job = _job(jobs, path, wishes)
    steps = _steps(jobs[job])
    tests = next((n for n, step in enumerate(steps) if _runs_tests(step)), None)
    entry = [f"- name: {_STEP}", f"  run: {scalar(run)}"]
    if wishes.installing:
        entry = [f"- run: {scalar(wishes.installing)}", *entry]
    return with_entry(text, ["jobs", job, "steps"], entry, before=tests)


def _job(jobs: dict[str, Any], path: str, wishes: GuardSettings) -> str:
    if wishes.job:
        if wishes.job not in jobs:
            raise Cannot(f"{path} has no job {wishes.job!r}; it has {', '.join(map(str, jobs))}")
        return wishes.job
    testing = (name for name, job in jobs.items() if any(map(_runs_tests, _steps(job))))
    if (found := next(testing, None)) is None:
        raise Cannot(f"no job of {path} runs tests; say which one gets the step: `job`")
    if not isinstance(found, str):
        raise Cannot(f"a job of {path} has a name that YAML takes for {found!r}; put it in quotes")
    return found


def _steps(job: Any) -> list[Any]:
    steps = job.get("steps") if isinstance(job, dict) else None
    return steps if isinstance(steps, list) else []


def _runs(step: Any) -> str:
    return str(step.get("run", "")) if isinstance(step, dict) else ""


def _runs_tests(step: Any) -> bool:
    lines = (line.strip() for line in _runs(step).splitlines())
    return any(_TESTS.search(line) and "install" not in line for line in lines)


def _is_ours(step: Any) -> bool:
    name = step.get("name") if isinstance(step, dict) else None
    return name == _STEP or "orchestrate-check" in _runs(step)
