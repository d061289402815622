"""Makes the commit of a batch: its files and its record, exactly these, through the user's git."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator import files
from orchestrator.batch.journal import Decision, Journal
from orchestrator.errors import ChangedMeanwhile, Exit, OrchestrateError
from orchestrator.git import GitFailed, Repo
from orchestrator.progress.record import Record
from orchestrator.report.message import Message


class CommitRefused(OrchestrateError):
    """A hook or the signing said no; the batch was put back."""

    exit_code = Exit.RED


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit is to hold: files with the bytes that were judged, and the record.

    `make` gets the blob id of each file in HEAD and of each as it is staged; the record it
    gives is written, None removes the one there is.
    """

    files: Mapping[str, bytes]
    record_path: str
    make: Callable[[Mapping[str, str], Mapping[str, str]], Record | None]
    message: Callable[[Record | None], Message]


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that was made; `record` is None where it removed the record."""

    commit: str
    subject: str
    record: Record | None


def commit_change(
    repo: Repo, change: Change, paths: Sequence[str], base: str, journal: Journal
) -> Commit:
    """Commit `change` as the child of `base`; on any error the caller rolls back.

    `paths` are the files whose blob ids the record needs, also those the commit leaves alone.

    Raises:
        CommitRefused: a hook or the signing said no.
        ChangedMeanwhile: the branch moved, or somebody staged something during the run.
    """
    _must_be_at(repo, base)
    _must_hold(repo, change.files)
    journal.committing()
    if change.files:
        repo.add(change.files)
    _must_hold(repo, change.files)  # what was staged between two equal looks is what was judged
    record = change.make(repo.committed_blobs(base, paths), repo.staged_blobs(paths))
    if record is not None:
        files.create(repo.top / change.record_path, record.to_bytes())
    else:
        files.remove(repo.top / change.record_path, up_to=repo.top)
    repo.add([change.record_path])
    ours = _staged(repo, [*change.files, change.record_path])
    text = change.message(record)
    if not ours:  # the same once more: the record says so already
        return Commit(base, text.subject, record)
    staged = repo.staged_blobs(ours)
    commit = _commit(repo, text.text(), journal)
    _must_follow(repo, commit, base)
    _must_hold_what_was_judged(repo, commit, base, staged, journal)
    return Commit(commit, text.subject, record)


def _commit(repo: Repo, text: str, journal: Journal) -> str:
    files.create(journal.message_file, text.encode("utf-8", "backslashreplace"))
    try:
        return repo.commit(journal.message_file)
    except GitFailed as error:
        # a hook may have rewritten our files before it said no: its version is kept for the user
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


def _must_hold_what_was_judged(
    repo: Repo, commit: str, base: str, staged: Mapping[str, str], journal: Journal
) -> None:
    """Take the commit back where a hook put something into it that no gate has seen."""
    changed = repo.changed_by(commit)
    committed = repo.committed_blobs(commit, changed)
    if committed == dict(staged):
        return
    foreign = sorted(set(changed) - set(staged))
    rewritten = sorted(path for path in staged if committed.get(path) != staged[path])
    repo.run("reset", "--quiet", "--soft", base)
    if foreign:
        repo.unstage(foreign)
    rescued = journal.recover(Decision.RESTORE).rescued
    kept = f"; what it wrote is in {', '.join(map(str, rescued))}" if rescued else ""
    raise CommitRefused(
        f"a hook changed the commit after it was judged ({', '.join([*rewritten, *foreign])}); "
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


def _must_hold(repo: Repo, judged: Mapping[str, bytes]) -> None:
    changed = [path for path, data in judged.items() if files.read(repo.top / path) != data]
    if changed:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, changed))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


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
