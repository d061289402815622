"""Says how a test failed without a value in it: what may be committed, and what hides the rest.

It runs beside the probe, inside the interpreter of the project: standard library only, Python 3.7.
What is told is the type of what was raised and the line of source it came from, for that line is in
the repository already; the message of an assertion may show whatever the tests can reach. For those
who show it all the same, the variables that the tests' own process has got since it began are told.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import traceback
from typing import Any, Dict, Optional

_LINE_CHARS = 160
_TEXT_CHARS = 6000
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_TYPE = re.compile(r"([A-Za-z_][\w.]*)(:|\s*\Z)")
_INSTALLED = os.sep + "site-packages" + os.sep
_STARTED = dict(os.environ)
# a test may replace them
_extract_tb, _getline, _isfile = traceback.extract_tb, linecache.getline, os.path.isfile


def failure(excinfo: Any, top: str) -> Dict[str, Any]:
    """What was raised where: the type, and the line of source that is the same after an edit."""
    frames = _extract_tb(excinfo.tb)
    last = frames[-1] if frames else None
    return {
        "error": excinfo.type.__name__,
        "at": (last.line or "").strip() if last else "",
        "function": last.name if last else "",
        "raised": raised(excinfo.value, top),
        "variables": new_variables(),
    }


def failed_collection(report: Any, top: str) -> Dict[str, Any]:
    """The same of a file that cannot be collected; pytest wraps what the import raised."""
    error = getattr(getattr(getattr(report, "call", None), "excinfo", None), "value", None)
    if error is None:
        return {"raised": _from_report(report, top), "variables": new_variables()}
    wrapped = type(error).__name__ in ("CollectError", "ConftestImportFailure")
    cause = error.__cause__ if wrapped and error.__cause__ else error
    return {"raised": raised(cause, top), "variables": new_variables()}


def raised(error: BaseException, top: str) -> str:
    """`AssertionError at "assert load() == expected"`: what was raised, by which line below top."""
    name = type(error).__name__
    if isinstance(error, SyntaxError) and _isfile(str(error.filename)):
        name = "%s: %s" % (name, error.msg)
        return _at(name, error.text, str(error.filename), error.lineno, top)
    if isinstance(error, ImportError) and _MODULE.match(error.name or ""):
        name = "%s for '%s'" % (name, error.name)
    frames = list(_extract_tb(error.__traceback__))
    own = [frame for frame in frames if _is_own(frame.filename, top)] or frames
    if not own:
        return name
    return _at(name, own[-1].line, own[-1].filename, own[-1].lineno, top)


def told(report: Any, top: str) -> str:
    """What was said of a report when it was made; of one that a plugin made, where it points to."""
    about = getattr(report, "orchestrate", None)
    said = about.get("raised") if isinstance(about, dict) else None
    return str(said) if said else _from_report(report, top)


def new_variables() -> Dict[str, str]:
    """The variables that are not what they were when this process began: what loaded itself."""
    return {name: value for name, value in os.environ.items() if _STARTED.get(name) != value}


def text_of(report: Any) -> str:
    """The end of what pytest prints of a failure."""
    text = getattr(report, "longreprtext", "") or str(getattr(report, "longrepr", "") or "")
    return last_of(text)


def last_of(text: str) -> str:
    """The end of a text; dots say that it was cut, and that a value may be cut there."""
    return text if len(text) <= _TEXT_CHARS else "..." + text[-_TEXT_CHARS:]


def _from_report(report: Any, top: str) -> str:
    """The type of the exception and its line of source, from the `reprcrash` of the report."""
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    path, line = getattr(crash, "path", None), getattr(crash, "lineno", None)
    message = str(getattr(crash, "message", ""))
    found = _TYPE.match(message)
    name = found.group(1) if found else "AssertionError" if message.startswith("assert ") else ""
    if not isinstance(path, str) or not isinstance(line, int):
        return name
    return _at(name or "an error", _getline(path, line), path, line, top)


def _at(name: str, source: Optional[str], file: str, line: Optional[int], top: str) -> str:
    """The type with its line of source, or with the place where there is no source to read."""
    words = " ".join((source or "").split())
    if words:
        cut = words if len(words) <= _LINE_CHARS else words[:_LINE_CHARS] + "..."
        return '%s at "%s"' % (name, cut)
    if _isfile(file) and _is_own(file, top):
        return "%s at %s:%s" % (name, os.path.relpath(file, top), line)
    return name


def _is_own(file: str, top: str) -> bool:
    """Whether a file is the project's: below its top, and not installed into an environment."""
    path = os.path.abspath(file)
    below = path.startswith(top.rstrip(os.sep) + os.sep) and _INSTALLED not in path
    return below and not any(
        _is_below(path, prefix, top) for prefix in (sys.prefix, sys.base_prefix)
    )


def _is_below(path: str, prefix: str, top: str) -> bool:
    """Whether a path is in an environment that is itself below the top."""
    inside = prefix.startswith(top.rstrip(os.sep) + os.sep)
    return inside and path.startswith(prefix.rstrip(os.sep) + os.sep)
