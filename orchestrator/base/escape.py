r"""Renders text from strangers for what it is written into, so that it is read as text and no more.

Records on a branch, plans, file names, test ids and the output of programs hold what anybody likes.
What would act instead of being read is shown as an escape such as `\x1b` or `\u202e`: controls,
format characters (the marks that turn the direction of writing, and those of no width), halves of
surrogate pairs, characters nobody has assigned, and letters that are drawn as nothing.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

_UNSEEN = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}).union(
    range(0x180B, 0x1810), range(0xE0100, 0xE01F0)
)
"""Letters and marks that are drawn as nothing although Unicode counts them as graphic."""

_MARKDOWN = re.compile(r"[\\`*\[\]<>|#~&!]|(?<![^\W_])_+|_+(?![^\W_])")
"""What Markdown reads as markup, wherever it stands; an underline only at the edge of a word."""

_LABEL = re.compile(r"^(?=[^\S\n]*(?:next|error)[^\S\n]*:)", re.IGNORECASE | re.MULTILINE)


class _Shown(dict[int, str]):
    """What stands for each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        harmless = char.isprintable() or unicodedata.category(char) == "Zs"
        shown = char if harmless and code not in _UNSEEN else _escape(code)
        self[code] = shown
        return shown


_MOST_OF_TWO_DIGITS, _MOST_OF_FOUR_DIGITS = 0xFF, 0xFFFF
"""Up to which character Python writes an escape with so many digits."""


def _escape(code: int) -> str:
    if code <= _MOST_OF_TWO_DIGITS:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _MOST_OF_FOUR_DIGITS else f"\\U{code:08x}"


_SHOWN = _Shown({ord("\n"): "\n", ord("\t"): "\t"})


def for_terminal(text: str) -> str:
    """`text` with its line ends and tabs, and everything else a terminal would obey as escapes."""
    return text.replace("\r\n", "\n").translate(_SHOWN)


def on_one_line(text: str) -> str:
    """The same on one line: a blank for every line end of whatever kind."""
    return for_terminal(" ".join(text.splitlines()))


def without_labels(text: str) -> str:
    """`text` with a bar before each line that would pass for one of ours: `next:` or `error:`."""
    return _LABEL.sub("| ", text)


def for_markdown(text: str) -> str:
    """`text` as it is to be read, on one line of Markdown: nothing in it is markup or an entity."""
    shown = on_one_line(" ".join(text.split()))
    return _MARKDOWN.sub(lambda found: "".join(f"\\{char}" for char in found[0]), shown)


def as_code_in_markdown(text: str) -> str:
    """`text` as code, on one line of Markdown, whatever backticks are in it."""
    shown = on_one_line(" ".join(text.split()))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def for_html(text: str) -> str:
    """`text` for the content or a quoted attribute of an element that no template escapes."""
    from html import escape

    return escape(for_terminal(text))


def for_commit(text: str) -> str:
    """A value inside a commit message: one line, so that it forges neither a line nor a trailer."""
    return on_one_line(" ".join(text.split()))


def as_argument(text: str) -> str:
    """`text` as one word of a command that is printed for a shell.

    What cannot be shown as it is, is written in the `$'…'` of POSIX, byte by byte, so that the
    command is on one line and still means the same file.
    """
    if on_one_line(text) == text:
        return shlex.quote(text)
    data = text.encode("utf-8", "surrogatepass" if _is_torn(text) else "surrogateescape")
    return f"$'{''.join(map(_byte, data))}'"


def as_command(words: Iterable[str]) -> str:
    """The words of a command as it is typed."""
    return " ".join(map(as_argument, words))


def _is_torn(text: str) -> bool:
    """Whether `text` has lone surrogates other than those that stand for bytes of a file name."""
    return any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in text)


def _byte(byte: int) -> str:
    char = chr(byte)
    plain = " " <= char <= "~" and char not in "'\\"
    return char if plain else f"\\{byte:03o}"
