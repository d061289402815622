"""What crosses processes is data: it comes out as it went in, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import PLAN, SampleRepo, make_repo

from orchestrator.base.changes import Change, Unit
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.base.paths import RepoPath
from orchestrator.engine.context.events import (
    Event,
    GateJudged,
    InterpreterFound,
    Notice,
    ParallelEvent,
    Picked,
    Recovered,
    StepBegun,
    TestsRan,
    UnitRejected,
)
from orchestrator.engine.fix_and_verify import FixResult
from orchestrator.engine.run_batch import Candidate
from orchestrator.errors import CannotJudge, DiskError, Exit, OrchestrateError
from orchestrator.fixers.outcome import NoChange, Refusal
from orchestrator.gates.pytest.file_dependencies import FileDependencies
from orchestrator.gates.verdict import GateFailure, RejectedUnit, Verdict
from orchestrator.parallel import wire
from orchestrator.parallel.dask.parcel import Parcel, parcel_from
from orchestrator.parallel.task import BatchTask, Judged, TaskFailed
from orchestrator.parallel.validation import validate_answer
from orchestrator.parallel.wire import Garbled, answer_from, plain_bytes, to_bytes
from orchestrator.plan.load import parsed
from orchestrator.plan.model import Plan
from orchestrator.project.interpreter import Interpreter
from orchestrator.records.record import MemoryRecord
from orchestrator.vcs.errors import failed

BASE = "a" * 40
TASK = BatchTask(3, "first/one", BASE, ("tests/test_a.py", "tests/test_b.py"), ("tests/test_c.py",))
BLAME = GateFailure(
    "tests/test_b.py", "tests/test_b.py::test_x[\udce9]", "fails", FailureCause.FLAKY, "E  no"
)
VERDICT = Verdict(
    "test", GateResult.RED, 2, 1.5, [BLAME], ["k"], ["f"], ["y"], ["n"], "why", [["{python}", "-m"]]
)
A = Change(RepoPath("tests/test_a.py"), b"\xff old", b"\0 new", {"classes": 1}, ("note",), 0o755)
B = Change(RepoPath("tests/test_b.py"), None, b"", {}, ())
TAKEN = RejectedUnit(Unit(("tests/test_b.py",), (B,), "rung"), "test", [BLAME])


@pytest.fixture(scope="module")
def plan() -> Plan:
    return parsed(PLAN.encode(), name="plan", plan_path="", checks=[])


def told(plan: Plan) -> list[Event]:
    place = next(iter(plan.places()))
    python = Interpreter(Path("/x/python"), "found", "3.11", True, search=["/x"], first=("y",))
    return [
        Picked(place, 2),
        StepBegun("fix"),
        TestsRan(1, None, "tests/test_a.py::test"),
        GateJudged(VERDICT),
        Notice("once more"),
        UnitRejected(TAKEN),
        Recovered("settled"),
        InterpreterFound(python),
    ]


def judged(plan: Plan) -> Judged:
    reached = FixResult(
        [Unit(("tests/test_a.py",), (A,))],
        {"tests/test_a.py": NoChange("tests/test_a.py", ("n",))},
        {"tests/test_b.py": Refusal("tests/test_b.py", "why", "detail")},
        {"tests/test_b.py": TAKEN},
        [VERDICT],
        [VERDICT],
    )
    memory = MemoryRecord(
        files=(RepoPath("tests/test_a.py"),), workers=2, before_mib=(1,), after_mib=(2,)
    )
    candidate = Candidate(BASE, reached, memory, {"fix": 0.5})
    return Judged(TASK, candidate, FileDependencies({"x", ".git", "\udce9"}, {"make"}), told(plan))


def as_told(value: Any) -> Any:
    """The same with lists where tuples are: which of both a sequence is does not matter."""
    return json.loads(plain_bytes(value))


def test_an_answer_comes_out_as_it_went_in(plan: Plan) -> None:
    answer = judged(plan)
    back = answer_from(to_bytes(answer), plan)
    assert isinstance(back, Judged)
    assert back.task == answer.task
    assert back.reads == answer.reads
    assert as_told(back.candidate) == as_told(answer.candidate)
    assert list(map(type, back.told)) == list(map(type, answer.told))
    assert to_bytes(back) == to_bytes(answer)
    assert isinstance(back.told[0], Picked)
    assert back.told[0].place == next(iter(plan.places()))


@pytest.mark.parametrize("event", [StepBegun("fix"), TestsRan(3, 9, "tests/test_a.py::test")])
def test_what_is_told_on_the_way_comes_out_as_it_went_in(plan: Plan, event: Event) -> None:
    assert answer_from(to_bytes(ParallelEvent("first/one", event)), plan) == ParallelEvent(
        "first/one", event
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CannotJudge("no pytest", next_step="pip install pytest"), CannotJudge),
        (failed(["git", "add"], 128, "No space left on device"), DiskError),
        (OrchestrateError("a bug"), OrchestrateError),
    ],
)
def test_an_error_arrives_as_its_kind(
    plan: Plan, error: OrchestrateError, kind: type[OrchestrateError]
) -> None:
    back = answer_from(to_bytes(TaskFailed(TASK, error, [Notice("x")])), plan)
    assert isinstance(back, TaskFailed)
    assert (type(back.error), back.error.what) == (kind, error.what)
    assert (back.error.exit_code, back.error.next_step) == (error.exit_code, error.next_step)


def test_no_error_of_another_kind_is_made(plan: Plan) -> None:
    data = json.loads(to_bytes(TaskFailed(TASK, CannotJudge("no"))))
    data["answer"]["error"]["exit"] = int(Exit.INTERRUPTED)
    with pytest.raises(Garbled, match="exit code 130"):
        answer_from(json.dumps(data).encode(), plan)


Change_ = Callable[[dict[str, Any]], None]


def kept(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["answer"]["candidate"]["reached"]["kept"][0]
    return found


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda d: d.clear(), "is empty", id="nothing"),
        pytest.param(lambda d: d["answer"].pop("candidate"), "neither", id="no candidate"),
        pytest.param(lambda d: d.update(more=1), "cannot be read", id="more"),
        pytest.param(lambda d: d["answer"]["task"].update(number="3"), "cannot be read", id="type"),
        pytest.param(lambda d: d["answer"]["task"].update(number=-1), "counts -1", id="negative"),
        pytest.param(lambda d: d["answer"]["task"].update(number=2**60), "counts", id="huge"),
        pytest.param(lambda d: kept(d)["changes"][0].update(after="?"), "cannot", id="base64"),
        pytest.param(
            lambda d: kept(d)["changes"][0]["counts"].update(x=-2), "counts -2", id="count"
        ),
        pytest.param(lambda d: kept(d)["changes"][0].update(path="../x"), "'..'", id="outside"),
        pytest.param(lambda d: kept(d)["changes"][0].update(path="/x"), "absolute", id="absolute"),
        pytest.param(lambda d: kept(d)["changes"][0].update(path=".git/x"), "git's own", id="git"),
        pytest.param(lambda d: kept(d)["changes"][0].update(path="a\0b"), "NUL", id="nul"),
        pytest.param(lambda d: kept(d).update(targets=["../x"]), "'..'", id="target"),
        pytest.param(lambda d: d["answer"]["told"].append({}), "tells of nothing", id="no event"),
        pytest.param(
            lambda d: d["answer"]["told"].append({"said": "x", "recovered": "y"}),
            "several things",
            id="two events",
        ),
        pytest.param(lambda d: d["answer"]["told"].append({"beside": 1}), "cannot", id="unknown"),
        pytest.param(
            lambda d: d["answer"]["task"].update(place="x/y"), "does not know", id="another place"
        ),
        pytest.param(
            lambda d: d["answer"]["told"].append({"said": "x" * (4 * 2**20 + 1)}),
            "a text of 4,194,305",
            id="a long text",
        ),
    ],
)
def test_what_is_no_answer_is_told_apart(plan: Plan, spoil: Change_, why: str) -> None:
    data = json.loads(to_bytes(judged(plan)))
    spoil(data)
    with pytest.raises(Garbled) as caught:
        answer_from(json.dumps(data).encode(), plan)
    assert why in caught.value.what
    assert caught.value.next_step


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"NaN",
        b'{"answer": NaN}',
        b"[" * 10**6,
        b'{"a":' * 10**5,
    ],
)
def test_what_is_no_json_is_told_apart(plan: Plan, data: bytes) -> None:
    with pytest.raises(Garbled):
        answer_from(data, plan)


def test_more_than_the_most_is_not_even_parsed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(judged(plan))
    monkeypatch.setattr(wire, "MOST_BYTES", len(data) - 1)
    monkeypatch.delattr(json, "loads")
    with pytest.raises(Garbled, match="are the most"):
        answer_from(data, plan)


def test_an_answer_that_is_too_large_says_so(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 1_500)
    back = answer_from(to_bytes(judged(plan)), plan)
    assert isinstance(back, TaskFailed)
    assert "1,500 can travel" in back.error.what


def mutated(data: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, put in cuts:
        start = at % (len(data) + 1)
        data = data[:start] + put + data[start + length :]
    return data


CUTS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.integers(0, 40),
        st.binary(max_size=20)
        | st.sampled_from([b'"../x"', b"-1", b"1e999", b"[[", b'"is"', b"{}"]),
    ),
    min_size=1,
    max_size=4,
)
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(cuts=CUTS)
def test_a_changed_answer_is_refused_or_stays_inside(plan: Plan, cuts: Any) -> None:
    data = mutated(to_bytes(judged(plan)), cuts)
    try:
        back = answer_from(data, plan)
    except Garbled:
        return
    if isinstance(back, Judged):
        for path in back.candidate.contents:
            assert not path.startswith("/")
            assert not {"..", ".git"} & set(path.split("/"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@FUZZ
@given(value=VALUES, where=st.integers(0, 10**6))
def test_any_value_in_any_place_is_refused_or_is_one(plan: Plan, value: Any, where: int) -> None:
    data = json.loads(to_bytes(judged(plan)))
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [data]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one)))
        places += [(one, key) for key in keys]
        waiting += [one[key] for key in keys if isinstance(one[key], dict | list)]
    holder, key = places[where % len(places)]
    holder[key] = value
    try:
        answer_from(json.dumps(data).encode(), plan)
    except Garbled:
        return


def parcel(plan: Plan) -> Parcel:
    return Parcel(TASK, plan, "migration_plan.yaml", "0" * 20, BASE, b"\0bundle", True, "topic")


def test_a_parcel_comes_out_as_it_went_in(plan: Plan) -> None:
    assert parcel_from(plain_bytes(parcel(plan))) == parcel(plan)


@pytest.mark.parametrize(
    "odd",
    [
        {"repository": "../../etc"},
        {"root": "--upload-pack=x"},
        {"plan_file": "/etc/passwd"},
        {"task": replace(TASK, base="HEAD")},
        {"task": replace(TASK, paths=("../x",))},
    ],
)
def test_a_parcel_names_nothing_outside(plan: Plan, odd: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        parcel_from(plain_bytes(replace(parcel(plan), **odd)))


@FUZZ
@given(cuts=CUTS)
def test_a_changed_parcel_is_refused_or_names_nothing_outside(plan: Plan, cuts: Any) -> None:
    try:
        found = parcel_from(mutated(plain_bytes(parcel(plan)), cuts))
    except Garbled:
        return
    assert ".." not in found.repository
    assert "-" not in found.root + found.task.base


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    return make_repo(tmp_path / "repo")


def honest(repo: SampleRepo) -> tuple[Judged, BatchTask]:
    task = replace(TASK, base=repo.head, also=())
    old = repo.read("tests/test_a.py").encode()
    unit = Unit(("tests/test_a.py",), (replace(A, before=old),))
    return Judged(task, Candidate(repo.head, FixResult([unit]), None, {}), FileDependencies()), task


def with_change(answer: Judged, **odd: Any) -> Judged:
    unit = answer.candidate.reached.kept[0]
    change = replace(unit.changes[0], **odd)
    climb = FixResult([replace(unit, changes=(change,))])
    return replace(answer, candidate=replace(answer.candidate, reached=climb))


def test_an_honest_answer_is_none_of_anybody_elses(repo: SampleRepo) -> None:
    answer, task = honest(repo)
    assert validate_answer(answer, task, repo.workspace().plan, repo.git) is None


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"path": "tests/conftest.py", "before": None}, "write to tests/conftest.py"),
        ({"path": "reports/first/one.json", "before": None}, "write to reports/first/one.json"),
        ({"path": "migration_plan.yaml"}, "write to migration_plan.yaml"),
        ({"path": "../x"}, "write to ../x"),
        ({"mode": 0o4755}, "the mode 4755"),
        ({"mode": 0o120000}, "the mode 120000"),
        ({"before": b"other"}, "another tests/test_a.py"),
    ],
)
def test_an_answer_changes_only_what_the_plan_lets_it(
    repo: SampleRepo, odd: dict[str, Any], why: str
) -> None:
    answer, task = honest(repo)
    said = validate_answer(with_change(answer, **odd), task, repo.workspace().plan, repo.git)
    assert said is not None
    assert why in said


@pytest.mark.parametrize(
    ("climb", "why"),
    [
        (FixResult([Unit((), ())]), "for no target"),
        (FixResult([Unit(("x.py",), ())]), "speaks of x.py"),
        (FixResult(unchanged={"x.py": NoChange("tests/test_a.py")}), "speaks of x.py"),
        (FixResult(refused={"tests/test_a.py": Refusal("x.py", "no")}), "speaks of x.py"),
        (
            FixResult(rejected={"tests/test_b.py": replace(TAKEN, blames=[])}),
            "does not say why",
        ),
    ],
)
def test_an_answer_speaks_of_its_own_targets(repo: SampleRepo, climb: FixResult, why: str) -> None:
    answer, task = honest(repo)
    odd = replace(answer, candidate=replace(answer.candidate, reached=climb))
    said = validate_answer(odd, task, repo.workspace().plan, repo.git)
    assert said is not None
    assert why in said
