"""Text from outside as a report may hold it: no secret, and nothing that a reader would obey."""

from __future__ import annotations

from orchestrator.base.escape import as_code_in_markdown, for_markdown, on_one_line
from orchestrator.base.redact import redacted


def in_markdown(text: str) -> str:
    """For a line or a cell of Markdown."""
    return for_markdown(redacted(text))


def code_in_markdown(text: str) -> str:
    """For a line of Markdown, as code."""
    return as_code_in_markdown(redacted(text))


def in_template(value: object) -> object:
    """For a template that escapes what it is given; what is marked as HTML stays as it is."""
    return on_one_line(redacted(value)) if type(value) is str else value
