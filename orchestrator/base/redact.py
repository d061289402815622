"""Takes the values of the environment out of text that is kept or shown.

A name does not tell a secret: DATABASE_URL, GH_PAT and SESSION_COOKIE hold one as well. So every
value of some length is hidden, in each form in which it is printed, but for what says of itself
that it is none: a path, a locale, a number, a version, a date, or a variable of `_HARMLESS`.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

_SECRET_NAME = re.compile(
    r"token|secret|passw|credential|api_?key|private|_key$|auth(?!or(?!i[sz]))", re.IGNORECASE
)
_SHORTEST_SECRET = 6
"""Shorter values are words of everyday text: hiding each of them would hide the text."""
_SHORTEST = 8
"""The same for a variable whose name says nothing: `production` is hidden, `main` is not."""

_HARMLESS = re.compile(
    r"""
    # what terminals, shells and desktops set: it is the same for everybody, and describes a machine
    TERM|TERM_PROGRAM(_VERSION)?|COLORTERM|COLORFGBG|LS_COLORS|NO_COLOR|FORCE_COLOR|COLUMNS|LINES
    |SHELL|SHLVL|PS[0-4]|PROMPT(_COMMAND)?|_|IFS|DISPLAY|WINDOWID|XDG_.*|EDITOR|VISUAL|PAGER|LESS
    # who and where: every commit names its author, and messages must be able to name a folder
    |USER|USERNAME|LOGNAME|HOSTNAME|HOST|HOSTTYPE|OSTYPE|MACHTYPE|HOME|PWD|OLDPWD|TMPDIR|TEMP|TMP
    |GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE)|EMAIL
    # language and time
    |LANG|LANGUAGE|LC_.*|TZ
    # where programs are found and how Python behaves: paths and switches
    |PATH|MANPATH|INFOPATH|LD_LIBRARY_PATH|VIRTUAL_ENV(_PROMPT)?|CONDA_DEFAULT_ENV
    |PYTHON(PATH|HOME|HASHSEED|WARNINGS|BREAKPOINT|DEVMODE|IOENCODING|UTF8|UNBUFFERED|STARTUP)
    |PYTHONDONTWRITEBYTECODE|PYTHONPYCACHEPREFIX|PYTHONCOERCECLOCALE|DEBIAN_FRONTEND
    # which build this is: its page and its log say so anyway
    |CI|GITHUB_(ACTIONS|WORKFLOW|JOB|REPOSITORY|REF|REF_NAME|REF_TYPE|BASE_REF|HEAD_REF|SHA|ACTOR)
    |GITHUB_(EVENT_NAME|SERVER_URL|API_URL|GRAPHQL_URL)|RUNNER_(OS|ARCH|NAME)
    # what pytest, xdist and this program tell their own processes
    |PYTEST_(CURRENT_TEST|VERSION|ADDOPTS|PLUGINS|DEBUG|DISABLE_PLUGIN_AUTOLOAD|XDIST_.*)
    |ORCHESTRATE_.*
    """,
    re.VERBOSE,
)
"""Variables that are not hidden, since it would make text unreadable and keep nothing secret."""

_SAYS_WHAT_IT_IS = re.compile(
    r"""
    [a-z]{2,3}_[A-Z]{2}(\.[\w-]+)?(@\w+)?|C(\.[\w-]+)?|POSIX          # a locale
    |[+-]?[\d_,.]*\d(e[+-]?\d+)?|true|false|yes|no|on|off|none|null    # a number, a switch
    |v?\d+(\.\d+)+([-+._]?(a|alpha|b|beta|c|rc|dev|post)?\.?\d*)*      # a version
    |\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?  # a date
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PATH = re.compile(r"(?:~[\w.-]*|\.{1,2})?/(?:(?!//)[^\n:=;?&])*|\.{1,2}|~")
_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s@]+)@")

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_FOLDERS = re.compile(r"(?<![\w.:/-])/(?:[\w.@+-]+/)+")
_CUT = re.compile(r"\.{3,}|…")
_SHOWN_OF_A_CUT = 6
"""How much of a value before or after an ellipsis is taken for a part of it."""


@dataclass(frozen=True, slots=True)
class _Form:
    """One way in which the value of a variable is printed."""

    text: str
    shown: str


@dataclass(slots=True)
class _Known:
    """What is hidden now, longest first, and the state of the environment it was made of."""

    state: Mapping[object, object]
    forms: list[_Form]


_learned: dict[str, set[str]] = {}
_known: _Known | None = None


def learn(variables: Mapping[str, str]) -> None:
    """Hide these values as well: what a program of ours was started with, or has loaded itself."""
    global _known  # noqa: PLW0603 - one environment for a process
    for name, value in variables.items():
        if value not in _learned.setdefault(name, set()):
            _learned[name].add(value)
            _known = None


def redacted(text: str) -> str:
    """`text` with `[NAME]` for the value of every variable that may be a secret.

    Where values overlap, all of them are taken out; so is what an ellipsis left of one.
    """
    if not text:
        return text
    found = [(at, at + len(f.text), f.shown) for f in _forms() for at in _places(f.text, text)]
    found += _cut(text)
    if not found:
        return text
    parts: list[str] = []
    end = 0
    for begin, stop, name in sorted(found, key=lambda span: (span[0], -span[1])):
        if begin >= end:
            parts += [text[end:begin], f"[{name}]"]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


def for_record(text: str, *, top: str) -> str:
    """`text` as it may be committed: no secret, no path of this machine, nothing that varies.

    Lone surrogates, which no JSON reader takes, are written as escapes.
    """
    text = _ADDRESS.sub("0x…", redacted(text).replace(f"{top}/", ""))
    text = _FOLDERS.sub("…/", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def redacted_id(id_: str) -> str:
    """A test id as it may be kept: its path is that of a file, its parameters can hold anything."""
    path, separator, rest = id_.partition("::")
    return f"{path}{separator}{redacted(rest)}" if separator else id_


def _places(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _cut(text: str) -> Iterator[tuple[int, int, str]]:
    """Where an ellipsis left the beginning or the end of a value: pytest shortens what is long."""
    cuts = list(_CUT.finditer(text))
    if not cuts:
        return
    for form in _forms():
        whole, head, tail = form.text, form.text[:_SHOWN_OF_A_CUT], form.text[-_SHOWN_OF_A_CUT:]
        if head in text:
            for cut in cuts:
                before = text[max(0, cut.start() - len(whole)) : cut.start()]
                if kept := _kept(before, whole, head):
                    yield cut.start() - kept, cut.start(), form.shown
        if tail in text:
            for cut in cuts:
                after = text[cut.end() : cut.end() + len(whole)]
                if kept := _kept(after[::-1], whole[::-1], tail[::-1]):
                    yield cut.end(), cut.end() + kept, form.shown


def _kept(text: str, whole: str, head: str) -> int:
    """How much of `whole` stands at the end of `text`, from its beginning on."""
    return next((len(text) - at for at in _places(head, text) if whole.startswith(text[at:])), 0)


def _forms() -> list[_Form]:
    """What is hidden now; worked out anew where the environment is another one."""
    global _known  # noqa: PLW0603 - as above
    state = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001 - decoding takes longer
    if _known is None or _known.state != state:
        _known = _Known(dict(state), list(_made(os.environ)))
    return _known.forms


def _made(state: Mapping[str, str]) -> Iterator[_Form]:
    """Every form of every value that is hidden, the longest first."""
    found: dict[str, str] = {}
    for name, value in _hidden(state):
        for part in _parts(value, _least(name)):
            for text in _written(part):
                if len(text) >= _least(name):
                    found.setdefault(text, name)
    for text in sorted(found, key=len, reverse=True):
        yield _Form(text, found[text])


def _hidden(state: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    given = [*state.items(), *((name, one) for name, some in _learned.items() for one in some)]
    for name, value in given:
        is_secret = _SECRET_NAME.search(name) is not None
        if is_secret or not (_HARMLESS.fullmatch(name) or _is_harmless(value.strip())):
            yield name, value


def _least(name: str) -> int:
    return _SHORTEST_SECRET if _SECRET_NAME.search(name) else _SHORTEST


def _is_harmless(value: str) -> bool:
    """Whether a value is a path or several, a locale, a number, a switch, a version or a date."""
    if _SAYS_WHAT_IT_IS.fullmatch(value):
        return True
    parts = [part for part in value.split(os.pathsep) if part]
    return all(_PATH.fullmatch(part) for part in parts) or _exists(value)


def _exists(value: str) -> bool:
    try:
        return Path(value).exists()
    except (OSError, ValueError):  # too long for a name, or none
        return False


def _parts(value: str, least: int) -> Iterator[str]:
    """The value, each of its lines, and the password in it where it is an address."""
    lines = [line.strip() for line in value.splitlines()]
    for part in {value, value.strip(), *lines, *_PASSWORD.findall(value)}:
        if len(part.strip()) >= least:
            yield part


def _written(value: str) -> Iterator[str]:
    """How a value is printed: as it is, as Python or JSON write it, in addresses, as base64."""
    data = value.encode("utf-8", "surrogateescape")
    literals = {value, repr(data)[2:-1], *(write(value) for write in _LITERALS)}
    yield from literals
    yield from {write(one) for one in literals for write in _LITERALS}  # a literal in a literal
    yield quote(data, safe="")
    yield quote(data)
    yield quote_plus(data)
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        encoded = encode(data).decode("ascii")
        yield from (encoded, encoded.rstrip("="))


_LITERALS: tuple[Callable[[str], str], ...] = (
    lambda value: repr(value)[1:-1],
    lambda value: ascii(value)[1:-1],
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: repr(f"{value}'\"")[1:-3].removesuffix("\\"),
)
"""What a literal holds between its quotes; the last is one in which single quotes are escaped."""


def last_lines(text: str, most: int = 12) -> str:
    """Return the last lines of what was printed, without the values of secrets."""
    return redacted("\n".join(text.strip().splitlines()[-most:]))
