"""Changes files and commits them as one: in the journal before, undone where it does not end.

What is committed are exactly the files that were judged and their record, through the user's git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.base import failpoints, files, state_files
from orchestrator.base.changes import Change, Content
from orchestrator.base.paths import RepoPath
from orchestrator.base.redact import redacted
from orchestrator.base.signals import held
from orchestrator.commit.checks import (
    changed_by_somebody,
    check_only_ours_staged,
    check_unchanged,
    content_of,
    must_be_at,
    must_follow,
)
from orchestrator.commit.journal import Journal, RecoverChoice, Recovery, TransactionHeader
from orchestrator.commit.out_of_scope import OutOfScopeGuard, OutOfScopeWrite, RestoredFiles
from orchestrator.commit.verify_commit import uncommit, unverified_changes
from orchestrator.errors import (
    CannotJudge,
    ChangedMeanwhile,
    Exit,
    Interrupted,
    OrchestrateError,
)
from orchestrator.records.record import Record
from orchestrator.vcs import GitFailed, Head, Repo
from orchestrator.vcs.sparse import stage_removal
from orchestrator.vcs.standin import commit_as_on

_ELSEWHERE = "let it write to a temporary folder, or list the file in `verify: writes:` of the plan"


class CommitRefused(OrchestrateError):
    """A hook or the signing said no; the batch was rolled back."""

    exit_code = Exit.RED


class CommitMessage(Protocol):
    """The text of a commit."""

    @property
    def subject(self) -> str:
        """Its first line."""
        ...

    def text(self) -> str:
        """Return all of it, as `git commit -F` takes it."""
        ...


@dataclass(frozen=True, slots=True)
class CommitContext:
    """Where a run commits: the work tree, its journal, and the folders in which it keeps things.

    `state_dir` is below git's folder of this work tree, `logs` below that of the user's. `branch`
    is where commits go that are made on a detached HEAD. `say` is given a sentence for the user.
    """

    repo: Repo
    journal: Journal
    state_dir: Path
    logs: Path
    say: Callable[[str], None]
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was made."""

    commit: str
    subject: str


@dataclass(frozen=True, slots=True)
class StagedBlobs:
    """What a commit is about to hold: the blob id of each file in HEAD, and as it is staged.

    A file that is not there on one side has no id there.
    """

    contents: Mapping[str, Content]
    before: Mapping[str, str]
    after: Mapping[str, str]


@contextmanager
def transaction(
    context: CommitContext,
    batch: str,
    head: Head,
    before: Mapping[str, Content],
    *,
    record: RepoPath,
    may_write: Callable[[str], bool],
) -> Iterator[Transaction]:
    """Write and commit in the block; where it ends without a commit, all is as it was.

    `before` are the files that may be changed, with what they hold; `head` is where the branch is;
    `record` is the path of the batch's record. `may_write` says which other tracked files its
    tests may write to.

    Raises:
        ChangedMeanwhile: the block made no commit, and somebody else's bytes were kept.
        OutOfScopeWrite: the project's own code wrote to files that are none of the batch.
    """
    repo, journal = context.repo, context.journal
    guard = OutOfScopeGuard.seen(repo, context.state_dir, head.commit, context.logs)
    header = TransactionHeader(batch, head.branch, head.commit, record, guard.snapshot)
    made = Transaction(context, guard, may_write, head, record, dict(before))
    try:
        journal.prepare(header, before)
        failpoints.hit("prepared")
        yield made
        if not made.committed:
            made.roll_back_all()
    except Interrupted as interruption:
        interruption.what = f"interrupted; {made.roll_back()}"
        raise
    except ChangedMeanwhile as error:
        said = made.roll_back()
        if made.overwritten:
            raise OutOfScopeWrite(
                f"{made.overwritten} wrote to files of the batch; {said}", next_step=_ELSEWHERE
            ) from error
        raise
    except BaseException:
        made.roll_back()
        raise
    journal.close()
    failpoints.hit("closed")


@dataclass(slots=True)
class Transaction:
    """First what may be written, then what is staged, then the commit."""

    _context: CommitContext
    guard: OutOfScopeGuard
    """What watches over the files outside the batch."""

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
        return self._context.repo

    @property
    def _journal(self) -> Journal:
        return self._context.journal

    @property
    def _base(self) -> str:
        return self._head.commit

    def declare_changes(self, changes: Sequence[Change]) -> None:
        """From now on the files of `changes` may hold what they have after them, and no others."""
        for change in changes:
            self._before.setdefault(change.path, change.before)
        self._journal.applying(changes)
        failpoints.hit("applying")

    def stage(self, contents: Mapping[str, Content], paths: Sequence[str]) -> StagedBlobs:
        """Stage the files that were verified, and return the blob ids of `paths`.

        Raises:
            ChangedMeanwhile, NeedsDecision, OutOfScopeWrite: as `must_be_as_judged`.
        """
        self.must_be_as_judged(contents)
        self._journal.committing()
        failpoints.hit("committing")
        if contents:
            self._repo.add(contents)
        failpoints.hit("staged")
        check_unchanged(self._repo, contents)  # what was staged between two equal looks was judged
        before = self._repo.committed_blobs(self._base, paths)
        return StagedBlobs(contents, before, self._repo.staged_blobs(paths))

    def commit(self, staged: StagedBlobs, record: Record | None, message: CommitMessage) -> Commit:
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
        failpoints.hit("recorded")
        if record is not None:
            repo.add([self._record])
        else:
            stage_removal(repo, self._record)
        ours = check_only_ours_staged(repo, [*staged.contents, self._record])
        if not ours:  # the same once more: the record says so already
            self.committed = True
            return Commit(self._base, message.subject)
        blobs = repo.staged_blobs(ours)
        judged = {path: blobs.get(path) for path in ours}
        self._journal.judged(judged)
        commit = self._made(message.text())
        failpoints.hit("committed")
        must_follow(repo, commit, self._base)
        self._must_hold_what_was_judged(commit, judged)
        self.committed = True
        failpoints.hit("verified")
        return Commit(commit, message.subject)

    def roll_back(self) -> str:
        """Undo what the run wrote, and what tests and hooks did; told in a sentence.

        What somebody else wrote meanwhile stays, and is named.
        """
        with held():
            recovered = self._recovered()
            restored = self.guard.roll_back(ours=self._before)
            # a hook may have written once more before it was ended
            held_before = {} if recovered.landed else self._before
            after = [p for p, data in held_before.items() if content_of(self._repo, p) != data]
        sentence = recovered.sentence
        if restored:
            sentence += f"; {restored.sentence}"
        if left := sorted({*recovered.kept, *after}):
            sentence += f"; somebody changed {', '.join(map(repr, left))}, which was kept"
        return sentence

    def roll_back_all(self) -> None:
        """End the transaction without a commit: restore every file it wrote.

        Raises:
            ChangedMeanwhile: somebody else changed a file, which was left as it is.
        """
        with held():
            kept = self._recovered().kept
            restored = self.guard.roll_back(ours=self._before)
        if restored:
            self._context.say(restored.sentence)
        if kept:
            raise changed_by_somebody(kept)

    def _recovered(self) -> Recovery:
        journal = self._journal
        if not journal.exists:
            return Recovery("the batch was rolled back")
        unknown = journal.unknown()
        writers = [self.guard.writer(path) for path in unknown]
        if unknown and all(writers):
            self.overwritten = writers[0]
        ours = self._hooks_ran or all(writers)
        return journal.recover(RecoverChoice.RESTORE if ours else RecoverChoice.KEEP)

    def must_be_as_judged(self, contents: Mapping[str, Content]) -> None:
        """Make sure that files hold what was judged, and that nothing else was done meanwhile.

        Raises:
            ChangedMeanwhile: the branch moved, a file does not hold what was judged, something was
                staged, git was configured, or a hook changed.
            NeedsDecision: another branch was checked out.
            OutOfScopeWrite: the project's own code wrote to files that are none of the batch.
        """
        must_be_at(self._repo, self._head)
        check_only_ours_staged(self._repo, [])
        self.guard.check_settings()
        self._put_back_bystanders()
        check_unchanged(self._repo, contents)

    def _put_back_bystanders(self) -> None:
        done = self.guard.roll_back(ours=self._before)
        if done is None:
            return
        if foreign := [path for path in done.paths if not self._may_write(path)]:
            raise OutOfScopeWrite(
                f"{RestoredFiles(foreign, done.who, done.copies).sentence}",
                next_step=_ELSEWHERE,
            )
        self._context.say(done.sentence)

    def _made(self, text: str) -> str:
        journal, self._hooks_ran = self._journal, True
        state_files.write(journal.message_file, text.encode("utf-8", "backslashreplace"))
        try:
            if (branch := self._context.branch) is not None:
                return commit_as_on(self._repo, branch, journal.message_file)
            return self._repo.commit(journal.message_file)
        except GitFailed as error:
            # a hook may have rewritten our files before it said no: its version is kept
            with held():  # a second Ctrl-C must not reach the git that puts things back
                rescued = journal.recover(RecoverChoice.RESTORE).rescued
            said = redacted(error.output.strip())[-3000:] or "(it printed nothing)"
            if rescued:
                said += f"\nwhat it had written is in {', '.join(map(str, rescued))}"
            if error.exit_code in {Exit.DISK, Exit.CHANGED_MEANWHILE}:
                raise  # neither a hook nor the signing: a full disk, or another git at work
            if "gpg failed" in error.output or "signing failed" in error.output:
                raise CannotJudge(
                    f"git could not sign the commit; the batch was rolled back\n{said}",
                    next_step="set right what git says, then type the same command again",
                ) from error
            raise CommitRefused(
                f"git commit failed, by itself or by a hook; the batch was rolled back\n{said}",
                next_step="set right what the hook says, then type the same command again",
            ) from error
        finally:
            journal.message_file.unlink(missing_ok=True)

    def _must_hold_what_was_judged(self, commit: str, staged: Mapping[str, str | None]) -> None:
        """Take the commit back where a hook put something into it that no gate has seen.

        `staged` is what it should change: the blob of each file, None where it is removed.
        """
        if (odd := unverified_changes(self._repo, commit, staged)) is None:
            return
        with held():
            uncommit(self._repo, self._base, odd)
            rescued = self._journal.recover(RecoverChoice.RESTORE).rescued
        kept = f"; what it wrote is in {', '.join(map(str, rescued))}" if rescued else ""
        raise CommitRefused(
            f"a hook changed the commit after it was judged ({', '.join(odd.paths)}); "
            f"the commit and its batch were rolled back{kept}",
            next_step="let the hook check and not rewrite, then type the same command again",
        )
