"""The report as Markdown, for the description of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.records.status import Status
from orchestrator.report.facts import BatchRow, ReportFacts
from orchestrator.report.outside import code_in_markdown, in_markdown
from orchestrator.report.status import markdown_table


def markdown_report(facts: ReportFacts, status: Status) -> str:
    """Where it stands, what waits first, and what each batch did."""
    return "\n".join(_lines(facts, status)) + "\n"


def _lines(facts: ReportFacts, status: Status) -> Iterator[str]:
    yield f"# {in_markdown(facts.title)}"
    yield ""
    yield (
        f"{facts.total.done:,} of {facts.total.of:,} files done ({facts.total.percent} %), "
        f"{facts.tests:,} tests verified, {facts.failed_before} failed before, "
        f"{facts.flaky} flaky."
    )
    if facts.next:
        yield f"Next: {in_markdown(facts.next)}."
    if facts.waiting:
        yield from ("", "## Unresolved", "")
        for waiting in facts.waiting:
            item = waiting.item
            why = in_markdown(item.reason)
            where = f"{code_in_markdown(item.path)} ({in_markdown(item.place)})"
            yield f"- {where}, {in_markdown(item.kind)}: {why}"
    yield from ("", "## Phases", "", *markdown_table(status))
    if facts.calibration:
        yield from ("", *(f"- {in_markdown(line)}" for line in facts.calibration))
    landed = [b for p in facts.phases for b in p.batches if b.gates]
    if landed:
        yield from ("", "## Batches", "")
        yield "| Batch | State | Changed | Verified | Commit |"
        yield "| --- | --- | --- | --- | --- |"
        yield from map(_row, landed)


def _row(batch: BatchRow) -> str:
    said = [
        f"{g.name} {g.count}" + (f", {g.failed_before} failed before" if g.failed_before else "")
        for g in batch.gates
    ]
    gates = "; ".join([*said, *(f"memory {line}" for line in batch.memory)])
    cells = [f"{batch.name}: {batch.title}", batch.state, batch.did, gates, batch.commit]
    return f"| {' | '.join(in_markdown(cell) for cell in cells)} |"
