"""Who owns a file, by the CODEOWNERS of the repository."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from orchestrator.base.reading import read_text_of

_PLACES = ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")


def owners(top: Path) -> Callable[[str], str]:
    """Answers for each path with its owners, "" where nobody is named; the last rule counts."""
    file = next((top / place for place in _PLACES if (top / place).is_file()), None)
    text = read_text_of(file, errors="replace") if file else ""
    rules = [(_pattern(words[0]), " ".join(words[1:])) for words in _rules(text)]

    @cache
    def owner_of(path: str) -> str:
        return next((names for rule, names in reversed(rules) if rule.search(path)), "")

    return owner_of


def _rules(text: str) -> list[list[str]]:
    """The words of each rule; comments, and the headings of sections GitLab knows, are none."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [words for words in lines if words and not words[0].startswith(("[", "^["))]


def _pattern(rule: str) -> re.Pattern[str]:
    """As git's ignore rules: anchored with a slash inside, `**` over folders, a folder with all."""
    anchored = "/" in rule.rstrip("/")
    inner = rule.strip("/")
    text = ""
    at = 0
    while at < len(inner):
        if inner.startswith("**/", at):
            text, at = f"{text}(?:.*/)?", at + 3
        elif inner.startswith("**", at):
            text, at = f"{text}.*", at + 2
        elif inner[at] == "*":
            text, at = f"{text}[^/]*", at + 1
        elif inner[at] == "?":
            text, at = f"{text}[^/]", at + 1
        else:
            text, at = text + re.escape(inner[at]), at + 1
    end = "/" if rule.endswith("/") else "$" if rule.endswith("/*") else "(?:/|$)"
    return re.compile(f"{'^' if anchored else '(?:^|/)'}{text}{end}")
