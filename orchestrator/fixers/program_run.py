"""Runs a program over files in a scratch copy: what it changed, and what speaks against it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from orchestrator.base.changes import Change, Content, FileState, Unit, line_counts, merged
from orchestrator.base.paths import RepoPath
from orchestrator.fixers.outcome import NoChange, Refusal
from orchestrator.fixers.program_options import Running
from orchestrator.fixers.task import Proposal, Scratch

_SHOWN = 5
_HINT = " (where it needs two passes, list it twice in `run:`)"


@dataclass(frozen=True, slots=True)
class ProgramFailure:
    """A run that came to no good end: why in a line, and what it printed."""

    reason: str
    detail: str = ""


Run = Callable[[Sequence[str]], ProgramFailure | None]
"""Runs the program once over these files; None where it ended well."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One run over `paths`: what it changed, and why that cannot be taken over, if so."""

    paths: Sequence[str]
    delta: Mapping[str, FileState]
    before: Mapping[str, FileState]
    failed: ProgramFailure | None = None
    unsettled: Mapping[str, str] = field(default_factory=dict)
    """Targets that a second run still changes, with the diff between both."""


@dataclass(slots=True)
class Bench:
    """The files of a task in their scratch copy, and the program that is run over them."""

    scratch: Scratch
    targets: Sequence[str]
    running: Running
    run: Run
    label: str

    def proposal(self) -> Proposal:
        """What comes of it: files the program fails on, or goes too far with, are refused."""
        groups = [[path] for path in self.targets] if self.running.per_file else [self.targets]
        attempts: list[_Attempt] = []
        for group in groups:
            attempts += self._attempts(group)
        refused = [
            Refusal(path, one.failed.reason, one.failed.detail)
            for one in attempts
            if one.failed
            for path in one.paths
        ]
        refused += [
            Refusal(path, f"{self.label} never settles: a second run changes it again{_HINT}", diff)
            for one in attempts
            for path, diff in one.unsettled.items()
        ]
        units = self._units([one for one in attempts if not one.failed])
        gone = {path for unit in units for path in unit.targets} | {r.path for r in refused}
        same = [path for path in self.targets if path not in gone]
        refused += [
            Refusal(path, f"{self.label} did not make it")
            for path in same
            if self.scratch.held(path) is None
        ]
        unchanged = [NoChange(path) for path in same if self.scratch.held(path) is not None]
        return Proposal(units, unchanged, refused)

    def _attempts(self, group: Sequence[str]) -> list[_Attempt]:
        """One run over the group; where that does not do and files can stand alone, one by one."""
        attempt = self._attempt(group)
        self._take_back(attempt)
        if attempt.failed is None or len(group) == 1 or self.running.together:
            return [attempt]
        alone = []
        for path in group:
            alone.append(self._attempt([path]))
            self._take_back(alone[-1])
        return alone

    def _attempt(self, paths: Sequence[str]) -> _Attempt:
        before = self.scratch.changed()
        failed = self.run(paths)
        after = self.scratch.changed()
        delta = _difference(before, after)
        failed = failed or self._too_far(delta)
        if failed or not self.running.twice or not delta:
            return _Attempt(paths, delta, before, failed)
        failed = self.run(paths)
        again = _difference(after, self.scratch.changed())
        delta = _difference(before, self.scratch.changed())
        failed = failed or self._too_far(again)
        if failed or not again:
            return _Attempt(paths, delta, before, failed)
        diffs = {
            p: _diff(p, _content(self.scratch, after, p), now.content) for p, now in again.items()
        }
        alone = not self.running.together and set(delta) <= set(self.targets)
        if alone and set(again) <= set(paths):
            return _Attempt(paths, delta, before, None, diffs)
        reason = f"{self.label} never settles: a second run changes {_listed(sorted(again))} again"
        return _Attempt(paths, delta, before, ProgramFailure(reason, "\n".join(diffs.values())))

    def _take_back(self, attempt: _Attempt) -> None:
        """Give what is refused the bytes it had before the run."""
        bad = attempt.delta if attempt.failed else attempt.unsettled
        self.scratch.write({p: _content(self.scratch, attempt.before, p) for p in bad})

    def _too_far(self, delta: Mapping[str, FileState]) -> ProgramFailure | None:
        odd = [
            f"{path} ({now.unsupported_reason})"
            for path, now in delta.items()
            if now.unsupported_reason
        ]
        if odd:
            return ProgramFailure(f"{self.label} left what cannot be taken over: {_listed(odd)}")
        if bad := [path for path in delta if not path.isprintable()]:
            return ProgramFailure(f"{self.label} left names that no record can hold: {bad[0]!r}")
        if nested := [p for p in delta if any(p.startswith(f"{other}/") for other in delta)]:
            return ProgramFailure(
                f"{self.label} puts a folder where a file was, or the reverse: {nested[0]}"
            )
        foreign = [path for path in delta if not self._is_mine(path)]
        if foreign:
            return ProgramFailure(
                f"{self.label} changes files outside its batch: {_listed(foreign)}; "
                "`may_touch:` would allow it"
            )
        return None

    def _is_mine(self, path: str) -> bool:
        return path in self.targets or any(fnmatchcase(path, p) for p in self.running.may_touch)

    def _units(self, attempts: Sequence[_Attempt]) -> list[Unit]:
        """The changes that are left, in units that stand or fall together."""
        now = self.scratch.changed()
        units: list[Unit] = []
        for attempt in attempts:
            touched = [path for path in attempt.delta if path in now]
            if not touched:
                continue
            plain = set(touched) <= set(attempt.paths) and not any(
                now[path].content is None or self.scratch.held(path) is None for path in touched
            )
            if plain and not self.running.together:
                units += [Unit((path,), (self._change(path, now[path]),)) for path in touched]
            else:
                mine = tuple(p for p in attempt.paths if p in touched) or tuple(attempt.paths)
                changes = tuple(self._change(path, now[path]) for path in touched)
                units.append(Unit(mine, changes))
        return merged(units)

    def _change(self, path: str, now: FileState) -> Change:
        before = self.scratch.held(path)
        return Change(
            RepoPath(path), before, now.content, line_counts(before, now.content), (), now.mode
        )


def _difference(
    before: Mapping[str, FileState], after: Mapping[str, FileState]
) -> dict[str, FileState]:
    """What is otherwise after than before; what is again as it was held has that content."""
    found = {path: now for path, now in after.items() if before.get(path) != now}
    gone = {path: FileState(None, before[path].mode) for path in before if path not in after}
    return {**found, **gone}


def _content(scratch: Scratch, state: Mapping[str, FileState], path: str) -> Content:
    return state[path].content if path in state else scratch.held(path)


def _diff(path: str, first: Content, second: Content) -> str:
    old, new = ((data or b"").decode("utf-8", "replace").splitlines() for data in (first, second))
    lines = difflib.unified_diff(
        old, new, f"{path} after one run", f"{path} after two", lineterm=""
    )
    return "\n".join(lines)


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
