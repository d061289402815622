"""Any LibCST codemod as a fixer: a stock one, or a class of the project's own."""

from __future__ import annotations

from typing import ClassVar

from orchestrator.fixers.base import BatchFixer, unknown_options
from orchestrator.fixers.outcome import Options
from orchestrator.fixers.task import Proposal, Task, proposal_of

_FEWEST_PARTS = 2


class Codemod(BatchFixer):
    """Transforms each file by a fresh instance of a LibCST codemod, in a process of its own."""

    name = "codemod"
    version = 1
    target_options = False
    options: ClassVar = {
        "codemod": "the class, as package.module.Class; found from the top of the repository",
        "args": "keyword arguments of the class",
    }

    def option_problems(self, path: str, options: Options) -> list[str]:
        """What the options of a plan cannot mean."""
        found = unknown_options(self.name, options, self.options)
        named = options.get("codemod")
        parts = named.split(".") if isinstance(named, str) else []
        if len(parts) < _FEWEST_PARTS or not all(part.isidentifier() for part in parts):
            found.append(f"codemod is {named!r}; it can be a class, as package.module.Class")
        args = options.get("args", {})
        if not isinstance(args, dict) or not all(name.isidentifier() for name in args):
            found.append(f"args is {args!r}; it can be a mapping of arguments to their values")
        return found

    def commands(self, options: Options) -> list[str]:
        """The code it imports and calls."""
        return [f"codemod {options.get('codemod')} {dict(options).get('args', '')}".strip()]

    def propose(self, task: Task) -> Proposal:
        """What the codemod makes of each file."""
        from orchestrator.fixers.codemod.running import outcomes

        return proposal_of(outcomes(task), task.sources)


FIXER = Codemod()
