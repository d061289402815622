"""Fills in the templates of a plan: Jinja2 in its sandbox, bounded in time and size."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from types import FrameType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestrator.base.text import plural
from orchestrator.errors import BadInput

RENDER_LIMIT_S = 2
OUTPUT_LIMIT_CHARS = 20_000


def rendered(
    template: str,
    values: Mapping[str, Any],
    where: str,
    *,
    limit_chars: int = OUTPUT_LIMIT_CHARS,
    cut: str | None = None,
) -> str:
    """The text of `template`; `where` is what its errors call it.

    One that gives too much ends with the line `cut` where there is one.

    Raises:
        BadInput: it names something unknown, takes too long, gives too much, or is malformed.
    """
    chunks: list[str] = []
    try:
        with _time_limit(where):
            size = 0
            for chunk in _compiled(template).generate(**values):
                size += len(chunk)
                if size > limit_chars and cut is None:
                    raise BadInput(f"{where} of the plan gives more than {limit_chars} characters")
                if size > limit_chars:
                    chunks.append(f"{chunk[: limit_chars - size]}\n{cut}")
                    break
                chunks.append(chunk)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        line = getattr(error, "lineno", None)
        at = f" (line {line} of the template)" if line else ""
        raise BadInput(
            f"{where} of the plan: {error}{at}; a template can use {', '.join(sorted(values))}",
            next_step="orchestrate validate",
        ) from error
    return "".join(chunks)


@cache
def _compiled(template: str) -> Template:
    """The template as a program; the built-in one serves every message of a series."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    environment.filters["files"] = partial(plural, noun="file")
    environment.filters["tests"] = partial(plural, noun="test")
    return environment.from_string(template)


@contextmanager
def _time_limit(where: str) -> Iterator[None]:
    """The sandbox stops access to attributes, not loops: the clock stops those."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise BadInput(f"{where} of the plan takes longer than {RENDER_LIMIT_S} s to render")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(RENDER_LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
