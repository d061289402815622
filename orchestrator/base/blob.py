"""Tells whether a file still holds the bytes a record names."""

from __future__ import annotations

import hashlib


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
