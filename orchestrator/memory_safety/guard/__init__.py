"""Keeps a change from being lost again: hook, CI step, guidelines, settings, a frozen heap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from orchestrator.base.changes import Content
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.outcome import Edit, NoChange, Options, Outcome, Refusal, Source
from orchestrator.memory_safety.guard.parts import (
    OPTIONS,
    Cannot,
    Part,
    part_of,
    problems,
    wishes_of,
)

_COUNTED = {
    Part.HOOK: "hooks",
    Part.CI: "workflow steps",
    Part.VALIDATOR: "validators",
    Part.GUIDELINES: "guidelines",
    Part.SECTION: "sections",
    Part.SETTINGS: "settings",
    Part.FREEZE: "freezing fixtures",
}


class GuardFixer(FileFixer):
    """Puts into each file the part of the guard that it is for; what is there already stays."""

    name = "guard"
    version = 1
    knows_what_is_left = True
    per_target = True
    tries_its_edits = True
    options: ClassVar = OPTIONS

    def option_problems(self, path: str, options: Options) -> list[str]:
        """Return unknown options, invalid values, and a file that no part of the guard is for."""
        return [*super().option_problems(path, options), *problems(path, options)]

    def is_clean(self, source: Source, top: Path) -> bool:
        """Whether the part is there."""
        return isinstance(self.fix(source, top), NoChange)

    def fix(self, source: Source, top: Path) -> Outcome:
        """Add the part, or say why this file cannot have it."""
        part = part_of(source.path, source.options.get("part"))
        assert part is not None  # a checked plan has no such file
        try:
            data = _MAKERS[part](source, top)
        except Cannot as error:
            return Refusal(source.path, str(error))
        except UnicodeDecodeError as error:
            return Refusal(source.path, f"it is not UTF-8: {error}")
        if data is None:
            return NoChange(source.path)
        return Edit(source.path, data, {_COUNTED[part]: 1}, _notes(part, data))

    def trial(self, contents: Mapping[str, Content], top: Path) -> list[tuple[str, str]]:
        """What is wrong with the hook when it is tried on a fixed and an unfixed file."""
        from orchestrator.memory_safety.guard.trial import tried

        return tried(contents, top)


def _notes(part: Part, data: bytes) -> tuple[str, ...]:
    """What a person should know of an edit."""
    if part is Part.CI and b"--ratchet" in data and b"fetch-depth: 0" not in data:
        return ("actions/checkout needs `fetch-depth: 0`: the ratchet asks the history",)
    return ()


def _of_text(make: Callable[[str, Source, Path], str | None]) -> Callable[..., bytes | None]:
    """A maker of text as one of bytes."""

    def made(source: Source, top: Path) -> bytes | None:
        text = make(source.data.decode("utf-8"), source, top)
        return None if text is None else text.encode("utf-8")

    return made


def _hook(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.hook import hooked

    return hooked(text, source.path, wishes_of(source.options))


def _ci(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.workflow import with_step

    return with_step(text, source.path, wishes_of(source.options))


def _validator(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.validator import script

    return script(text, source.path, wishes_of(source.options))


def _guidelines(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.text import guidelines

    return guidelines(text, source.path, top, wishes_of(source.options))


def _section(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.text import section

    return section(text, source.path, top, wishes_of(source.options))


def _settings(text: str, source: Source, top: Path) -> str | None:
    from orchestrator.memory_safety.guard.settings import configured

    return configured(text, source.path, top, wishes_of(source.options))


def _freeze(source: Source, top: Path) -> bytes | None:
    from orchestrator.memory_safety.guard.freeze import freezing

    return freezing(source.data, source.path, top)


_MAKERS: Mapping[Part, Callable[[Source, Path], bytes | None]] = {
    Part.HOOK: _of_text(_hook),
    Part.CI: _of_text(_ci),
    Part.VALIDATOR: _of_text(_validator),
    Part.GUIDELINES: _of_text(_guidelines),
    Part.SECTION: _of_text(_section),
    Part.SETTINGS: _of_text(_settings),
    Part.FREEZE: _freeze,
}

FIXER = GuardFixer()
