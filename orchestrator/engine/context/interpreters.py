"""The Python interpreter of each project of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from orchestrator.engine.context.events import EventHandler, InterpreterFound, Notice
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import Workspace
from orchestrator.fixers.registry import get
from orchestrator.plan.projects import folders_of, projects_of, wanted_python
from orchestrator.project.folders import TOP, Projects
from orchestrator.project.ids import file_of, in_project
from orchestrator.project.interpreter import Interpreter, chosen, interpreter


class Interpreters:
    """The interpreters of a workspace, each described when it is first needed.

    `known` are interpreters by project that are used without being looked for.
    """

    def __init__(
        self,
        workspace: Workspace,
        options: RunOptions,
        known: Mapping[str, Interpreter] | None = None,
    ) -> None:
        """Start nothing yet."""
        self._top = workspace.top
        self._plan = workspace.plan
        self._options = options
        self._found = dict(known or {})

    @cached_property
    def projects(self) -> Projects:
        """Which folder of the repository is the project of a file."""
        return projects_of(self._plan, self._top)

    def of(self, project: str, emit: EventHandler) -> Interpreter:
        """Return the interpreter of a project; emits an event the first time.

        Raises:
            CannotJudge: there is none, or none that starts.
        """
        if project not in self._found:
            wanted = wanted_python(self._plan, self._options.python, project)
            path = chosen(self._top, wanted)
            known = (one for one in self._found.values() if one.path == path)
            if (found := next(known, None)) is None:
                found = interpreter(self._top, wanted, command=self._options.command)
                emit(InterpreterFound(found))
                if why := self._needs_groups and found.why_groups_are_inert:
                    emit(Notice(why))
            self._found[project] = found
        return self._found[project]

    def path(self, project: str = TOP) -> Path | None:
        """Return where an interpreter is, without starting it; None where there is none."""
        if project in self._found:
            return self._found[project].path
        return chosen(self._top, wanted_python(self._plan, self._options.python, project))

    def first_found(self) -> Interpreter | None:
        """Return an interpreter that was needed before; starts nothing."""
        return self._found.get(TOP) or next(iter(self._found.values()), None)

    def spelled(self, test_id: str) -> str:
        """Return the id of a test as records have it: with its project, if there are several."""
        folder = self.projects.of(file_of(test_id)) if self._are_several else TOP
        return in_project(test_id, folder)

    @cached_property
    def _are_several(self) -> bool:
        return len(folders_of(self.projects, self._plan)) > 1

    @property
    def _needs_groups(self) -> bool:
        """Whether the plan groups tests, or runs them in workers."""
        rungs = [rung for phase in self._plan.phases for rung in phase.rungs()]
        workers = any(verify.workers for _, verify, _ in self._plan.all_verify())
        return workers or any(get(rung.fixer).groups_tests for rung in rungs)
