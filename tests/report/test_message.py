"""Commit messages come from templates that can reach nothing, loop for ever, or forge a line."""

from __future__ import annotations

import time

import pytest
from support import PLAN

from orchestrator.base.escape import for_commit
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.paths import RepoPath
from orchestrator.base.text import counts_in_words
from orchestrator.errors import BadInput
from orchestrator.plan.load import parsed
from orchestrator.plan.model import Plan
from orchestrator.records.record import GateRecord, Record, TargetRecord
from orchestrator.report.message import Message, message
from orchestrator.report.told import Action


def plan_of(text: str) -> Plan:
    return parsed(text.encode(), name="p", plan_path="p")


def edited(path: str, **counts: int) -> TargetRecord:
    return TargetRecord(
        path=RepoPath(path), done=TargetOutcome.EDITED, counts=counts or {"classes": 2, "marks": 1}
    )


def message_of(
    text: str,
    *targets: TargetRecord,
    known: tuple[str, ...] = (),
    action: Action | None = None,
    reason: str = "",
    is_trial: bool = False,
) -> Message:
    plan = plan_of(text)
    place = next(plan.places())
    record = Record(
        plan=plan.name, phase=place.phase.id, batch="one", definition="", fixers={"memory-safety": 1},
        targets=targets or (edited("tests/test_a.py"), edited("tests/test_b.py")),
        gates=(GateRecord(gate="test", count=7, known_failures=known),),
    )  # fmt: skip
    return message(plan, place, record, action=action, reason=reason, is_trial=is_trial)


def test_the_subject_names_what_whose_and_where_it_stands() -> None:
    assert message_of(PLAN).subject == "memory safety for a and b (First, batch 1/2)"


def titled(title: str, *, phase: str = "first", topic: str = "") -> str:
    plan = PLAN.replace("title: memory safety", f"title: {title}").replace(
        "id: first", f"id: {phase}"
    )
    return (
        plan.replace("title: Batch one", f"title: Batch one\n        topic: {topic}")
        if topic
        else plan
    )


LONG = "x" * 70
MANY = [edited(f"tests/test_something_long_{n}.py") for n in range(9)]


@pytest.mark.parametrize(
    ("plan", "targets", "subject"),
    [
        pytest.param(PLAN, MANY, "memory safety for something long 0 and 8 more (First, batch 1/2)", id="many files"),
        pytest.param(PLAN, [edited(f"tests/test_{LONG}.py")], "memory safety for 1 file (First, batch 1/2)", id="a long name"),
        pytest.param(PLAN, [edited(f"{LONG}{n}.py") for n in range(400)], "memory safety for 400 files (First, batch 1/2)", id="many long names"),
        pytest.param(titled("memory safety", phase=f"the-{'long-' * 10}one"), [edited("a.py")], "memory safety for a (batch 1/2)", id="a long phase"),
        pytest.param(titled("convert format string", phase="convert-format-string"), [edited("cli.py")], "convert format string for cli (batch 1/2)", id="a phase that is called so"),
        pytest.param(titled("many words " * 20), [edited("a.py")], "many words many words many words many words … for a (First, batch 1/2)", id="a long title"),
        pytest.param(titled("it", topic="some words " * 20), [edited("a.py")], "it for some words some words some words some … (First, batch 1/2)", id="a long topic"),
    ],
)  # fmt: skip
def test_a_built_in_subject_fits_and_cuts_no_name(
    plan: str, targets: list[TargetRecord], subject: str
) -> None:
    assert message_of(plan, *targets).subject == subject
    assert len(subject) <= 72


def test_a_subject_of_the_plan_is_not_cut() -> None:
    plan = PLAN.replace("phases:", f'commit:\n  subject: "{LONG} {{{{ topic }}}}"\nphases:')
    assert message_of(plan).subject == f"{LONG} a and b"


def test_the_built_in_body_names_the_first_of_many_files() -> None:
    many = [edited(f"tests/{'deep/' * 20}test_{n}.py") for n in range(400)]
    body = message_of(PLAN, *many, known=tuple(f"t.py::test_{n}" for n in range(3_000))).body
    assert "Changed 400 of 400 files:\n" in body
    assert "In all: 800 classes, 400 marks." in body
    assert "more files; all are in reports/first/one.json\n" in body
    assert "3000 failed before:\n- t.py::test_0\n" in body
    assert "- and 2,950 more tests; all are in reports/first/one.json" in body
    assert len(body) < 20_000


def test_the_built_in_body_is_wrapped_and_a_name_stays_whole() -> None:
    named = f"tests/{'long name ' * 12}.py"
    left = TargetRecord(
        path=RepoPath(named), done=TargetOutcome.REFUSED, reason="Signed-off-by: nobody " * 20
    )
    lines = message_of(PLAN, left).body.splitlines()
    assert any(for_commit(named) in line for line in lines)
    assert all(len(line) <= 100 for line in lines if for_commit(named) not in line)
    assert not any(line.startswith("Signed-off-by") for line in lines)


def test_a_body_of_the_plan_that_is_too_long_is_cut_once_the_tests_ran() -> None:
    body = "{% for f in files %}{% for n in range(99) %}{{ f.path }}{% endfor %}{% endfor %}"
    plan = PLAN.replace("phases:", f'commit:\n  body: "{body}"\nphases:')
    many = [edited(f"tests/test_something_{n}.py") for n in range(400)]
    text = message_of(plan, *many).body
    assert text.endswith("\n… and more; all of it is in reports/first/one.json")
    assert len(text) < 20_100
    with pytest.raises(BadInput, match="more than 20000 characters"):
        message_of(plan, *many, is_trial=True)


BY_ACTION = "{{ action }}: {{ phase.id }} {{ batch.title }}{{ reason }}"


@pytest.mark.parametrize("action", list(Action))
def test_every_action_goes_through_the_templates_of_the_plan(action: Action) -> None:
    commit = f'commit:\n  subject: "{BY_ACTION}"\n  body: "{{{{ action }}}}"\nphases:'
    made = message_of(PLAN.replace("phases:", commit), action=action, reason="")
    assert (made.subject, made.body) == (f"{action}: first Batch one", action.value)


@pytest.mark.parametrize(
    ("action", "subject", "line"),
    [
        (Action.MIGRATE, "memory safety for a and b", "Changed 2 of 2 files:"),
        (Action.ADOPT, "memory safety by hand for a and b", "Changed 2 of 2 files:"),
        (Action.UNDO, "Undo memory safety for Batch one", "Gives 2 files back the content from before the batch:"),
        (Action.SKIP, "Skip 2 files in the migration", "Left as they are: because"),
    ],
)  # fmt: skip
def test_the_built_in_texts_of_each_action(action: Action, subject: str, line: str) -> None:
    made = message_of(PLAN, action=action, reason="because")
    assert made.subject == f"{subject} (First, batch 1/2)"
    assert made.body.splitlines()[0] == line


def test_a_commit_is_signed_off_once() -> None:
    made = message_of(PLAN).signed_off("U <u@example.invalid>")
    assert made.text().endswith("\nSigned-off-by: U <u@example.invalid>\n")
    assert made.signed_off("U <u@example.invalid>") == made


def test_files_that_were_left_are_told_with_their_reason() -> None:
    left = [
        edited("a.py"),
        TargetRecord(path=RepoPath("b.py"), done=TargetOutcome.UNCHANGED),
        TargetRecord(
            path=RepoPath("c.py"), done=TargetOutcome.REFUSED, reason="line 1: it is Python 2"
        ),
        TargetRecord(path=RepoPath("d.py"), done=TargetOutcome.MANUAL, reason="look at it"),
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
        message_of(plan, is_trial=True)
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
