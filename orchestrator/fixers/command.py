"""Any command as a fixer: ruff, pyupgrade, a formatter, a script of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from orchestrator.fixers import program_options as common
from orchestrator.fixers.base import BatchFixer, unknown_options
from orchestrator.fixers.outcome import Options
from orchestrator.fixers.program_run import Bench, ProgramFailure
from orchestrator.fixers.program_start import started
from orchestrator.fixers.task import Proposal, Task

_PLACEHOLDERS = frozenset({"files", "python"})


class CommandFixer(BatchFixer):
    """Runs commands over the files of a batch in a scratch copy; what they change is taken over."""

    name = "command"
    version = 1
    target_options = False
    options: ClassVar = common.COMMON

    def option_problems(self, path: str, options: Options) -> list[str]:
        """What the options of a plan cannot mean."""
        return [
            *unknown_options(self.name, options, self.options),
            *common.problems(options, _PLACEHOLDERS),
        ]

    def commands(self, options: Options) -> list[str]:
        """What it runs."""
        return common.commands(options)

    def propose(self, task: Task) -> Proposal:
        """What the commands change, twice where the plan does not say otherwise."""
        running = common.running(task.options, per_file=False, twice=True, minutes=10)
        targets = [source.path for source in task.sources]

        def run(paths: Sequence[str]) -> ProgramFailure | None:
            return started(running, task, paths).failed

        scratch = task.scratch()
        scratch.hold(held(task))
        return Bench(scratch, targets, running, run, _label(running.commands)).proposal()


def held(task: Task) -> dict[str, bytes | None]:
    """What the files of a task hold in the scratch copy before anything is run."""
    mine = {source.path: source.data if source.exists else None for source in task.sources}
    return {**task.beside, **mine}


def _label(commands: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(command.split()[0] for command in commands))


FIXER = CommandFixer()
