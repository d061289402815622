"""The commits of a series, one on top of the other, and how they come onto the user's branch."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.base import files
from orchestrator.base.changes import Content, Side, changes_of
from orchestrator.base.paths import RepoPath
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.engine.batch import open_batch
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.fix import FixRequest, contents_before, fix
from orchestrator.engine.results import Landed, Stopped
from orchestrator.engine.run_batch import CommittedBatch, commit_batch, landed_batch, write_logs
from orchestrator.engine.selection import Selection
from orchestrator.errors import ChangedMeanwhile
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.registry import get
from orchestrator.parallel.conflicts import ChangesSinceBase, Reverify, find_conflicts
from orchestrator.parallel.places import TOP, relocated
from orchestrator.parallel.task import Answer, BatchTask, Judged
from orchestrator.parallel.validation import validate_answer
from orchestrator.records.status import Status
from orchestrator.vcs import Repo
from orchestrator.worktrees.checkout import Checkout
from orchestrator.worktrees.fast_forward import (
    BranchMoved,
    BranchUpdater,
    ParkedCommits,
    came_or_went,
    changed_between,
)

_MOVES = 10
"""How often a batch is landed anew because the user's branch moved, before the run ends."""


class MergeQueue:
    """Lands batches in a checkout of ours, and lets the user's branch follow.

    `kept` says where the commits are that could not be brought in; they go on from there.
    """

    def __init__(
        self, context: RunContext, checkout: Checkout, updater: BranchUpdater, tip: str
    ) -> None:
        """Begin at the commit `tip`, which the checkout holds."""
        self.context = context
        self.tip = tip
        self.kept: ParkedCommits | None = None
        self.checkout = checkout
        self._advance = updater
        self._landed: dict[str, Judged] = {}
        self._status = context.workspace.status()

    @property
    def stop_after(self) -> int:
        """How many files may be quarantined before the series ends."""
        return self.context.plan.verify.stop_after

    def status(self) -> Status:
        """Where the migration stands at the tip."""
        return self._status

    def taken(self, answer: Answer, task: BatchTask) -> Answer:
        """An answer to `task`, with the paths of this machine in its texts.

        Raises:
            ChangedMeanwhile: it is none to what was asked.
        """
        if why := validate_answer(answer, task, self.context.plan, self.context.repo):
            raise ChangedMeanwhile(
                f"what came back for {task.place} is no answer to what was asked: {why}; "
                "it was discarded, and what landed before it stays",
                next_step="orchestrate next-batch --all --jobs 1",
            )
        return relocated(answer, {TOP: str(self.context.top)})

    def land(self, judged: Judged, selection: Selection) -> Landed | Stopped | Reverify:
        """Commit what was judged on top of the line, or say why it has to be judged again there.

        Where the user's branch moved meanwhile, it is landed on what came.

        Raises:
            OrchestrateError: a hook said no, the disk is full, git does not let the branch be
                moved, it moved each time, or as for a batch.
        """
        for _ in range(_MOVES):
            if again := self._interplay(judged, selection):
                return again
            landed = self._on_top(judged, selection)
            if not isinstance(landed, Landed):
                return landed
            if self._brought_in(landed.commit.commit):
                self._landed[landed.commit.commit] = judged
                return landed
        raise ChangedMeanwhile(
            f"the branch moved {_MOVES} times while {selection.place.name} was landed on it; "
            "what landed before stays",
            next_step="orchestrate next-batch --isolated",
        )

    def _interplay(self, judged: Judged, selection: Selection) -> Reverify | None:
        base = judged.task.base
        if set(selection.paths) != set(judged.task.paths):
            return Reverify("the batch is another one by now")
        if base == self.tip:
            return None
        repo, records = self.context.repo, f"{self.context.plan.reports}/"
        changed = [p for p in changed_between(repo, base, self.tip) if not p.startswith(records)]
        gone = [p for p in came_or_went(repo, base, self.tip) if not p.startswith(records)]
        known = set(repo.text("rev-list", f"{base}..{self.tip}").split())
        since = [other for commit, other in self._landed.items() if commit in known]
        again = find_conflicts(judged, ChangesSinceBase(frozenset(changed), frozenset(gone), since))
        if again is None and changed and self._is_fixed_otherwise(judged, selection):
            return Reverify("its fixer says something else by now")
        return again

    def _is_fixed_otherwise(self, judged: Judged, selection: Selection) -> bool:
        """Whether a fixer that works in memory makes something else of its files on the tip."""
        rungs = selection.place.phase.rungs()
        if len(rungs) != 1 or not isinstance(get(rungs[0].fixer), FileFixer):
            return False
        now = contents_before(self.context.workspace, selection.targets)
        found = fix(self.context, FixRequest(selection.place, rungs[0], selection.targets, now))
        reached = judged.candidate.reached
        units = [*reached.kept, *(taken.unit for taken in reached.rejected.values())]
        then = {change.path: change.after for change in changes_of(units)}
        return then != {change.path: change.after for change in changes_of(found.units)}

    def _on_top(self, judged: Judged, selection: Selection) -> Landed | Stopped | Reverify:
        context, candidate = self.context, judged.candidate
        write_logs(context, selection, candidate)
        if not candidate.may_land(record_failures=True):
            return Stopped(selection.place, candidate.found)
        now = contents_before(context.workspace, selection.targets)
        units = candidate.reached.kept
        for change in changes_of(units):
            if _now(context.repo, now, change.path) != change.before:
                return Reverify(f"{change.path} is not what it was judged on")
        with open_batch(context, selection) as run:
            run.tx.declare_changes(changes_of(units))
            BatchTree(context.top, units).put(Side.EDITED)
            commit, record = commit_batch(run, candidate)
        self._look_again(self.tip, commit.commit)
        return landed_batch(
            context, selection, candidate, CommittedBatch(commit, record, self._status)
        )

    def _look_again(self, before: str, now: str) -> None:
        """Take in what changed from one commit to the other; the rest is as it was."""
        changed = frozenset(changed_between(self.context.repo, before, now))
        self._status = self.context.workspace.status_after(self._status, changed)

    def _brought_in(self, commit: str) -> bool:
        """Whether the line goes on from `commit`; not where the user's branch moved meanwhile."""
        if self.kept is not None:
            self.kept = self._advance.keep(commit, self.kept.why)
            self.tip = commit
            return True
        match self._advance.to(commit, old=self.tip):
            case BranchMoved(tip):
                self.checkout.hold(tip)
                self._look_again(commit, tip)
                self.context.say(
                    f"the branch moved to {tip[:10]}; landing the batch on top of that"
                )
                self.tip = tip
                return False
            case ParkedCommits() as kept:
                self.kept = kept
        self.tip = commit
        return True


def _now(repo: Repo, known: Mapping[str, Content], path: str) -> Content:
    if path in known:
        return known[path]
    return files.contents(repo.top, RepoPath(path))
