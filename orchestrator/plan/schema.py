"""The JSON Schema of the plan, generated from its model, for editors and other programs."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from orchestrator.plan.model import Plan

SCHEMA_ID = "migration_plan.schema.json"


def schema_text() -> str:
    """The schema as indented JSON, the same for the same model."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **TypeAdapter(Plan).json_schema(),
    }
    return json.dumps(schema, indent=2) + "\n"
