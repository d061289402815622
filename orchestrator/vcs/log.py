"""Reads what git remembers of some files: how they became what they are."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.vcs import Repo

_COMMIT = "\x01"


@dataclass(frozen=True, slots=True)
class Touched:
    """A commit of the branch that touched some files. `at` is its date, in seconds since 1970.

    `contents` are the files it touched as it left them; None where it removed one.
    """

    commit: str
    at: int
    author: str
    subject: str
    contents: dict[str, bytes | None]


def touching(repo: Repo, folder: str, suffix: str) -> list[Touched]:
    """The commits that touched files of a folder, oldest first; a merge counts as one commit."""
    if repo.is_unborn:
        return []
    printed = repo.paths(
        "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--no-renames", "--raw",
        "--no-abbrev", "-z", f"--format={_COMMIT}%H%n%ct%n%an%n%s", "HEAD", "--", folder,
    )  # fmt: skip
    found: list[Touched] = []
    wanted: list[tuple[Touched, str, str]] = []
    rest = iter(printed)
    for entry in rest:
        text = entry.lstrip("\n")
        if text.startswith(_COMMIT):
            commit, at, author, subject = text[1:].split("\n")[:4]
            found.append(Touched(commit, int(at), author, subject, {}))
        elif text.startswith(":"):
            blob, path = text.split()[3], next(rest)
            if path.endswith(suffix):
                wanted.append((found[-1], path, blob))
    contents = repo.blobs([blob for _, _, blob in wanted])
    for touched, path, blob in wanted:
        touched.contents[path] = contents.get(blob)
    return [touched for touched in found if touched.contents]


def first_commit_of(repo: Repo, path: str) -> int | None:
    """When a file first came, in seconds since 1970; None where it never did."""
    if repo.is_unborn:
        return None
    dates = repo.text("log", "--format=%ct", "--diff-filter=A", "HEAD", "--", path).split()
    return int(dates[-1]) if dates else None
