"""What an edit broke, told from what was broken or unsteady before: scripted runs, every case."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from orchestrator.base.changes import Side
from orchestrator.gates.attribution.baseline import Diagnosis, Findings, classify, sort_out
from orchestrator.gates.bisect import first_bad
from orchestrator.gates.pytest.events import LEFT_OUT, MISSING, SKIPPED, TestOutcome

RED: TestOutcome = ("call: AssertionError in test at assert x",)
OTHER: TestOutcome = ("teardown: RuntimeError in teardown_method at gc.collect()",)
OK: TestOutcome = ()


class Scripted:
    """Answers each kind of run, per id, from a list of ways; the last one is repeated."""

    def __init__(
        self, script: Mapping[str, Mapping[str, list[TestOutcome]]], *, frozen: bool
    ) -> None:
        self.frozen = frozen
        self.runs: list[str] = []
        self._script = {id_: {k: list(v) for k, v in runs.items()} for id_, runs in script.items()}

    def alone(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        return self._run("before" if side is Side.BEFORE else "edited", ids)

    def alone_edited(self, path: str, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        return self._run("own edit", ids)

    def alone_frozen(self, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        return self._run("frozen", ids)

    def together(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        return self._run(f"together {side}", ids)

    def _run(self, kind: str, ids: Collection[str]) -> dict[str, TestOutcome]:
        self.runs.append(kind)
        answers = {}
        for id_ in ids:
            # where a case does not tell them apart, its own edit does what all of them do
            script = self._script[id_]
            ways = script[kind] if kind in script or kind != "own edit" else script["edited"]
            answers[id_] = ways.pop(0) if len(ways) > 1 else ways[0]
        return answers


def found(first: TestOutcome, runs: Mapping[str, list[TestOutcome]]) -> Findings:
    return sort_out({"t.py::test": first}, Scripted({"t.py::test": runs}, frozen=True))


CASES = {
    "red before in the same way": (RED, {"before": [RED]}, "failing_before"),
    "a culprit": (RED, {"before": [OK], "edited": [RED]}, "culprits"),
    "red before, otherwise with the edit": (OTHER, {"before": [RED], "edited": [OTHER]}, "culprits"),
    "red before, otherwise only in the first run": (
        OTHER, {"before": [RED], "edited": [RED]}, "failing_before"),
    "a new id": (RED, {"before": [MISSING], "edited": [RED]}, "culprits"),
    "skipped since the edit": (SKIPPED, {"before": [OK], "edited": [SKIPPED]}, "culprits"),
    "left out since the edit": (LEFT_OUT, {"before": [OK], "edited": [LEFT_OUT]}, "culprits"),
    "skipped before as well": (SKIPPED, {"before": [SKIPPED]}, ""),
    "left out before as well": (LEFT_OUT, {"before": [LEFT_OUT]}, ""),
    "flaky, green at the next look": (
        RED, {"before": [OK], "edited": [OK], "frozen": [OK], "together edited": [OK]}, "flaky"),
    "flaky, every other time": (
        RED, {"before": [OK], "edited": [RED, OK], "frozen": [OK], "together edited": [OK]}, "flaky"),
    "flaky, red before at a second look": (RED, {"before": [OK, RED], "edited": [RED]}, "flaky"),
    "red each time, in no steady way": (
        RED, {"before": [OTHER, RED], "edited": [("call: X",), RED]}, "failing_before"),
    "red with every edit, fine with its own only": (
        RED, {"before": [OK], "edited": [RED, RED], "own edit": [OK]}, "together"),
    "red with a frozen collector only": (
        RED, {"before": [OK], "edited": [OK], "frozen": [RED]}, "spared"),
    "red beside the others only": (
        RED, {"before": [OK], "edited": [OK], "frozen": [OK],
              "together edited": [RED], "together before": [OK]}, "together"),
    "red beside the others, before as well": (
        RED, {"before": [OK], "edited": [OK], "frozen": [OK],
              "together edited": [RED], "together before": [RED]}, "failing_before"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_told_apart(name: str) -> None:
    first, runs, expected = CASES[name]
    findings = found(first, runs)
    lists = ("failing_before", "flaky", "spared", "together", "culprits")
    assert [kind for kind in lists if getattr(findings, kind)] == ([expected] if expected else [])


CLASSES = [
    ("steady on both sides", (OK, OK), (RED, RED), Diagnosis.EDIT),
    ("otherwise red, steady on both sides", (RED, RED), (OTHER, OTHER), Diagnosis.EDIT),
    ("fine once no other file is edited", (OK, OK), (RED, OK), Diagnosis.ANOTHER_EDIT),
    ("as it was once no other file is edited", (RED, RED), (OTHER, RED), Diagnosis.ANOTHER_EDIT),
    ("red before, never in the same way", (RED, OTHER), (RED, RED), Diagnosis.OLD),
    ("red before every other time", (OK, RED), (RED, RED), Diagnosis.CHANCE),
    ("green before every other time", (RED, OK), (OTHER, OTHER), Diagnosis.CHANCE),
    ("green with every edit", (SKIPPED, SKIPPED), (OK, RED), Diagnosis.CHANCE),
    ("red with the edit, in two ways", (OK, OK), (RED, OTHER), Diagnosis.EDIT),
    ("green with its own edit, unsteady before", (SKIPPED, OK), (RED, OK), Diagnosis.CHANCE),
]


@pytest.mark.parametrize(("before", "edited", "cause"), [
    pytest.param(before, edited, cause, id=name) for name, before, edited, cause in CLASSES
])  # fmt: skip
def test_two_runs_on_each_side_name_the_cause(
    before: tuple[TestOutcome, TestOutcome],
    edited: tuple[TestOutcome, TestOutcome],
    cause: Diagnosis,
) -> None:
    assert classify(before=before, edited=edited) is cause


def test_what_was_red_before_costs_one_further_run() -> None:
    rerun = Scripted({"t.py::test": {"before": [RED]}}, frozen=True)
    sort_out({"t.py::test": RED}, rerun)
    assert rerun.runs == ["before"]


def test_a_test_spoilt_by_a_culprit_is_asked_again_without_it() -> None:
    """`b` is red beside `a` and is what it was once its file is alone: it is in no list."""
    rerun = Scripted(
        {
            "a.py::test": {"before": [OK], "edited": [RED]},
            "b.py::test": {"before": [OK], "edited": [RED, OK]},
        },
        frozen=True,
    )
    findings = sort_out({"a.py::test": RED, "b.py::test": RED}, rerun)
    assert list(findings.culprits) == ["a.py::test"]
    assert findings.failing_before + findings.flaky + findings.together == []


@pytest.mark.parametrize("bad", range(7))
def test_bisection_finds_the_file(bad: int) -> None:
    asked: list[int] = []
    paths = [f"{n}.py" for n in range(7)]

    def is_red(edited: Collection[str]) -> bool:
        asked.append(len(edited))
        return f"{bad}.py" in edited

    assert first_bad(paths, is_red) == f"{bad}.py"
    assert len(asked) <= 4


def test_bisection_says_nothing_of_what_is_no_longer_red() -> None:
    assert first_bad(["a.py", "b.py"], lambda paths: False) is None
    assert first_bad([], lambda paths: True) is None
