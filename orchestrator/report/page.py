"""The report as one HTML page: no script, no network, light and dark, for screen and paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.plan.model import Plan
from orchestrator.report.chart import chart
from orchestrator.report.facts import ReportFacts
from orchestrator.report.outside import in_template


def page(facts: ReportFacts, plan: Plan) -> str:
    """The whole page; what comes from the repository is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, finalize=in_template,
    )  # fmt: skip
    measures = plan.measures
    return environment.get_template("page.html").render(
        f=facts,
        chart=chart(facts.history.points(), facts.history.total),
        names=list(measures),
        heads=[m.title + (" (estimate)" if m.estimate else "") for m in measures.values()],
        measured=any(amount.done for phase in facts.phases for amount in phase.amounts),
        longest=max(facts.seconds.values(), default=1.0) or 1.0,
    )
