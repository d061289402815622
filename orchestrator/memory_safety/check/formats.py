"""Findings as lines for people, and as JSON, GitHub annotations and SARIF for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.memory_safety.fixer.values.findings import Finding, Severity

Found = Iterable[tuple[str, Sequence[Finding]]]
"""Each file with its findings."""

_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}
_SARIF = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}


def text(found: Found) -> Iterator[str]:
    """`path:line:column: CODE subject message`, one line each."""
    for path, finding in _each(found):
        subject = f" {finding.subject}" if finding.subject else ""
        level = "" if finding.level is Severity.ERROR else f" ({finding.level})"
        where = f"{path}:{finding.line}:{finding.column}"
        yield f"{where}: {finding.code}{subject} {finding.message}{level}"


def as_json(found: Found) -> str:
    """A list of objects."""
    return json.dumps(
        [
            {
                "path": path,
                "line": f.line,
                "column": f.column,
                "code": f.code,
                "level": f.level.value,
                "subject": f.subject or None,
                "message": f.message,
                "by_hand": f.by_hand,
            }
            for path, f in _each(found)
        ],
        indent=2,
    )


def github(found: Found) -> Iterator[str]:
    """Workflow commands that GitHub shows beside the line."""
    for path, f in _each(found):
        values = {"file": path, "line": f.line, "col": f.column, "title": f.code}
        listed = ",".join(f"{key}={_property(str(value))}" for key, value in values.items())
        said = f"{f.subject}: {f.message}" if f.subject else f.message
        yield f"::{_GITHUB[f.level]} {listed}::{_escaped(said)}"


def sarif(found: Found, version: str, titles: Mapping[str, str]) -> str:
    """SARIF 2.1.0, for code scanning; `titles` say what each code is about."""
    rules = [{"id": code, "shortDescription": {"text": title}} for code, title in titles.items()]
    results = [_result(path, finding) for path, finding in _each(found)]
    driver: Mapping[str, Any] = {"name": "orchestrate", "version": version, "rules": rules}
    document = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2)


def _result(path: str, f: Finding) -> dict[str, Any]:
    from urllib.parse import quote

    region = {"startLine": f.line, "startColumn": f.column}
    location = {"artifactLocation": {"uri": quote(path)}, "region": region}
    said = f"{f.subject}: {f.message}" if f.subject else f.message
    return {
        "ruleId": f.code,
        "level": _SARIF[f.level],
        "message": {"text": said},
        "locations": [{"physicalLocation": location}],
    }


def _each(found: Found) -> Iterator[tuple[str, Finding]]:
    for path, findings in found:
        for finding in findings:
            yield path, finding


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _escaped(value).replace(":", "%3A").replace(",", "%2C")
