"""Holds what a migration has reached, and complains of nothing it has not.

There is no baseline file that could be merged wrongly or grow slack: the records say which files
landed, and with which bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from orchestrator.base.outcomes import TargetOutcome
from orchestrator.engine.context.workspace import open_workspace, plan_above
from orchestrator.fixers.outcome import Options, Source
from orchestrator.fixers.planned import options_of
from orchestrator.memory_safety.check.config import Config
from orchestrator.memory_safety.check.run import Checked, checked
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.check import findings
from orchestrator.memory_safety.fixer.values.findings import Finding
from orchestrator.plan.model import PhaseState, Plan, Rung, Target
from orchestrator.records.record import TargetRecord, record_path, records_of
from orchestrator.records.tree import WorkTree
from orchestrator.vcs import Repo, find_top

NOT_REACHED = "no batch has reached it yet"
_LANDED = frozenset({TargetOutcome.EDITED, TargetOutcome.UNCHANGED, TargetOutcome.ADOPTED})


@dataclass(frozen=True, slots=True)
class Held:
    """A file that landed: with which options, and its blob then (None: before this tool)."""

    options: Options
    after: str | None


@dataclass(frozen=True)
class Ratchet:
    """What is held of a project. `waiting` are the files of the plan that no batch has landed."""

    top: Path
    plan: Plan
    held: Mapping[str, Held]
    waiting: frozenset[str]

    def own_options(self) -> dict[str, Options]:
        """The options of the files that landed, by path."""
        return {path: one.options for path, one in self.held.items()}

    def is_held(self, path: str) -> bool:
        """Whether a file is asked for the pattern: one that landed, or that is new since."""
        return path in self.held or path not in self._older

    @property
    def is_shallow(self) -> bool:
        """Whether the history that would tell what is new is not there."""
        return find_top(self.top) is not None and self._repo.is_shallow

    @cached_property
    def _repo(self) -> Repo:
        return Repo(self.top)

    @cached_property
    def _older(self) -> frozenset[str]:
        """The files that were there when the first record came; of no record, those of HEAD.

        In a shallow clone, where nobody knows, every file that is committed.
        """
        if find_top(self.top) is None or self._repo.is_unborn:
            return frozenset()
        repo = self._repo
        folders = {str(Path(record_path(self.plan, place)).parent) for place in self.plan.places()}
        added = ("log", "--format=%H", "--diff-filter=A", "HEAD", "--", *sorted(folders))
        first = [] if repo.is_shallow else repo.text(*added).split()
        commit = first[-1] if first else "HEAD"
        return frozenset(repo.paths("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit))

    def landed_with(self, path: str) -> list[Finding]:
        """The findings a file landed with: those are nobody's fault since."""
        held = self.held.get(path)
        if held is None or held.after is None:
            return []
        if find_top(self.top) is None:
            return []
        data = self._repo.blobs([held.after]).get(held.after)
        return [] if data is None else list(findings(Source(path, data, held.options), self.top))


def ratchet(plan: Path | None, *, here: Path, top: Path) -> Ratchet | None:
    """What the plan and its records hold; None where there is none, or it is of another change.

    Raises:
        BadInput: there is a plan or a record, and it cannot be read.
    """
    if plan is None and plan_above(here, top) is None:
        return None
    workspace = open_workspace(plan)
    if not any(r.fixer == FIXER.name for p in workspace.plan.phases for r in p.rungs()):
        return None
    held: dict[str, Held] = {}
    waiting: set[str] = set()
    for one in _planned(workspace.tree, workspace.plan):
        if one.has_landed:
            held[one.target.path] = Held(options_of(one.rung, one.target), one.after)
        else:
            waiting.add(one.target.path)
    return Ratchet(workspace.top, workspace.plan, held, frozenset(waiting - held.keys()))


@dataclass(frozen=True, slots=True)
class _Planned:
    """A file of the plan: whether it landed, and its blob then where that is known."""

    target: Target
    rung: Rung
    has_landed: bool
    after: str | None = None


def _planned(tree: WorkTree, plan: Plan) -> Iterator[_Planned]:
    """The files of every phase of the fixer."""
    for phase in plan.phases:
        rung = next((rung for rung in phase.rungs() if rung.fixer == FIXER.name), None)
        if rung is None:
            continue
        for batch, record in zip(phase.batches, records_of(tree, plan, phase), strict=True):
            entries: dict[str, TargetRecord] = {e.path: e for e in record.targets} if record else {}
            for target in batch.targets:
                entry = entries.get(target.path)
                if phase.state is PhaseState.DONE:
                    yield _Planned(target, rung, has_landed=True)
                elif entry is not None and entry.done in _LANDED:
                    yield _Planned(target, rung, has_landed=True, after=entry.after)
                else:
                    yield _Planned(target, rung, has_landed=False)


def ratcheted(paths: Sequence[str], held: Ratchet, *, top: Path, config: Config) -> list[Checked]:
    """What is found in those of `paths` that are held; the others are left alone, and say so.

    A finding that was there when its file landed is none: findings are told apart by what they
    say of which class, not by their lines.
    """
    own = held.own_options()
    asked = [path for path in paths if path not in held.waiting or held.is_held(path)]
    found = {one.path: one for one in checked(asked, top=top, config=config, own=own)}
    return [_one(path, found.get(path), held) for path in paths]


def _one(path: str, found: Checked | None, held: Ratchet) -> Checked:
    if found is None:
        return Checked(path, [], NOT_REACHED)
    if not found.has_errors:
        return found
    if not held.is_held(path):
        return Checked(path, [], NOT_REACHED)
    known = [_identity(finding) for finding in held.landed_with(path)]
    new = []
    for finding in found.findings:
        if _identity(finding) in known:
            known.remove(_identity(finding))
        else:
            new.append(finding)
    return replace(found, findings=new)


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.subject, finding.message
