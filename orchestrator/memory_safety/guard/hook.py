"""The hook of pre-commit that blocks a commit with a test class that lacks the pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.memory_safety.guard.listing import parsed, scalar, with_entry
from orchestrator.memory_safety.guard.parts import HOOK_ID, Cannot, GuardSettings

CONFIGURATION = ".pre-commit-config.yaml"
_NAME = "test classes keep to the memory safety pattern"


def hooked(text: str, path: str, wishes: GuardSettings) -> str | None:
    """The configuration with the hook; None where it has one of that name.

    Raises:
        Cannot: it is no configuration of pre-commit, or is written in a way that is left alone.
    """
    document = parsed(text, path)
    if document is None:
        head = f"{text.rstrip()}\n" if text.strip() else ""
        return "\n".join([f"{head}repos:", *(f"  {line}" for line in _entry(wishes)), ""])
    if not isinstance(document, dict) or "repos" not in document:
        raise Cannot(f"{path} has no list of repos, which a configuration of pre-commit has")
    if next(hooks(document), None) is not None:
        return None
    return with_entry(text, ["repos"], _entry(wishes))


Found = tuple[dict[str, Any], dict[str, Any]]
"""A repository of the configuration, and the hook of it that is ours."""


def hooks(document: Any) -> Iterator[Found]:
    """Our hooks in a parsed configuration, each with its repository."""
    repos = document.get("repos") if isinstance(document, dict) else None
    for repo in repos if isinstance(repos, list) else []:
        mine = repo.get("hooks") if isinstance(repo, dict) else None
        for hook in mine if isinstance(mine, list) else []:
            if isinstance(hook, dict) and hook.get("id") == HOOK_ID:
                yield repo, hook


def _entry(wishes: GuardSettings) -> list[str]:
    if wishes.repo:
        arguments = ["      args: [--ratchet]"] if wishes.ratchet else []
        return [
            f"- repo: {scalar(wishes.repo)}",
            f"  rev: {scalar(wishes.rev)}",
            "  hooks:",
            f"    - id: {HOOK_ID}",
            *arguments,
        ]
    return [
        "- repo: local",
        "  hooks:",
        f"    - id: {HOOK_ID}",
        f"      name: {_NAME}",
        f"      entry: {scalar(wishes.check)}",
        "      language: system",
        "      types: [python]",
        "      require_serial: true",
    ]
