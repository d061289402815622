"""The plan at the top of this repository, and the schema editors use for it."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from orchestrator.fixers import planned
from orchestrator.plan.load import load
from orchestrator.plan.model import PhaseState, Plan
from orchestrator.plan.schema import schema_text
from orchestrator.plan.yamltree import parse
from orchestrator.report.check import check_templates

TOP = Path(__file__).parents[2]
PLAN_FILE = TOP / "migration_plan.yaml"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load(PLAN_FILE, plan_path="migration_plan.yaml", checks=[planned.problems])


def test_the_schema_in_docs_is_the_models_own() -> None:
    path = TOP / "docs/migration_plan.schema.json"
    assert path.read_text("utf-8") == schema_text(), (
        "orchestrate schema > docs/migration_plan.schema.json"
    )


def test_the_schema_accepts_the_shipped_plan_and_refuses_an_unknown_key() -> None:
    import json

    schema, value = json.loads(schema_text()), parse(PLAN_FILE.read_text("utf-8")).value
    jsonschema.validate(value, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "fazes": []}, schema)


def test_the_plan_names_its_schema_for_editors() -> None:
    assert PLAN_FILE.read_text("utf-8").startswith(
        "# yaml-language-server: $schema=docs/migration_plan.schema.json\n"
    )


@pytest.mark.parametrize(
    ("phase", "files", "classes", "methods", "memory_gb", "state"),
    [
        ("phase-1", 6, 45, 165, 165, PhaseState.DONE),
        ("phase-2", 14, 75, 249, 250, PhaseState.ACTIVE),
        ("phase-3", 4, None, None, None, PhaseState.ACTIVE),
        ("phase-4", 33, 100, 150, 80, PhaseState.DEFERRED),
        ("phase-5", 21, 50, 100, 20, PhaseState.DEFERRED),
    ],
)
def test_each_phase_amounts_to_what_was_asked_for(
    plan: Plan,
    phase: str,
    files: int,
    classes: int | None,
    methods: int | None,
    memory_gb: float | None,
    state: PhaseState,
) -> None:
    found = next(p for p in plan.phases if p.id == phase)
    amounts = tuple(found.amount(name) for name in ("classes", "methods", "memory"))
    assert (found.file_count(), *amounts) == (files, classes, methods, memory_gb)
    assert found.state is state


def test_phase_two_has_six_batches_with_fourteen_files_and_conftest_by_hand(plan: Plan) -> None:
    phase = next(p for p in plan.phases if p.id == "phase-2")
    assert [len(batch.targets) for batch in phase.batches] == [2, 2, 2, 2, 3, 3]
    assert sum(t.expect["classes"] for t in phase.targets()) == 75
    assert [t.path for t in phase.targets() if t.manual] == ["tests/conftest.py"]
    groups = [t.options["group"] for t in phase.targets() if not t.manual]
    assert len(set(groups)) == 13


def test_every_commit_of_the_plan_has_a_subject_of_one_line(plan: Plan) -> None:
    for message in check_templates(plan):
        assert "\n" not in message.subject
        assert len(message.subject) <= 100
