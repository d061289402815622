"""A plan is read strictly, and everything wrong with it is said with line and column."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import PLAN

from orchestrator.errors import BadInput
from orchestrator.fixers import planned
from orchestrator.plan.load import load, parsed
from orchestrator.plan.model import Plan


def plan_of(text: str | bytes) -> Plan:
    data = text if isinstance(text, bytes) else text.encode()
    return parsed(data, name="p.yaml", plan_path="p.yaml", checks=[planned.problems])


def error_of(text: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        plan_of(text)
    assert caught.value.next_step
    return caught.value.what


def with_target(line: str) -> str:
    return PLAN.replace("          - path: tests/test_b.py", f"          - {line}")


WRONG = [
    ("01 empty", "", "p.yaml:1:1: the plan is empty"),
    ("01 only a comment", "# nothing\n", "p.yaml:1:1: the plan is empty"),
    ("03 not UTF-8", b"version: 1\nname: \xff\n", "p.yaml:2:1: the plan is not UTF-8"),
    ("03 NUL", "version: 1\nname: a\0b\n", "p.yaml:2:1: the character U+0000 is not allowed"),
    ("03 UTF-16", "version: 1".encode("utf-16"), "p.yaml:1:1: the plan is not UTF-8"),
    ("05 tab", "version: 1\n\tname: x\n", "p.yaml:2:1: found a tab"),
    ("06 duplicate key", PLAN.replace("title: memory safety", "title: a\ntitle: b"),
     "p.yaml:4:1: 'title' was already given on line 3"),
    ("07 unknown key", PLAN.replace("fixer: memory", "fixr: memory"),
     "p.yaml:8:5: unknown key 'fixr'; did you mean 'fixer'?"),
    ("07 unknown key of a target", with_target("{path: x.py, group: y}"), "unknown key 'group'"),
    ("08 alias bomb", "a: &a [x, x]\nb: &b [*a, *a]\n", "p.yaml:2:8: aliases (*name) are not accepted"),
    ("09 self-reference", "a: &a [*a]\n", "p.yaml:1:8: aliases"),
    ("12 python tag", "a: !!python/object:os.system x\n", "p.yaml:1:4: the tag"),
    ("13 two documents", f"{PLAN}---\n{PLAN}", "a second document starts here"),
    ("14 a number as text", PLAN.replace("title: first things", "title: 3.10"),
     "p.yaml:6:5: 'title' must be text, and YAML reads this as 3.1; quote it"),
    ("14 no as text", PLAN.replace("title: first things", "title: no"), "reads this as False; quote it"),
    ("14 a time as text", PLAN.replace("title: first things", "title: 1:30"), "reads this as 90; quote it"),
    ("14 on in a list", PLAN.replace("title: Batch two", "title: Batch two\n        depends_on: [on]"),
     "p.yaml:18:22: 'depends_on' must be text, and YAML reads this as True; quote it"),
    ("15 list for mapping", PLAN.replace("version: 1\n", "version: 1\nverify: [a]\n"), "p.yaml:2:1: 'verify'"),
    ("16 duplicate ids", PLAN.replace("- id: two", "- id: ONE"), "'ONE' is already used by 'one'"),
    ("17 id with a path", PLAN.replace("id: two", "id: ../x"), "'id': string should match pattern"),
    ("17 id with a dash", PLAN.replace("id: two", "id: -x"), "'id': string should match pattern"),
    ("17 .git as id", PLAN.replace("id: two", "id: .git"), "'id': string should match pattern"),
    ("17 CON as id", PLAN.replace("id: two", "id: CON"), "cannot be a file name on every system"),
    ("17 a long id", PLAN.replace("id: two", f"id: {'x' * 300}"), "at most 64 characters"),
    ("18 cycle", PLAN.replace("title: Batch two", "title: Batch two\n        depends_on: [two]"),
     "'two' would have to wait for itself"),
    ("18 unknown dependency", PLAN.replace("title: Batch two", "title: Batch two\n        depends_on: [ona]"),
     "'ona' is not known here; did you mean 'one'?"),
    ("20 a file in two batches", PLAN.replace("test_c.py", "test_a.py"), "already a target of first/one"),
    ("20 a file twice in one batch", PLAN.replace("test_b.py", "test_a.py"), "already a target of first/one"),
    ("21 absolute path", with_target("path: /etc/passwd"), "'/etc/passwd' is absolute"),
    ("22 parent folder", with_target("path: tests/../../x.py"), "is not in its simplest form"),
    ("23 git's folder", with_target("path: .git/hooks/x"), "lies in git's own folder"),
    ("23 the record folder", with_target("path: reports/x.py"), "is in the records' folder 'reports'"),
    ("23 the plan itself", with_target("path: p.yaml"), "the plan itself cannot be a target"),
    ("27 timeout", PLAN.replace("phases:", "verify:\n  timeout_s: 0\nphases:"), "greater than 0"),
    ("unknown state", PLAN.replace("priority: high", "priority: hgh"), "did you mean 'high'?"),
    ("unknown fixer", PLAN.replace("fixer: memory-safety", "fixer: memory-saftey"),
     "no fixer is called 'memory-saftey'; did you mean 'memory-safety'?"),
    ("unknown option", PLAN.replace("{group: alpha_tests}", "{grop: x}"), "did you mean 'group'?"),
    ("case-25 group with @", PLAN.replace("alpha_tests", '"a@b"'), "cannot be a group name: it holds '@'"),
    ("case-25 empty group", PLAN.replace("alpha_tests", '""'), "cannot be a group name"),
    ("missing", PLAN.replace("name: sample\n", ""), "'name' is missing"),
    ("no fixer", PLAN.replace("    fixer: memory-safety\n", ""), "batch 'one' needs a fixer"),
    ("deferred without reason", PLAN.replace("priority: high", "priority: high\n    state: deferred"),
     "is deferred; say why in `reason:`"),
    ("newer version", PLAN.replace("version: 1", "version: 2"), "'version': input should be 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"), [pytest.param(t, m, id=f"fault-{name}") for name, t, m in WRONG]
)
def test_what_is_wrong_is_said(text: str | bytes, message: str) -> None:
    assert message in error_of(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 100_000, id="fault-10 deep"),
        pytest.param("{a: " * 100_000, id="fault-10 deep mappings"),
        pytest.param("\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)), id="fault-08 bomb"),
        pytest.param("x" * 10_000_000, id="fault-11 large"),
    ],
)  # fmt: skip
def test_a_hostile_plan_is_refused_within_a_second(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    started = time.monotonic()
    with pytest.raises(BadInput):
        load(tmp_path / "p.yaml", plan_path="p.yaml")
    assert time.monotonic() - started < 1


def test_fault_02_a_missing_plan_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the plan"):
        load(tmp_path / "none.yaml", plan_path="none.yaml")


def test_fault_04_a_byte_order_mark_is_fine() -> None:
    assert plan_of(b"\xef\xbb\xbf" + PLAN.encode()).name == "sample"


def test_several_problems_are_told_together_in_the_order_of_the_file() -> None:
    text = PLAN.replace("fixer: memory", "fixr: memory").replace("priority: high", "priority: x")
    lines = error_of(text).splitlines()
    assert [line.split(":")[1] for line in lines] == ["7", "8"]


def test_the_options_of_a_phase_hold_for_its_targets_unless_they_say_otherwise() -> None:
    plan = plan_of(PLAN.replace("priority: high", "priority: high\n    options: {group: shared}"))
    phase = plan.phases[0]
    (rung,) = phase.rungs()
    first, second = phase.batches[0].targets
    assert planned.source(rung, first, b"").options == {"group": "alpha_tests"}
    assert planned.source(rung, second, b"").options == {"group": "shared"}


@settings(max_examples=200, deadline=5_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(), st.binary(), st.text(alphabet="[]{}:,-&*!|>'\"# \n\tax1")))
def test_any_text_is_a_plan_or_a_clear_error(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        plan_of(data)
    except BadInput as error:
        assert error.what.startswith("p.yaml:")


@settings(max_examples=150, deadline=5_000)
@given(st.data())
def test_a_mutated_plan_is_a_plan_or_a_clear_error(data: st.DataObject) -> None:
    lines = PLAN.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(
            st.sampled_from(
                ["", lines[at] * 2, lines[at].lstrip(), f"  {lines[at]}", "- - x", "? a"]
            )
        )
    try:
        plan_of("\n".join(lines))
    except BadInput as error:
        assert error.what.startswith("p.yaml:")


def test_case_26_files_that_would_get_the_same_group_by_accident_are_an_error(
    tmp_path: Path,
) -> None:
    from support import plan_with

    file = tmp_path / "plan.yaml"
    file.write_text(plan_with(["a/test_utils.py", "b/test_utils.py"]))
    with pytest.raises(
        BadInput, match=r"'a/test_utils\.py' would get the group 'utils_tests' as well"
    ):
        load(file, plan_path="plan.yaml", checks=[planned.problems])
    file.write_text(
        plan_with(["a/test_utils.py", "b/test_utils.py\n            options: {group: b_utils}"])
    )
    assert load(file, plan_path="plan.yaml", checks=[planned.problems]).phases
