"""Takes the values of secrets in the environment out of text that is kept or shown."""

from __future__ import annotations

import os
import re

_SECRET_NAME = re.compile(
    r"token|secret|passw|credential|api_?key|private|_key$|auth", re.IGNORECASE
)
_SHORTEST = 6
"""Shorter values are words of everyday text: hiding each of them would hide the text."""


_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_FOLDERS = re.compile(r"(?<![\w.:/-])/(?:[\w.@+-]+/)+")


def for_record(text: str, *, top: str) -> str:
    """`text` as it may be committed: no secret, no path of this machine, nothing that varies.

    Lone surrogates, which no JSON reader takes, are written as escapes.
    """
    text = _ADDRESS.sub("0x…", redacted(text).replace(f"{top}/", ""))
    text = _FOLDERS.sub("…/", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def redacted(text: str) -> str:
    """`text` with `[NAME]` for the value of every variable whose name sounds like a secret."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, f"[{name}]")
    return text
