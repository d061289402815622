"""Makes the commit of a batch: its files and its record, exactly these, through the user's git."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator import files
from orchestrator.batch.journal import Decision, Journal
from orchestrator.errors import ChangedMeanwhile, Exit, OrchestrateError
from orchestrator.fixers import registry
from orchestrator.fixers.base import Edit, NoChange, Outcome, Refusal
from orchestrator.gates.verdict import Verdict
from orchestrator.git import GitFailed, Repo
from orchestrator.plan.model import Place, Plan
from orchestrator.progress.record import (
    Done,
    GateRecord,
    Record,
    TargetRecord,
    definition,
    record_path,
)
from orchestrator.report.message import message


class CommitRefused(OrchestrateError):
    """A hook or the signing said no; the batch was put back."""

    exit_code = Exit.RED


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that was made."""

    commit: str
    subject: str
    record: Record


def commit_batch(
    repo: Repo,
    plan: Plan,
    place: Place,
    base: str,
    outcomes: Sequence[Outcome],
    verdicts: Sequence[Verdict],
    journal: Journal,
) -> Commit:
    """Commit the edits of `outcomes` with their record; on any error the caller rolls back.

    Raises:
        CommitRefused: a hook or the signing said no.
        ChangedMeanwhile: the branch moved, or somebody staged something during the run.
    """
    record_file = record_path(plan, place)
    edited = [outcome.path for outcome in outcomes if isinstance(outcome, Edit)]
    paths = [outcome.path for outcome in outcomes]
    _must_be_at(repo, base)
    before = repo.staged_blobs(paths)
    _must_hold(repo, outcomes)
    journal.committing()
    if edited:
        repo.add(edited)
    _must_hold(repo, outcomes)  # what was staged between two equal looks is what was judged
    record = _record(place, plan, outcomes, verdicts, before, repo.staged_blobs(paths))
    files.create(repo.top / record_file, record.to_bytes())
    repo.add([record_file])
    _must_be_staged(repo, [*edited, record_file])
    text = message(plan, place, record)
    staged = repo.staged_blobs([*edited, record_file])
    commit = _commit(repo, text.text(), journal)
    _must_follow(repo, commit, base)
    _must_hold_what_was_judged(repo, commit, base, staged, journal)
    return Commit(commit, text.subject, record)


def _commit(repo: Repo, text: str, journal: Journal) -> str:
    files.create(journal.message_file, text.encode("utf-8", "surrogateescape"))
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
            next_step="set right what the hook says, then: orchestrate next-batch",
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
        next_step="let the hook check and not rewrite, then: orchestrate next-batch",
    )


def _must_be_at(repo: Repo, base: str) -> None:
    head = repo.head()
    if head.commit != base:
        raise ChangedMeanwhile(
            f"{head.branch} moved during the run, from {base[:10]} to {head.commit[:10]}",
            next_step="orchestrate next-batch",
        )


def _must_hold(repo: Repo, outcomes: Sequence[Outcome]) -> None:
    changed = [
        outcome.path
        for outcome in outcomes
        if isinstance(outcome, Edit) and files.read(repo.top / outcome.path) != outcome.data
    ]
    if changed:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, changed))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


def _must_be_staged(repo: Repo, paths: Iterable[str]) -> None:
    staged, ours = set(repo.staged()), set(paths)
    if foreign := sorted(staged - ours):
        raise ChangedMeanwhile(
            f"somebody staged {', '.join(map(repr, foreign))} during the run",
            next_step="git status",
        )


def _must_follow(repo: Repo, commit: str, base: str) -> None:
    if repo.parents(commit) != [base]:
        raise ChangedMeanwhile(
            f"the batch landed as {commit[:10]}, and not directly on {base[:10]}: "
            "somebody committed during the run",
            next_step=f"git log {base[:10]}..",
        )


def _record(
    place: Place,
    plan: Plan,
    outcomes: Sequence[Outcome],
    verdicts: Sequence[Verdict],
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> Record:
    fixer = registry.get(str(place.phase.fixer))
    by_path = {outcome.path: outcome for outcome in outcomes}
    targets = []
    for target in place.batch.targets:
        if target.manual is not None:
            entry = TargetRecord(path=target.path, done=Done.MANUAL, reason=target.manual)
        else:
            blobs = before[target.path], after[target.path]
            entry = _target_record(by_path[target.path], *blobs)
        targets.append(entry)
    return Record(
        plan=plan.name,
        phase=place.phase.id,
        batch=place.batch.id,
        definition=definition(place),
        fixer=fixer.name,
        fixer_version=fixer.version,
        targets=tuple(targets),
        gates=tuple(
            GateRecord(gate=v.gate, count=v.count, known_failures=tuple(sorted(v.known)))
            for v in verdicts
        ),
    )


def _target_record(outcome: Outcome, before: str, after: str) -> TargetRecord:
    match outcome:
        case Edit(path, _, counts, notes):
            return TargetRecord(
                path=path,
                done=Done.EDITED,
                before=before,
                after=after,
                counts=dict(counts),
                notes=notes,
            )
        case NoChange(path, notes):
            return TargetRecord(
                path=path, done=Done.UNCHANGED, before=before, after=after, notes=notes
            )
        case Refusal(path, reason):
            return TargetRecord(
                path=path, done=Done.REFUSED, before=before, after=after, reason=reason
            )
