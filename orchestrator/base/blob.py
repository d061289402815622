"""What git calls a content, and whether a file still holds it."""

from __future__ import annotations

import hashlib
import re

_OBJECT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class ObjectId(str):
    """An object id of git, of a commit or a blob: 40 or 64 hexadecimal digits.

    Raises:
        ValueError: it is no such id.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> ObjectId:
        """Check and make it."""
        if not _OBJECT_ID.fullmatch(text):
            raise ValueError(f"{text!r} is no id of git")
        return super().__new__(cls, text)


def blob_id(data: bytes, *, like: str = "") -> str:
    """The id git gives to `data` as a blob; SHA-256 where `like` is an id of that length."""
    digest = hashlib.sha256 if len(like) == _SHA256_DIGITS else hashlib.sha1
    return digest(b"blob %d\x00" % len(data) + data, usedforsecurity=False).hexdigest()


def holds(data: bytes, blob: str) -> bool:
    """Whether git would store `data` as `blob`, also where it turns CRLF into LF on the way in."""
    if blob_id(data, like=blob) == blob:
        return True
    return b"\r\n" in data and blob_id(data.replace(b"\r\n", b"\n"), like=blob) == blob


_SHA256_DIGITS = 64
