"""Checks, just before and after a commit, that nobody else changed what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.base import files
from orchestrator.base.changes import Content
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.errors import ChangedMeanwhile, NeedsDecision
from orchestrator.vcs import GitFailed, Head, Repo

_ALONE = "let the tests use a repository of their own, then: orchestrate next-batch"


def _here(repo: Repo) -> Head:
    """Where HEAD is; the commit is "" on a branch that has none yet."""
    try:
        return repo.here()
    except GitFailed:
        return Head(repo.branch, "")


def must_be_at(repo: Repo, was: Head) -> None:
    """Make sure that HEAD is where it was when the run began.

    Raises:
        ChangedMeanwhile: the branch moved.
        NeedsDecision: another branch was checked out.
    """
    now = _here(repo)
    if was.branch is None:  # a checkout of ours, on no branch
        if now != was:
            raise ChangedMeanwhile(
                "something ran git checkout or git commit in the work tree of the run; "
                "nothing of the batch landed, and it was rolled back",
                next_step=_ALONE,
            )
        return
    if now.branch != was.branch:
        raise NeedsDecision(
            f"another branch was checked out during the run: {now.branch or 'none'}, and the "
            f"batch was meant for {was.branch}; nothing was committed, and it was rolled back",
            next_step=f"git switch {as_argument(was.branch or '')} && orchestrate next-batch",
        )
    if now.commit != was.commit:
        raise ChangedMeanwhile(
            f"{was.branch} moved during the run, from {was.commit[:10]} to {now.commit[:10]}; "
            "what came stays, and the batch was rolled back",
            next_step=f"git log {was.commit[:10]}..",
        )


def check_unchanged(repo: Repo, judged: Mapping[str, Content]) -> None:
    """Make sure that files hold what was verified.

    Raises:
        ChangedMeanwhile: somebody changed one.
    """
    changed = [path for path, content in judged.items() if content_of(repo, path) != content]
    if changed:
        raise changed_by_somebody(changed)


def content_of(repo: Repo, path: str) -> Content:
    """Return what a file of the work tree holds, None where there is none."""
    return files.contents(repo.top, RepoPath(path))


def check_only_ours_staged(repo: Repo, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that a commit would change."""
    staged, ours = repo.staged(), set(paths)
    if foreign := sorted(set(staged) - ours):
        raise ChangedMeanwhile(
            f"somebody staged {', '.join(map(repr, foreign))} during the run",
            next_step="git status",
        )
    return staged


def must_follow(repo: Repo, commit: str, base: str) -> None:
    """Make sure that a commit was made directly on `base`.

    Raises:
        ChangedMeanwhile: somebody committed in between.
    """
    if repo.parents(commit) != [base]:
        raise ChangedMeanwhile(
            f"the batch landed as {commit[:10]}, and not directly on {base[:10]}: "
            "somebody committed during the run",
            next_step=f"git log {base[:10]}..",
        )


def changed_by_somebody(paths: Iterable[str]) -> ChangedMeanwhile:
    """Return the error for files that somebody changed during the run."""
    return ChangedMeanwhile(
        f"somebody changed {', '.join(map(repr, paths))} during the run; that was kept, "
        "everything else of the batch was rolled back",
        next_step="git diff",
    )
