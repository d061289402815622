"""Commit messages come from templates that can reach nothing, loop for ever, or forge a line."""

from __future__ import annotations

import time

import pytest
from support import PLAN

from orchestrator.errors import BadInput
from orchestrator.paths import RepoPath
from orchestrator.plan.load import parsed
from orchestrator.plan.model import Plan
from orchestrator.progress.record import Done, GateRecord, Record, TargetRecord
from orchestrator.report.message import Message, message
from orchestrator.words import counts_in_words


def plan_of(text: str) -> Plan:
    return parsed(text.encode(), name="p", plan_path="p")


def message_of(text: str, *targets: TargetRecord, known: tuple[str, ...] = ()) -> Message:
    plan = plan_of(text)
    place = next(plan.places())
    record = Record(
        plan=plan.name, phase="first", batch="one", definition="", fixers={"memory-safety": 1},
        targets=targets or (edited("tests/test_a.py"), edited("tests/test_b.py")),
        gates=(GateRecord(gate="test", count=7, known_failures=known),),
    )  # fmt: skip
    return message(plan, place, record)


def edited(path: str, **counts: int) -> TargetRecord:
    return TargetRecord(
        path=RepoPath(path), done=Done.EDITED, counts=counts or {"classes": 2, "marks": 1}
    )


def test_the_subject_names_what_whose_and_where_it_stands() -> None:
    assert message_of(PLAN).subject == "memory safety for a and b (First, batch 1/2)"


def test_many_files_are_cut_to_a_subject() -> None:
    many = [edited(f"tests/test_something_long_{n}.py") for n in range(9)]
    assert message_of(PLAN, *many).subject == (
        "memory safety for something long 0, something long 1 and 7 more (First, batch 1/2)"
    )


def test_files_that_were_left_are_told_with_their_reason() -> None:
    left = [
        edited("a.py"),
        TargetRecord(path=RepoPath("b.py"), done=Done.UNCHANGED),
        TargetRecord(path=RepoPath("c.py"), done=Done.REFUSED, reason="line 1: it is Python 2"),
        TargetRecord(path=RepoPath("d.py"), done=Done.MANUAL, reason="look at it"),
    ]
    text = message_of(PLAN, *left).text()
    assert "Changed 1 of 4 files:\n- a.py: 2 classes, 1 mark\n" in text
    assert "- b.py: unchanged, it already has it\n" in text
    assert "- c.py: refused: line 1: it is Python 2\n" in text
    assert "- d.py: left to a person: look at it\n" in text


def test_known_failures_are_listed() -> None:
    assert "7 tests of these files, none newly failing; 1 failed before:\n- t.py::test\n" in (
        message_of(PLAN, known=("t.py::test",)).text()
    )


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        pytest.param("{{ nothing }}", "'nothing' is undefined", id="fault-26 unknown name"),
        pytest.param("{{ plan.secret }}", "no attribute 'secret'", id="fault-26 unknown attribute"),
        pytest.param("{{ ''.__class__.__mro__ }}", "unsafe", id="reaching for classes"),
        pytest.param("{% for %}", "line 1 of the template", id="syntax"),
        pytest.param("{{ 1 // 0 }}", "by zero", id="an error inside"),
        pytest.param("{% for n in range(99999) %}xxxxxxxxxx{% endfor %}", "more than 20000 characters", id="endless output"),
        pytest.param("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "takes longer than 2 s", id="endless loop"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_an_error_of_the_plan(template: str, reason: str) -> None:
    plan = PLAN.replace("phases:", f'commit:\n  body: "{template}"\nphases:')
    started = time.monotonic()
    with pytest.raises(BadInput) as caught:
        message_of(plan)
    assert reason in caught.value.what
    assert "commit.body of the plan" in caught.value.what
    assert time.monotonic() - started < 10


def test_a_plan_may_write_its_own_message_with_trailers() -> None:
    commit = (
        'commit:\n  subject: "{{ batch.title }} {{ batch.number }}/{{ batch.of }}"\n'
        '  body: "{{ files[0].path }}: {{ added.marks }}"\n  trailers: {Reviewed-by: "A <a@b>"}\nphases:'
    )
    assert message_of(PLAN.replace("phases:", commit)).text() == (
        "Batch one 1/2\n\ntests/test_a.py: 2\n\nMigration: sample first/one\nReviewed-by: A <a@b>\n"
    )


def test_fault_97_a_line_end_in_a_name_forges_no_trailer() -> None:
    forged = edited("tests/test_a\nSigned-off-by: x.py")
    lines = message_of(PLAN, forged).text().splitlines()
    assert not any(line.startswith("Signed-off-by") for line in lines)


def test_counts_are_words() -> None:
    counts = {"classes": 1, "marks": 0, "teardowns": 2}
    assert counts_in_words(counts) == "1 class, 2 teardowns"
    assert counts_in_words({}) == "nothing added"
