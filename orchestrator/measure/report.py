"""What a run held of the memory, for programs and as a page of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.measure.chart import timeline
from orchestrator.measure.compare import Comparison
from orchestrator.measure.noise import Difference
from orchestrator.measure.run import Measurement
from orchestrator.report.outside import in_template

MOST = 10
"""Files and tests that are named, by what they left behind."""


@dataclass(frozen=True, slots=True)
class MemoryBounds:
    """What all processes together may hold, in MiB: as expected, and before it is a problem."""

    expected_mib: float = 2_000.0
    problem_mib: float = 5_000.0

    def verdict(self, peak_mib: float) -> str:
        """In words, beside the figures."""
        if peak_mib > self.problem_mib:
            return f"a problem: more than {self.problem_mib:,.0f} MiB"
        if peak_mib > self.expected_mib:
            return f"more than the {self.expected_mib:,.0f} MiB that are expected"
        return f"as expected: not more than {self.expected_mib:,.0f} MiB"

    def is_problem(self, found: Measurement) -> bool:
        """Whether a run held too much, or was ended because of it."""
        return found.memory.peak_mib > self.problem_mib or found.stopped is not None


def facts(found: Measurement, bounds: MemoryBounds) -> dict[str, Any]:
    """One run as plain values; MiB and seconds, tests and files by what they left behind."""
    memory = found.memory
    return {
        "peak_mib": round(memory.peak_mib, 1),
        "peak_pss_mib": _rounded(memory.peak_pss_mib),
        "peak_uss_mib": _rounded(memory.peak_uss_mib),
        "peak_worker_mib": round(memory.peak_worker_mib, 1),
        "verdict": bounds.verdict(memory.peak_mib),
        "seconds": round(found.duration_s, 1),
        "stopped": found.stopped,
        "tests": {"ran": found.ran, "not_green": found.not_green},
        "processes": [
            {key: round(v, 1) if isinstance(v, float) else v for key, v in asdict(one).items()}
            for one in memory.processes
        ],
        "files": [
            {"file": file, "grew_mib": round(mib, 2), "tests": tests}
            for file, mib, tests in found.grew_by_file()
        ],
        "tests_by_growth": [
            {"id": g.test_id, "worker": g.worker, "before_mib": round(g.before_mib, 2),
             "grew_mib": round(g.grew_mib, 2)}
            for g in found.grew()
        ],
        "timeline": [
            {"at_s": round(p.at_s, 2), "rss_mib": {n: round(v, 1) for n, v in p.rss_mib.items()}}
            for p in memory.timeline
        ],
    }  # fmt: skip


def comparison_facts(found: Comparison) -> dict[str, Any]:
    """Both sides as plain values."""
    named = _differences(found)
    return {
        "runs": len(found.before),
        **{name: _difference(difference) for name, difference in named.items()},
        "same_outcomes": not found.differing,
        "differing": found.differing,
    }


def _differences(found: Comparison) -> Mapping[str, Difference]:
    return {
        "peak_mib": found.peak_mib(),
        "peak_worker_mib": found.peak_worker_mib(),
        "seconds": found.seconds(),
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "before": [round(value, 1) for value in one.before],
        "after": [round(value, 1) for value in one.after],
        "change": round(one.change, 1),
        "chance": round(one.chance, 4),
        "larger_than_noise": one.is_real,
    }


def as_json(found: Measurement, bounds: MemoryBounds) -> str:
    """One run."""
    return json.dumps(facts(found, bounds), indent=1)


def comparison_json(found: Comparison) -> str:
    """Both sides."""
    return json.dumps(comparison_facts(found), indent=1)


def memory_page(found: Measurement, bounds: MemoryBounds, title: str) -> str:
    """One HTML page: no script, no network, light and dark."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, finalize=in_template,
    )  # fmt: skip
    return environment.get_template(
        "memory.html"
    ).render(
        title=title,
        m=found,
        verdict=bounds.verdict(found.memory.peak_mib),
        plot=Markup(plot(found, bounds, title)),  # noqa: S704 - made here, with everything escaped
        files=growing_files(found),
        tests=found.grew()[:MOST],
    )


def plot(found: Measurement, bounds: MemoryBounds, title: str) -> str:
    """The timeline as SVG."""
    limits = (bounds.expected_mib, bounds.problem_mib)
    return timeline(found.memory, title=title, limits_mib=limits)


def growing_files(found: Measurement) -> Sequence[tuple[str, float, int]]:
    """The files that left most behind."""
    return [row for row in found.grew_by_file() if row[1] > 0][:MOST]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
