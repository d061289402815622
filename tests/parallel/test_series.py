"""The story of batches beside each other, with somebody in the workers' place who says anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from several import several
from support import SampleRepo, make_repo

from orchestrator.base.changes import Change, Unit
from orchestrator.base.paths import RepoPath
from orchestrator.engine.context.events import ParallelEvent, ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.context.worktree_context import WorktreeContext, open_worktree
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.errors import CannotJudge, ChangedMeanwhile
from orchestrator.gates.pytest.file_dependencies import FileDependencies
from orchestrator.parallel.conflicts import ChangesSinceBase, find_conflicts
from orchestrator.parallel.executor import InProcessExecutor
from orchestrator.parallel.queue import QueuedBatch, to_start
from orchestrator.parallel.series import next_batches_in_worktrees
from orchestrator.parallel.task import Answer, BatchTask, Judged
from orchestrator.worktrees.checkout import Checkout

Twist = Callable[[Judged], Judged]


class Twisted:
    """Judges for real, and gives answers as `twist` makes them, `times` times each."""

    jobs = 1
    is_live = False

    def __init__(self, home: RunContext, stack: ExitStack, twist: Twist, times: int = 1) -> None:
        head = home.repo.head().commit
        self._checkout = Checkout.make(
            home.repo, home.state_dir, head, home.plan.worktree, python=None, say=lambda what: None
        )
        stack.callback(self._checkout.close)
        work = stack.enter_context(
            open_worktree(WorktreeContext.at(home, self._checkout), ignore_events)
        )
        self._here = InProcessExecutor(work, self._checkout, ignore_events)
        self._twist = twist
        self._times = times

    @property
    def free(self) -> int:
        return self._here.free

    def submit(self, task: BatchTask) -> None:
        self._here.submit(task)

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        for answer in self._here.answers():
            assert isinstance(answer, Judged)
            for _ in range(self._times):
                yield self._twist(answer)

    def close(self) -> None:
        pass


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    files, plan = several(gates="verify: {gates: [compile]}\n")
    return make_repo(tmp_path / "repo", files, plan=plan)


def run(repo: SampleRepo, twist: Twist, times: int = 1) -> int:
    series = next_batches_in_worktrees(
        repo.workspace(), BatchSelector(), RunOptions(sys.executable), ignore_events, limit=2,
        make=lambda home, stack, _: Twisted(home, stack, twist, times),
    )  # fmt: skip
    return len(series.results)


def with_change(judged: Judged, **other: object) -> Judged:
    reached = judged.candidate.reached
    unit = reached.kept[0]
    changed = replace(unit.changes[0], **other)  # type: ignore[arg-type]
    reached.kept[0] = replace(unit, changes=(changed,))
    return judged


def other_target(judged: Judged) -> Judged:
    judged.candidate.reached.kept[0] = replace(
        judged.candidate.reached.kept[0], targets=("tests/test_a.py",)
    )
    return judged


FOREIGN: dict[str, tuple[Twist, str]] = {
    "another task": (lambda j: replace(j, task=replace(j.task, place="first/b9")), "it is about first/b9"),
    "another commit": (lambda j: replace(j, task=replace(j.task, base="0" * 40)), "on 0000000000"),
    "judged elsewhere": (lambda j: replace(j, candidate=replace(j.candidate, base="1" * 40)), "it was judged on 1111111111"),
    "another target": (other_target, "it speaks of tests/test_a.py"),
    "outside": (lambda j: with_change(j, path="../escaped.py", before=None), "it would write to ../escaped.py"),
    "git's own": (lambda j: with_change(j, path=".git/config", before=None), "it would write to .git/config"),
    "other bytes": (lambda j: with_change(j, before=b"not there\n"), "it changes another tests/test_x0.py"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_fault_122_a_foreign_result_is_discarded(repo: SampleRepo, kind: str) -> None:
    twist, why = FOREIGN[kind]
    base = repo.head
    with pytest.raises(ChangedMeanwhile, match="it was discarded") as caught:
        run(repo, twist)
    assert why in caught.value.what
    assert repo.head == base
    assert repo.changes == ""
    assert len(repo.git.text("worktree", "list").splitlines()) == 1


def test_a_second_answer_to_one_question_is_none(repo: SampleRepo) -> None:
    assert run(repo, lambda judged: judged, times=3) == 2
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 3


def test_a_batch_that_is_always_overtaken_is_given_up(repo: SampleRepo) -> None:
    def overtaken(judged: Judged) -> Judged:
        repo.write("tests/test_x0.py", repo.read("tests/test_x0.py") + "\n# once more\n")
        repo.commit()
        return judged

    with pytest.raises(CannotJudge, match="was judged 5 times"):
        run(repo, overtaken)
    assert repo.changes == ""


def judged(path: str, *reads: str, programs: tuple[str, ...] = ()) -> Judged:
    from orchestrator.engine.fix_and_verify import FixResult
    from orchestrator.engine.run_batch import Candidate

    change = Change(RepoPath(path), b"a", b"b")
    climb = FixResult(kept=[Unit((path,), (change,))])
    task = BatchTask(1, f"p/{path}", "base", (path,))
    return Judged(
        task, Candidate("base", climb, None, {}), FileDependencies(set(reads), set(programs))
    )


def since(
    *changed: str, gone: tuple[str, ...] = (), landed: tuple[Judged, ...] = ()
) -> ChangesSinceBase:
    return ChangesSinceBase(frozenset(changed), frozenset(gone), landed)


@pytest.mark.parametrize(
    ("mine", "then", "why", "also"),
    [
        (judged("a", "a"), since(), None, ()),
        (judged("a", "a", "x"), since("b"), None, ()),
        (judged("a", "a", "b"), since("b"), "its tests read b", ()),
        (judged("a", "a"), since("a"), "a was changed since", ()),
        (judged("a", "a"), since("sub/tox.ini"), "sub/tox.ini, which pytest may read", ()),
        (judged("a", "a"), since("b", "new", gone=("new",)), "new came or went", ()),
        (judged("a"), since("b", "new", gone=("new",)), None, ()),
        (judged("a", "a", programs=("node",)), since("b"), "its gates start node", ()),
        (judged("a", "a"), since("b", landed=(judged("b", "b", "a"),)), "the tests of b read", ("b",)),
        (judged("a", "a"), since("b", landed=(judged("b", "b", programs=("sh",)),)), "the tests of b read", ("b",)),
        (judged("a", "a"), since("b", landed=(judged("b", "b"),)), None, ()),
        (judged("a", "a", "b"), since("b", landed=(judged("b", "a"),)), "its tests read b", ("b",)),
    ],
)  # fmt: skip
def test_what_could_interact(
    mine: Judged, then: ChangesSinceBase, why: str | None, also: tuple[str, ...]
) -> None:
    again = find_conflicts(mine, then)
    if why is None:
        assert again is None
    else:
        assert again is not None
        assert again.why.startswith(why)
        assert again.also == also


def waiting(*names: str) -> list[QueuedBatch]:
    """Each works on the files that are the letters of its name."""
    return [QueuedBatch(name, frozenset(name)) for name in names]


@pytest.mark.parametrize(
    ("queue", "at_work", "free", "jobs", "begun"),
    [
        (waiting("a", "b", "c"), (), 2, 2, ["a", "b"]),
        (waiting("a", "b", "c"), ("a",), 1, 2, ["b"]),
        (waiting("a", "ab", "c"), (), 2, 2, ["a", "c"]),
        (waiting("a", "ab", "bc"), ("a",), 1, 2, []),  # bc waits for ab, which waits for a
        (waiting("a", "b", "c", "d", "e"), ("a", "b", "c", "d"), 2, 2, []),  # far enough ahead
        (waiting("a", "b"), (), 0, 2, []),
    ],
)
def test_what_may_begin(
    queue: list[QueuedBatch], at_work: tuple[str, ...], free: int, jobs: int, begun: list[str]
) -> None:
    assert [one.name for one in to_start(queue, at_work, free=free, jobs=jobs)] == begun
