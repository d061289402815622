"""Compares a commit with what the gates judged, and takes it back where a hook changed that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.vcs import Repo


@dataclass(frozen=True, slots=True)
class UnverifiedChanges:
    """What no gate has seen: files with other contents, and files that were not to be changed."""

    rewritten: Sequence[str]
    foreign: Sequence[str]

    @property
    def paths(self) -> list[str]:
        """All of them."""
        return [*self.rewritten, *self.foreign]


def unverified_changes(
    repo: Repo, commit: str, judged: Mapping[str, str | None]
) -> UnverifiedChanges | None:
    """What `commit` holds beside `judged`: a blob for each file, None where it is removed."""
    changed = repo.changed_by(commit)
    committed = repo.committed_blobs(commit, changed)
    rewritten = sorted(
        path for path, blob in judged.items() if path not in changed or committed.get(path) != blob
    )
    foreign = sorted(set(changed) - set(judged))
    return UnverifiedChanges(rewritten, foreign) if rewritten or foreign else None


def uncommit(repo: Repo, base: str, odd: UnverifiedChanges) -> None:
    """Put the branch back to `base`; what is in the work tree stays as it is."""
    repo.run("reset", "--quiet", "--soft", base)
    if odd.foreign:
        repo.unstage(odd.foreign)
