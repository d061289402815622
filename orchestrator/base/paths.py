"""The one rule for a path from outside: of a plan, a record, a journal, a worker or a program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Self

from orchestrator.errors import BadInput

_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""Nearly every path, told apart at once: no name in it begins with a dot or holds a `~`."""

_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out of a name (`next_hfs_char` in git's utf8.c)."""

_MOST_BYTES = 4_000
_MOST_BYTES_OF_A_NAME = 255
_GIT_NAMES = frozenset({".git", "git~1"})
"""Git's own folder, and the short name that Windows gives it (`is_ntfs_dotgit` in path.c)."""


class UnsafePath(BadInput, ValueError):
    """A path that leads out of the work tree, or into git's own folder; its text says how."""


class RepoPath(str):
    """A path relative to the top of a work tree, normalized, with no component `.git`.

    Can only be made by checking. Whether it leads through a symbolic link depends on the disk, so
    the functions of `files` look at that whenever they are given one.

    Raises:
        UnsafePath: the text is no such path.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Return `text` as a checked path; raises UnsafePath."""
        if text.__class__ is not cls and (why := why_unsafe(text)):
            raise UnsafePath(why)
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Lets a pydantic model check a field of this type."""
        from pydantic_core import PydanticCustomError, core_schema

        def checked(text: str) -> RepoPath:
            try:
                return cls(text)
            except UnsafePath as error:
                raise PydanticCustomError("unsafe_path", "{why}", {"why": error.what}) from error

        return core_schema.no_info_after_validator_function(checked, core_schema.str_schema())


def why_unsafe(path: str) -> str | None:  # noqa: PLR0911 - a line for each reason
    """What is wrong with a path, as a clause that begins with it; None where nothing is."""
    if len(path) <= _MOST_BYTES_OF_A_NAME and _PLAIN.fullmatch(path):
        return None
    parts = path.split("/")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        return f"{path!r} is absolute; write it from the top of the repository"
    if "\\" in path:
        return f"{path!r} has a backslash; write '/' between folders"
    if "\0" in path:
        return "a path cannot hold a NUL character"
    if any(part in {"", ".", ".."} for part in parts):
        return f"{path!r} is not in its simplest form (no '..', '.', or '//')"
    if any(_is_gits_own(part) for part in parts):
        return f"{path!r} lies in git's own folder"
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if sum(sizes) > _MOST_BYTES or max(sizes) > _MOST_BYTES_OF_A_NAME:
        return f"{path[:40] + '…'!r} is longer than the name of a file can be"
    return None


def _is_gits_own(name: str) -> bool:
    """Whether some file system that git knows takes `name` for `.git`."""
    if "git" not in (low := name.casefold()) and name.isascii():
        return False
    low = _IGNORED_BY_HFS.sub("", low).partition(":")[0].rstrip(" .")
    return low in _GIT_NAMES
