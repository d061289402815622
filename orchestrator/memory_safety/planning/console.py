"""Says why there is nothing to plan."""

from __future__ import annotations

from orchestrator.base.text import plural
from orchestrator.console.streams import next_step, say
from orchestrator.memory_safety.scan.scan import Survey


def show_nothing_to_do(found: Survey) -> None:
    """Say why no plan was written."""
    lacking = sum(facts.lacks for facts in found.files)
    say(f"{plural(len(found.files), 'test file')}: none touches a mock and lacks the pattern")
    for facts in found.files:
        if facts.by_hand and not facts.classes:
            say(f"  {facts.path}: {facts.by_hand[0]}", "yellow")
    if lacking:
        what = (
            f"{plural(lacking, 'file')} without mocks could have it: orchestrate plan --require all"
        )
        next_step(f"{what}")
    else:
        next_step("orchestrate plan --fixer command --run 'ruff check --select UP --fix {files}'")
