"""What a plan must hold beyond the type of each value: names, paths and dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from orchestrator.base import commandline
from orchestrator.base.paths import why_unsafe
from orchestrator.base.text import suggestion
from orchestrator.plan.location import Location
from orchestrator.plan.model import Batch, Phase, PhaseState, Plan, Target
from orchestrator.plan.override import Override
from orchestrator.plan.verify import GateName, Verify

_WINDOWS_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{n}{i}" for n in ("com", "lpt") for i in range(10)),
}


class Problem(NamedTuple):
    """Something wrong in a plan, and where."""

    location: Location
    message: str


def problems(plan: Plan, *, plan_path: str) -> Iterator[Problem]:
    """Everything wrong with `plan` that its types do not say.

    `plan_path` is the plan's own file from the top of the repository: no target may be it.
    """
    yield from _path_problems(("reports",), plan.reports)
    for at, verify, override in plan.all_verify():
        yield from _verify_problems((*at, "verify"), verify, override)
    for number, project in enumerate(plan.projects):
        yield from _path_problems(("projects", number, "path"), project.path)
        if project.path in {other.path for other in plan.projects[:number]}:
            yield Problem(("projects", number, "path"), f"{project.path!r} is there already")
    for name, paths in (("copy", plan.worktree.copy), ("link", plan.worktree.link)):
        for number, path in enumerate(paths):
            yield from _path_problems(("worktree", name, number), path)
    yield from _id_problems(("phases",), [phase.id for phase in plan.phases])
    yield from _dependency_problems(("phases",), plan.phases)
    for index, phase in enumerate(plan.phases):
        where: Location = ("phases", index)
        yield from _phase_problems(where, phase)
        yield from _id_problems((*where, "batches"), [batch.id for batch in phase.batches])
        yield from _dependency_problems((*where, "batches"), phase.batches)
    yield from _target_problems(plan, plan_path)
    yield from _measure_problems(plan)


def _verify_problems(at: Location, verify: Verify, override: Override | None) -> Iterator[Problem]:
    """Yield the errors in `verify:` of the plan, or in that of a phase or batch (`override`)."""
    given: Verify = verify if override is None else override
    for pattern, tests in (given.tests or {}).items():
        yield from _test_problems((*at, "tests", pattern), tests)
    taken = {gate.value for gate in GateName}
    for number, command in enumerate(given.commands or ()):
        where = (*at, "commands", number)
        if command.name in taken:
            yield Problem((*where, "name"), f"{command.name!r} is already the name of a gate")
        taken.add(command.name)
        for message in commandline.problems(command.run, {"files", "python"}):
            yield Problem((*where, "run"), message)
    if not verify.gates and not verify.commands:
        yield Problem((*at, "gates"), "without gates and commands nothing would be verified")


def _phase_problems(at: Location, phase: Phase) -> Iterator[Problem]:
    if phase.state is PhaseState.DEFERRED and phase.reason is None:
        yield Problem(at, f"phase {phase.id!r} is deferred; say why in `reason:`")
    if phase.ladder and (phase.fixer is not None or phase.options):
        yield Problem((*at, "ladder"), "a phase has `fixer:` and `options:`, or a `ladder:`")
    labels = [rung.label for rung in phase.ladder]
    for number, label in enumerate(labels):
        if label in labels[:number]:
            where = (*at, "ladder", number)
            yield Problem(where, f"two rungs are called {label!r}; give one a `name:` of its own")
    if not phase.rungs() and phase.state is not PhaseState.DONE:
        for number, batch in enumerate(phase.batches):
            if batch.automatic():
                where = (*at, "batches", number)
                yield Problem(
                    where, f"batch {batch.id!r} needs a fixer; phase {phase.id!r} names none"
                )


def _measure_problems(plan: Plan) -> Iterator[Problem]:
    """Amounts of something no column is for."""
    for p, phase in enumerate(plan.phases):
        yield from _unmeasured(plan, ("phases", p, "totals"), phase.totals)
        for b, batch in enumerate(phase.batches):
            for t, target in enumerate(batch.targets):
                at = ("phases", p, "batches", b, "targets", t, "expect")
                yield from _unmeasured(plan, at, target.expect)


def _unmeasured(plan: Plan, at: Location, amounts: Mapping[str, float]) -> Iterator[Problem]:
    for name in amounts:
        if name not in plan.measures:
            hint = suggestion(name, plan.measures)
            yield Problem((*at, name), f"{name!r} is not one of `measures:`{hint}")


def _id_problems(at: Location, ids: Sequence[str]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for index, name in enumerate(ids):
        if name.casefold() in seen:
            yield Problem(
                (*at, index, "id"), f"{name!r} is already used by {seen[name.casefold()]!r}"
            )
        seen.setdefault(name.casefold(), name)
        if name.split(".")[0].casefold() in _WINDOWS_NAMES or name.endswith("."):
            yield Problem((*at, index, "id"), f"{name!r} cannot be a file name on every system")


def _dependency_problems(at: Location, items: Sequence[Phase | Batch]) -> Iterator[Problem]:
    needs = {item.id: item.depends_on for item in items}
    for index, item in enumerate(items):
        for number, name in enumerate(item.depends_on):
            where = (*at, index, "depends_on", number)
            if name not in needs:
                yield Problem(where, f"{name!r} is not known here{suggestion(name, needs)}")
            elif item.id in _reachable(name, needs):
                yield Problem(where, f"{item.id!r} would have to wait for itself through {name!r}")


def _reachable(start: str, needs: dict[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        if (name := todo.pop()) not in seen:
            seen.add(name)
            todo.extend(needs.get(name, []))
    return seen


def _target_problems(plan: Plan, plan_path: str) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for at, phase, batch, target in _targets(plan):
        path = target.path
        yield from _path_problems(at, path)
        yield from _test_problems((*at[:-1], "tests"), target.tests or ())
        if path == plan_path:
            yield Problem(at, "the plan itself cannot be a target")
        if PurePosixPath(path).is_relative_to(plan.reports):
            yield Problem(at, f"{path!r} is in the records' folder {plan.reports!r}")
        owner = owners.setdefault(path.casefold(), f"{phase.id}/{batch.id}")
        if owner != f"{phase.id}/{batch.id}" or owners.get(f"{owner}:{path}"):
            yield Problem(at, f"{path!r} is already a target of {owner}")
        owners[f"{owner}:{path}"] = "seen"


def _targets(plan: Plan) -> Iterator[tuple[Location, Phase, Batch, Target]]:
    for p, phase in enumerate(plan.phases):
        for b, batch in enumerate(phase.batches):
            for t, target in enumerate(batch.targets):
                yield ("phases", p, "batches", b, "targets", t, "path"), phase, batch, target


def _test_problems(at: Location, tests: Sequence[str]) -> Iterator[Problem]:
    """What pytest is given is a file or folder: neither an option nor something elsewhere."""
    for number, test in enumerate(tests):
        if test.startswith("-"):
            yield Problem((*at, number), f"{test!r} is an option of pytest, not a file or folder")
        elif test.removeprefix("./").rstrip("/") not in {"", "."}:
            yield from _path_problems((*at, number), test.removeprefix("./").rstrip("/"))


def _path_problems(at: Location, path: str) -> Iterator[Problem]:
    if why := why_unsafe(path):
        yield Problem(at, why)
