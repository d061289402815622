"""What the files of a work tree hold; what only git can tell is asked of it, where it is needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.base.blob import holds
from orchestrator.base.reading import MOST_MIB, read_regular


class Git(Protocol):
    """The answers of git that a status needs, each looked for only when it is asked for."""

    def hidden(self) -> Mapping[str, str]:
        """The files that a sparse checkout leaves out, each with the blob that git holds of it."""
        ...

    def blob(self, name: str) -> bytes | None:
        """What a blob holds; None where there is none."""
        ...

    def renamed(self, path: str) -> str | None:
        """The last name of a file that was renamed; None where it was not."""
        ...

    def stored_as(self, path: str) -> str | None:
        """The blob that git would store for a file, by the attributes that are set for it."""
        ...

    def reverted(self, records: Collection[str]) -> Mapping[str, str]:
        """Of records that are not there: who took them back with their code, in which commit."""
        ...


class NoGit:
    """Answers like `Git` where there is no git repository: nothing is known."""

    def hidden(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def blob(self, name: str) -> bytes | None:
        """None."""
        return None

    def renamed(self, path: str) -> str | None:
        """None."""
        return None

    def stored_as(self, path: str) -> str | None:
        """None."""
        return None

    def reverted(self, records: Collection[str]) -> Mapping[str, str]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class WorkTree:
    """The files of a work tree, by their paths from its top; asks git for what is not on disk."""

    top: Path
    git: Git

    def read(self, path: str, *, most_mib: int = MOST_MIB) -> bytes | None:
        """What a file holds, from git where a sparse checkout leaves it out; None: it is not there.

        Raises:
            OSError: it is no regular file, larger than `most_mib`, or cannot be read.
        """
        try:
            # thousands of files: building a Path for each takes longer than reading it
            return read_regular(f"{self.top}/{path}", most_mib=most_mib)
        except (FileNotFoundError, NotADirectoryError):
            name = self.git.hidden().get(path)
            return None if name is None else self.git.blob(name)

    def holds(self, path: str, data: bytes, blob: str) -> bool:
        """Whether git would store a file that holds `data` as `blob`."""
        return holds(data, blob) or self.git.stored_as(path) == blob
