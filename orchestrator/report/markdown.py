"""The report as Markdown, for the description of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.progress.status import Status
from orchestrator.report.facts import Batch, Facts
from orchestrator.report.status import escaped, markdown_table


def markdown_report(facts: Facts, status: Status) -> str:
    """Where it stands, what waits first, and what each batch did."""
    return "\n".join(_lines(facts, status)) + "\n"


def _lines(facts: Facts, status: Status) -> Iterator[str]:
    yield f"# {escaped(facts.title)}"
    yield ""
    yield (
        f"{facts.total.done:,} of {facts.total.of:,} files done ({facts.total.percent} %), "
        f"{facts.tests:,} tests verified, {facts.failed_before} failed before, "
        f"{facts.flaky} flaky."
    )
    if facts.next:
        yield f"Next: {escaped(facts.next)}."
    if facts.waiting:
        yield from ("", "## Unresolved", "")
        for waiting in facts.waiting:
            item = waiting.item
            why = escaped(item.reason)
            yield f"- {code(item.path)} ({escaped(item.place)}), {item.kind}: {why}"
    yield from ("", "## Phases", "", *markdown_table(status))
    if facts.calibration:
        yield from ("", *(f"- {escaped(line)}" for line in facts.calibration))
    landed = [b for p in facts.phases for b in p.batches if b.gates]
    if landed:
        yield from ("", "## Batches", "")
        yield "| Batch | State | Changed | Verified | Commit |"
        yield "| --- | --- | --- | --- | --- |"
        yield from map(_row, landed)


def _row(batch: Batch) -> str:
    said = [
        f"{g.name} {g.count}" + (f", {g.failed_before} failed before" if g.failed_before else "")
        for g in batch.gates
    ]
    gates = "; ".join([*said, *(f"memory {line}" for line in batch.memory)])
    cells = [f"{batch.name}: {batch.title}", batch.state, batch.did, gates, batch.commit]
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def code(text: str) -> str:
    """`text` as code, whatever backticks are in it."""
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{' '.join(text.split())}{pad}{fence}"
