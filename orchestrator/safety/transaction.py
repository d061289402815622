"""Changes files and commits them as one deed: in the journal before, undone where it does not end.

What is committed are exactly the files that were judged and their record, through the user's git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator import files, private
from orchestrator.changes import Change, Content
from orchestrator.errors import (
    CannotJudge,
    ChangedMeanwhile,
    Exit,
    Interrupted,
    NeedsDecision,
    OrchestrateError,
)
from orchestrator.events import Said
from orchestrator.foreign import as_argument
from orchestrator.git import GitFailed, Head, Repo
from orchestrator.git.sparse import stage_removal
from orchestrator.git.standin import commit_as_on
from orchestrator.paths import RepoPath
from orchestrator.plan.model import Place
from orchestrator.progress.record import Record, record_path
from orchestrator.redact import redacted
from orchestrator.report.message import Message
from orchestrator.safety import points
from orchestrator.safety.bystanders import Bystanders, PutBack, Trespass
from orchestrator.safety.journal import Decision, Deed, Journal, Recovered
from orchestrator.safety.judged import take_back, unjudged
from orchestrator.safety.session import Session
from orchestrator.safety.signals import held

_ALONE = "let the tests use a repository of their own, then: orchestrate next-batch"
_ELSEWHERE = "let it write to a temporary folder, or list the file in `verify: writes:` of the plan"


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
    session: Session, place: Place, head: Head, before: Mapping[str, Content]
) -> Iterator[Transaction]:
    """Write and commit in the block; where it ends without a commit, all is as it was.

    `before` are the files that may be changed, with what they hold; `head` is where the branch is.

    Raises:
        ChangedMeanwhile: the block made no commit, and somebody else's bytes were kept.
        Trespass: the project's own code wrote to files that are none of the batch.
    """
    repo, journal = session.repo, session.journal
    bystanders = Bystanders.seen(repo, session.folder, head.commit, session.logs)
    session.bystanders = bystanders
    record = record_path(session.plan, place)
    deed = Deed(place.name, head.branch, head.commit, record, bystanders.snapshot)
    may_write = session.plan.verify_for(place).may_write
    made = Transaction(session, bystanders, may_write, head, record, dict(before))
    try:
        journal.prepare(deed, before)
        points.passed("prepared")
        yield made
        if not made.committed:
            made.put_back_all()
    except Interrupted as interruption:
        interruption.what = f"interrupted; {made.put_back()}"
        raise
    except ChangedMeanwhile as error:
        said = made.put_back()
        if made.overwritten:
            raise Trespass(
                f"{made.overwritten} wrote to files of the batch; {said}", next_step=_ELSEWHERE
            ) from error
        raise
    except BaseException:
        made.put_back()
        raise
    finally:
        session.bystanders = None
    journal.close()
    points.passed("closed")


@dataclass(slots=True)
class Transaction:
    """One deed: first what may be written, then what is staged, then the commit."""

    _session: Session
    _bystanders: Bystanders
    _may_write: Callable[[str], bool]
    """Whether the plan lets the tests of the batch write to a tracked file."""

    _head: Head
    _record: RepoPath
    _before: dict[str, Content]
    committed: bool = False
    overwritten: str | None = None
    """Which test wrote to files of the batch, where one did."""
    _hooks_ran: bool = False

    @property
    def _repo(self) -> Repo:
        return self._session.repo

    @property
    def _journal(self) -> Journal:
        return self._session.journal

    @property
    def _base(self) -> str:
        return self._head.commit

    def may_hold(self, changes: Sequence[Change]) -> None:
        """From now on the files of `changes` may hold what they have after them, and no others."""
        for change in changes:
            self._before.setdefault(change.path, change.before)
        self._journal.applying(changes)
        points.passed("applying")

    def stage(self, contents: Mapping[str, Content], paths: Sequence[str]) -> Staged:
        """Stage files that hold what was judged; `paths` are those whose blob ids are wanted.

        Raises:
            ChangedMeanwhile, NeedsDecision, Trespass: as `must_be_as_judged`.
        """
        self.must_be_as_judged(contents)
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
            files.write(repo.top, self._record, record.to_bytes())
        else:
            files.remove(repo.top, self._record)
        points.passed("recorded")
        if record is not None:
            repo.add([self._record])
        else:
            stage_removal(repo, self._record)
        ours = _staged(repo, [*staged.contents, self._record])
        if not ours:  # the same once more: the record says so already
            self.committed = True
            return Commit(self._base, message.subject)
        blobs = repo.staged_blobs(ours)
        judged = {path: blobs.get(path) for path in ours}
        self._journal.judged(judged)
        if self._session.signs_off:
            message = message.signed_off(repo.committer())
        commit = self._made(message.text())
        points.passed("committed")
        _must_follow(repo, commit, self._base)
        self._must_hold_what_was_judged(commit, judged)
        self.committed = True
        points.passed("verified")
        return Commit(commit, message.subject)

    def put_back(self) -> str:
        """Undo what the run wrote, and what tests and hooks did; told in a sentence.

        What somebody else wrote meanwhile stays, and is named.
        """
        with held():
            recovered = self._recovered()
            trespass = self._bystanders.put_back(ours=self._before)
            # a hook may have written once more before it was ended
            held_before = {} if recovered.landed else self._before
            after = [p for p, data in held_before.items() if _now(self._repo, p) != data]
        sentence = recovered.sentence
        if trespass:
            sentence += f"; {trespass.sentence}"
        if left := sorted({*recovered.kept, *after}):
            sentence += f"; somebody changed {', '.join(map(repr, left))}, which was kept"
        return sentence

    def put_back_all(self) -> None:
        """End a deed without a commit: everything it wrote is undone.

        Raises:
            ChangedMeanwhile: somebody else's bytes were kept.
        """
        with held():
            kept = self._recovered().kept
            trespass = self._bystanders.put_back(ours=self._before)
        if trespass:
            self._session.tell(Said(trespass.sentence))
        if kept:
            raise _kept(kept)

    def _recovered(self) -> Recovered:
        journal = self._journal
        if not journal.exists:
            return Recovered("the batch was put back")
        unknown = journal.unknown()
        writers = [self._bystanders.writer(path) for path in unknown]
        if unknown and all(writers):
            self.overwritten = writers[0]
        ours = self._hooks_ran or all(writers)
        return journal.recover(Decision.RESTORE if ours else Decision.KEEP)

    def must_be_as_judged(self, contents: Mapping[str, Content]) -> None:
        """Make sure that files hold what was judged, and that nothing else was done meanwhile.

        Raises:
            ChangedMeanwhile: the branch moved, a file does not hold what was judged, something was
                staged, git was configured, or a hook changed.
            NeedsDecision: another branch was checked out.
            Trespass: the project's own code wrote to files that are none of the batch.
        """
        _must_be_at(self._repo, self._head)
        _staged(self._repo, [])
        self._bystanders.check_settings()
        self._put_back_bystanders()
        _must_hold(self._repo, contents)

    def _put_back_bystanders(self) -> None:
        done = self._bystanders.put_back(ours=self._before)
        if done is None:
            return
        if foreign := [path for path in done.paths if not self._may_write(path)]:
            raise Trespass(
                f"{PutBack(foreign, done.who, done.copies).sentence}",
                next_step=_ELSEWHERE,
            )
        self._session.tell(Said(done.sentence))

    def _made(self, text: str) -> str:
        journal, self._hooks_ran = self._journal, True
        private.write(journal.message_file, text.encode("utf-8", "backslashreplace"))
        try:
            if (branch := self._session.lands_on) is not None:
                return commit_as_on(self._repo, branch, journal.message_file)
            return self._repo.commit(journal.message_file)
        except GitFailed as error:
            # a hook may have rewritten our files before it said no: its version is kept
            with held():  # a second Ctrl-C must not reach the git that puts things back
                rescued = journal.recover(Decision.RESTORE).rescued
            said = redacted(error.output.strip())[-3000:] or "(it printed nothing)"
            if rescued:
                said += f"\nwhat it had written is in {', '.join(map(str, rescued))}"
            if error.exit_code in {Exit.DISK, Exit.CHANGED_MEANWHILE}:
                raise  # neither a hook nor the signing: a full disk, or another git at work
            if "gpg failed" in error.output or "signing failed" in error.output:
                raise CannotJudge(
                    f"git could not sign the commit; the batch was put back\n{said}",
                    next_step="set right what git says, then type the same command again",
                ) from error
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
        with held():
            take_back(self._repo, self._base, odd)
            rescued = self._journal.recover(Decision.RESTORE).rescued
        kept = f"; what it wrote is in {', '.join(map(str, rescued))}" if rescued else ""
        raise CommitRefused(
            f"a hook changed the commit after it was judged ({', '.join(odd.paths)}); "
            f"the commit was taken back and the batch with it{kept}",
            next_step="let the hook check and not rewrite, then type the same command again",
        )


def _here(repo: Repo) -> Head:
    """Where HEAD is; the commit is "" on a branch that has none yet."""
    try:
        return repo.here()
    except GitFailed:
        return Head(repo.branch, "")


def _must_be_at(repo: Repo, was: Head) -> None:
    now = _here(repo)
    if was.branch is None:  # a checkout of ours, on no branch
        if now != was:
            raise ChangedMeanwhile(
                "something checked out or committed in the work tree of the run; "
                "nothing of it landed, and the batch was put back",
                next_step=_ALONE,
            )
        return
    if now.branch != was.branch:
        raise NeedsDecision(
            f"another branch was checked out during the run: {now.branch or 'none'}, and the "
            f"batch was meant for {was.branch}; nothing was committed, and it was put back",
            next_step=f"git switch {as_argument(was.branch or '')} && orchestrate next-batch",
        )
    if now.commit != was.commit:
        raise ChangedMeanwhile(
            f"{was.branch} moved during the run, from {was.commit[:10]} to {now.commit[:10]}; "
            "what came stays, and the batch was put back",
            next_step=f"git log {was.commit[:10]}..",
        )


def _must_hold(repo: Repo, judged: Mapping[str, Content]) -> None:
    changed = [path for path, content in judged.items() if _now(repo, path) != content]
    if changed:
        raise _kept(changed)


def _now(repo: Repo, path: str) -> Content:
    return files.contents(repo.top, RepoPath(path))


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


def _kept(paths: Iterable[str]) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"somebody changed {', '.join(map(repr, paths))} during the run; that was kept, "
        "everything else of the batch was put back",
        next_step="git diff",
    )
