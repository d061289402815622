"""Changes files and commits them as one deed: in the journal before, undone where it does not end.

What is committed are exactly the files that were judged and their record, through the user's git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator import files
from orchestrator.changes import Change, Content
from orchestrator.errors import ChangedMeanwhile, Exit, Interrupted, OrchestrateError
from orchestrator.git import GitFailed, Repo
from orchestrator.plan.model import Place
from orchestrator.progress.record import Record, record_path
from orchestrator.report.message import Message
from orchestrator.safety import points
from orchestrator.safety.journal import Decision, Journal, Recovered
from orchestrator.safety.judged import take_back, unjudged
from orchestrator.safety.session import Session
from orchestrator.safety.signals import held


class CommitRefused(OrchestrateError):
    """A hook or the signing said no; the batch was put back."""

    exit_code = Exit.RED


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was made."""

    commit: str
    subject: str


@dataclass(frozen=True, slots=True)
class Staged:
    """What a commit is about to hold: the blob id of each file in HEAD, and as it is staged.

    A file that is not there on one side has no id there.
    """

    contents: Mapping[str, Content]
    before: Mapping[str, str]
    after: Mapping[str, str]


@contextmanager
def transaction(
    session: Session, place: Place, base: str, before: Mapping[str, Content]
) -> Iterator[Transaction]:
    """Write and commit in the block; where it ends without a commit, all is as it was.

    `before` are the files that may be changed, with what they hold; `base` is the branch's tip.

    Raises:
        ChangedMeanwhile: the block made no commit, and somebody else's bytes were kept.
    """
    journal = session.journal
    try:
        journal.prepare(place.name, base, record_path(session.plan, place), before)
        points.passed("prepared")
        made = Transaction(session.repo, journal, place, base, record_path(session.plan, place))
        yield made
        if not made.committed:
            _put_back_all(journal, place)
    except Interrupted as interruption:
        interruption.what = f"interrupted; {_put_back(journal, place.name).sentence}"
        raise
    except BaseException:
        _put_back(journal, place.name)
        raise
    journal.close()
    points.passed("closed")


@dataclass(slots=True)
class Transaction:
    """One deed: first what may be written, then what is staged, then the commit."""

    _repo: Repo
    _journal: Journal
    _place: Place
    _base: str
    _record: str
    committed: bool = False

    def may_hold(self, changes: Sequence[Change]) -> None:
        """From now on the files of `changes` may hold what they have after them, and no others."""
        self._journal.applying(changes)
        points.passed("applying")

    def stage(self, contents: Mapping[str, Content], paths: Sequence[str]) -> Staged:
        """Stage files that hold what was judged; `paths` are those whose blob ids are wanted.

        Raises:
            ChangedMeanwhile: the branch moved, or a file does not hold what was judged.
        """
        _must_be_at(self._repo, self._base)
        _must_hold(self._repo, contents)
        self._journal.committing()
        points.passed("committing")
        if contents:
            self._repo.add(contents)
        points.passed("staged")
        _must_hold(self._repo, contents)  # what was staged between two equal looks was judged
        before = self._repo.committed_blobs(self._base, paths)
        return Staged(contents, before, self._repo.staged_blobs(paths))

    def commit(self, staged: Staged, record: Record | None, message: Message) -> Commit:
        """Commit what is staged with the record, or without the one there was, on the base.

        Raises:
            CommitRefused: a hook or the signing said no.
            ChangedMeanwhile: the branch moved, or somebody staged something during the run.
        """
        repo = self._repo
        if record is not None:
            files.create(repo.top / self._record, record.to_bytes())
        else:
            files.remove(repo.top / self._record, up_to=repo.top)
        points.passed("recorded")
        repo.add([self._record])
        ours = _staged(repo, [*staged.contents, self._record])
        if not ours:  # the same once more: the record says so already
            self.committed = True
            return Commit(self._base, message.subject)
        blobs = repo.staged_blobs(ours)
        judged = {path: blobs.get(path) for path in ours}
        self._journal.judged(judged)
        commit = self._made(message.text())
        points.passed("committed")
        _must_follow(repo, commit, self._base)
        self._must_hold_what_was_judged(commit, judged)
        self.committed = True
        points.passed("verified")
        return Commit(commit, message.subject)

    def _made(self, text: str) -> str:
        journal = self._journal
        files.create(journal.message_file, text.encode("utf-8", "backslashreplace"))
        try:
            return self._repo.commit(journal.message_file)
        except GitFailed as error:
            # a hook may have rewritten our files before it said no: its version is kept
            rescued = journal.recover(Decision.RESTORE).rescued
            said = error.output.strip()[-3000:] or "(it printed nothing)"
            if rescued:
                said += f"\nwhat it had written is in {', '.join(map(str, rescued))}"
            raise CommitRefused(
                f"git or a hook did not make the commit; the batch was put back\n{said}",
                next_step="set right what the hook says, then type the same command again",
            ) from error
        finally:
            journal.message_file.unlink(missing_ok=True)

    def _must_hold_what_was_judged(self, commit: str, staged: Mapping[str, str | None]) -> None:
        """Take the commit back where a hook put something into it that no gate has seen.

        `staged` is what it should change: the blob of each file, None where it is removed.
        """
        if (odd := unjudged(self._repo, commit, staged)) is None:
            return
        take_back(self._repo, self._base, odd)
        rescued = self._journal.recover(Decision.RESTORE).rescued
        kept = f"; what it wrote is in {', '.join(map(str, rescued))}" if rescued else ""
        raise CommitRefused(
            f"a hook changed the commit after it was judged ({', '.join(odd.paths)}); "
            f"the commit was taken back and the batch with it{kept}",
            next_step="let the hook check and not rewrite, then type the same command again",
        )


def _must_be_at(repo: Repo, base: str) -> None:
    head = repo.head()
    if head.commit != base:
        raise ChangedMeanwhile(
            f"{head.branch} moved during the run, from {base[:10]} to {head.commit[:10]}",
            next_step="orchestrate next-batch",
        )


def _must_hold(repo: Repo, judged: Mapping[str, Content]) -> None:
    changed = [path for path, content in judged.items() if _now(repo, path) != content]
    if changed:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, changed))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


def _now(repo: Repo, path: str) -> Content:
    file = repo.top / path
    return files.read(file) if file.is_file() else None


def _staged(repo: Repo, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that a commit would change."""
    staged, ours = repo.staged(), set(paths)
    if foreign := sorted(set(staged) - ours):
        raise ChangedMeanwhile(
            f"somebody staged {', '.join(map(repr, foreign))} during the run",
            next_step="git status",
        )
    return staged


def _must_follow(repo: Repo, commit: str, base: str) -> None:
    if repo.parents(commit) != [base]:
        raise ChangedMeanwhile(
            f"the batch landed as {commit[:10]}, and not directly on {base[:10]}: "
            "somebody committed during the run",
            next_step=f"git log {base[:10]}..",
        )


def _put_back_all(journal: Journal, place: Place) -> None:
    """End a deed without a commit: everything it wrote is undone."""
    if kept := _put_back(journal, place.name).kept:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, kept))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


def _put_back(journal: Journal, name: str) -> Recovered:
    """Undo what the run wrote; what somebody else wrote meanwhile stays, and is named."""
    if not journal.exists:
        return Recovered(f"{name} was put back")
    with held():
        return journal.recover(Decision.KEEP)
