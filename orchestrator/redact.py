"""Takes the values of secrets in the environment out of text that is kept or shown."""

from __future__ import annotations

import os
import re

_SECRET_NAME = re.compile(
    r"token|secret|passw|credential|api_?key|private|_key$|auth", re.IGNORECASE
)
_SHORTEST = 6
"""Shorter values are words of everyday text: hiding each of them would hide the text."""


def redacted(text: str) -> str:
    """`text` with `[NAME]` for the value of every variable whose name sounds like a secret."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, f"[{name}]")
    return text
