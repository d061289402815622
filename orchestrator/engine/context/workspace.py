"""The repository and its plan, as every command finds them from where it is started."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from orchestrator.base.plugins import GATES, plugins
from orchestrator.base.text import suggestion
from orchestrator.errors import BadInput
from orchestrator.fixers import planned, registry
from orchestrator.plan.model import Phase, PhaseState, Place, Plan, Target
from orchestrator.plan.patterns import is_pattern, matching
from orchestrator.plan.rules import Problem
from orchestrator.plan.snapshot import load_remembered
from orchestrator.plan.verify import GateName, Verify
from orchestrator.records.origin import Origin, origin_of
from orchestrator.records.record import read_record
from orchestrator.records.stand import Compliance, refreshed, status
from orchestrator.records.status import Status
from orchestrator.records.tree import NoGit, WorkTree
from orchestrator.report import typed
from orchestrator.vcs import find_top
from orchestrator.vcs.lookup import Lookup

DEFAULT_PLAN = "migration_plan.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The top of the work tree (or the plan's folder where there is no git) and the plan."""

    top: Path
    plan_file: Path
    plan: Plan

    def status(self, *, at_work: Collection[str] = ()) -> Status:
        """Where the migration stands here; writes nothing.

        What the files `at_work` hold has not landed: a run tries it at this moment.
        """
        records_only = self.origin is not None
        return status(
            self.tree, self.plan, self._compliance, records_only=records_only, at_work=at_work
        )

    def status_after(self, before: Status, changed: Collection[str]) -> Status:
        """The same, where these files are all that changed since `before`."""
        return refreshed(before, self.tree, self._compliance, changed)

    @property
    def tree(self) -> WorkTree:
        """What its files hold, and what git knows of them."""
        return tree_at(self.top)

    @property
    def _compliance(self) -> Compliance:
        return Compliance(_has_traces, self.is_clean)

    @property
    def origin(self) -> Origin | None:
        """The repository the records are of, where that is not this one."""
        return origin_of(self.top, self.plan)

    def is_clean(self, phase: Phase, target: Target, data: bytes) -> bool | None:
        """Whether the fixer of a phase has nothing left to do in a file with these bytes.

        None where only a run could tell. Of a ladder the first rung is asked.
        """
        rungs = phase.rungs()
        if not rungs:
            return True
        source = planned.source(rungs[0], target, data)
        return registry.get(rungs[0].fixer).is_clean(source, self.top)


def tree_at(top: Path) -> WorkTree:
    """What the files at `top` hold, and what git knows of them where there is a repository."""
    return WorkTree(top, Lookup(top) if (top / ".git").exists() else NoGit())


def open_workspace(plan_option: Path | None, *, files_must_exist: bool = False) -> Workspace:
    """The repository around the current folder, with the plan that is named or found upwards.

    Where the current folder is in no repository, the one around the plan counts. With
    `files_must_exist`, a target of an active phase that is no file is an error of the plan.

    Raises:
        BadInput: there is no plan, or what is wrong with it, each with `file:line:column`.
    """
    here = Path.cwd()
    top = find_top(here)
    typed.remember("plan", plan_option)
    plan_file = plan_option.expanduser().absolute() if plan_option else _found(here, top)
    top = (top or find_top(plan_file.parent) or plan_file.parent).resolve()
    resolved = plan_file.resolve()
    inside = str(resolved.relative_to(top)) if resolved.is_relative_to(top) else ""
    shown = plan_option or Path(plan_file.name if plan_file.parent == here else plan_file)
    if files_must_exist:
        from orchestrator.plan.load import load

        exist = partial(missing_files, top=top)
        plan = load(shown, plan_path=inside, checks=[planned.problems, unknown_gates, exist])
    else:
        plan = load_remembered(shown, plan_path=inside, checks=[planned.problems, unknown_gates])
    return Workspace(top, plan_file, plan)


def missing_files(plan: Plan, *, top: Path) -> Iterator[Problem]:
    """Files a run would have to edit or run and cannot find, with the nearest file of that name."""
    for number, project in enumerate(plan.projects):
        if not (top / project.path).is_dir():
            yield Problem(("projects", number, "path"), f"there is no folder {project.path!r}")
    yield from _missing_tests(plan, top)
    if origin_of(top, plan) is not None:
        return
    tree = tree_at(top)
    for p, phase in enumerate(plan.phases):
        for b, batch in enumerate(phase.batches if phase.state is PhaseState.ACTIVE else ()):
            for t, target in enumerate(batch.targets):
                for number, test in enumerate(target.tests or ()):
                    if not _has_tests(top, test):
                        at = ("phases", p, "batches", b, "targets", t, "tests", number)
                        yield Problem(at, f"there is no file or folder {test!r}")
                if not (
                    target.manual
                    or target.new
                    or is_pattern(target.path)
                    or (top / target.path).is_file()
                    or _landed_before(tree, plan, Place(phase, batch, b + 1), target)
                    or target.path in tree.git.hidden()
                ):
                    where = ("phases", p, "batches", b, "targets", t, "path")
                    folder = (top / target.path).parent
                    near = [f"{PurePosixPath(target.path).parent / f.name}" for f in _files(folder)]
                    hint = suggestion(target.path, near)
                    yield Problem(where, f"there is no file {target.path!r}{hint}")


def _missing_tests(plan: Plan, top: Path) -> Iterator[Problem]:
    for above, verify, override in plan.all_verify():
        given: Verify = verify if override is None else override
        for pattern, tests in (given.tests or {}).items():
            for number, test in enumerate(tests):
                if not _has_tests(top, test):
                    at = (*above, "verify", "tests", pattern, number)
                    yield Problem(at, f"there is no file or folder {test!r}")


def _has_tests(top: Path, test: str) -> bool:
    return any((top / found).exists() for found in matching(top, test))


def _landed_before(tree: WorkTree, plan: Plan, place: Place, target: Target) -> bool:
    """Whether a record speaks of a target whose file may have gone since."""
    record = read_record(tree, plan, place)
    return record is not None and any(entry.path == target.path for entry in record.targets)


def unknown_gates(plan: Plan) -> Iterator[Problem]:
    """Gates that are neither built in nor brought along by a plug-in."""
    for above, verify, override in plan.all_verify():
        given: Verify = verify if override is None else override
        for number, name in enumerate(given.gates or ()):
            if name not in set(GateName) and name not in plugins(GATES):
                hint = suggestion(name, [*GateName, *plugins(GATES)])
                at = (*above, "verify", "gates", number)
                yield Problem(at, f"no gate is called {name!r}{hint}")


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []


def plan_above(here: Path, top: Path | None) -> Path | None:
    """The plan of a project by its usual name, in `here` or above it as far as `top`."""
    for folder in (here, *here.parents):
        if (folder / DEFAULT_PLAN).is_file():
            return folder / DEFAULT_PLAN
        if folder == top:
            break
    return None


def _found(here: Path, top: Path | None) -> Path:
    if (found := plan_above(here, top)) is not None:
        return found
    raise BadInput(
        f"there is no {DEFAULT_PLAN} in {str(here)!r} or above it",
        next_step="orchestrate init, or name one: orchestrate --plan PATH …",
    )


def _has_traces(phase: Phase, data: bytes) -> bool:
    name = phase.ladder[0].fixer if phase.ladder else phase.fixer
    return name is not None and registry.get(name).has_traces(data)
