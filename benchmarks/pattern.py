"""The same edit for LibCST's own runner: `libcst.tool codemod -x pattern.AddPattern`."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
from libcst.codemod import CodemodCommand

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.editing.transform import transformed_bytes
from orchestrator.memory_safety.fixer.rules.classes import analyse


class AddPattern(CodemodCommand):
    """Adds marks and teardowns to one file."""

    DESCRIPTION = "Adds the pytest-xdist memory safety pattern."

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module with what it lacks."""
        path = Path(str(self.context.filename)).absolute()
        top = Path.cwd()
        source = Source(str(path.relative_to(top)), tree.bytes)
        analysis = analyse(source, top)
        if not analysis.work:
            return tree
        return cst.parse_module(transformed_bytes(tree.bytes, analysis)[0])
