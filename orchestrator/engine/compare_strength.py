"""Asks the gate `strength` about the tests of a batch, whatever the project takes for a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator.base.changes import Change
from orchestrator.base.text import plural
from orchestrator.engine.context.run_context import RunContext
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.verify import Verify
from orchestrator.project.ids import below_file, file_of, function_of
from orchestrator.project.pytest_config import settings_for

IsTest = Callable[[str], Callable[[str, str], bool]]
"""Says of a file which of its functions are tests, by name and by id."""


@dataclass(frozen=True, slots=True)
class StrengthComparison:
    """Compares tests before and after an edit."""

    context: RunContext
    verify: Verify

    def verdict(self, changes: Sequence[Change], is_test: IsTest | None = None) -> Verdict:
        """Return what the gate says of the tests, or of the functions that `is_test` names."""
        from orchestrator.gates.strength.gate import ModuleSide, read_with, strength_gate

        def read(path: str, data: bytes) -> ModuleSide | None:
            python = self.context.python(self.context.projects.of(path))
            if python.version_info <= sys.version_info[:2]:
                return None
            return read_with(
                python.path, data, cwd=self.context.top, timeout_s=self.verify.timeout_s
            )

        found = self.context.interpreters.first_found()
        folders = self.context.projects.of_all(change.path for change in changes)
        roots = [str(self.context.top / at / below) for at in folders for below in ("", "src")]
        return strength_gate(
            changes,
            top=self.context.top,
            search=[*roots, *(found.search if found else ())],
            allowed=self.verify.allowed,
            is_test=is_test or self._is_test,
            read=read,
        )

    def _is_test(self, path: str) -> Callable[[str, str], bool]:
        """Return which functions of a file are tests, as pytest is configured there."""
        from orchestrator.gates.strength.measure import by_default

        settings = settings_for(self.context.top, path)
        return lambda name, id_: by_default(name, id_) or settings.collects_function(name)

    def of_others(self, changes: Sequence[Change], ids: Iterable[str]) -> Verdict | None:
        """Compare the tests that only pytest's own collection showed to be tests.

        A plug-in may collect functions of any name. Return None if nothing is wrong with them.
        """
        known = {str(change.path): self._is_test(change.path) for change in changes}
        others: dict[str, set[str]] = {}
        for id_ in ids:
            path, name = file_of(id_), below_file(function_of(id_))
            if path in known and name and not known[path](name.rpartition("::")[2], name):
                others.setdefault(path, set()).add(name)
        if not others:
            return None
        some = [change for change in changes if change.path in others]
        found = self.verdict(some, lambda path: lambda name, id_: id_ in others[path])
        if left := sum(map(len, others.values())) - found.count:
            note = f"{plural(left, 'test')} not compared: no function of the file is called so"
            found = replace(found, notes=[*found.notes, note])
        return found if found.blames or found.notes else None
