"""Carries out an analysis on libcst's tree: marks, teardowns, imports, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import libcst as cst

from orchestrator.memory_safety.fixer.editing.imports import with_imports
from orchestrator.memory_safety.fixer.rules.analysis import (
    Analysis,
    NewTeardown,
    Work,
    skip_mark,
)


def transformed_bytes(data: bytes, analysis: Analysis) -> tuple[bytes, dict[str, int]]:
    """The bytes with what `analysis` says they lack, and how much of what was added.

    Raises:
        ValueError: libcst cannot read the file, or not without changing it.
    """
    try:
        module = cst.parse_module(data)
    except cst.ParserSyntaxError as error:
        raise ValueError(str(error)) from error
    if module.bytes != data:
        raise ValueError("it does not give back the same bytes")
    changed, counts = transformed(module, analysis)
    return with_imports(changed.bytes, analysis.missing_imports, analysis.module.is_local), counts


def transformed(module: cst.Module, analysis: Analysis) -> tuple[cst.Module, dict[str, int]]:
    """The module with what `analysis` says its classes lack, and how much of what is added.

    Imports are counted here, and put in as lines afterwards.
    """
    visitor = _Transformer(module, analysis)
    changed = module.visit(visitor)
    return changed, {
        **visitor.counts,
        "imports": len(analysis.missing_imports),
    }


class _Transformer(cst.CSTTransformer):
    """Walks statements only; classes are recognised by their ordinal in source order."""

    def __init__(self, module: cst.Module, analysis: Analysis) -> None:
        super().__init__()
        self._module = module
        self._analysis = analysis
        self._seen = 0
        self._open: list[int] = []
        self._counts: Counter[str] = Counter()
        self._mark = analysis.names.mark or "pytest.mark"
        self._collect = analysis.names.collect or "gc.collect"

    @property
    def counts(self) -> dict[str, int]:
        names = ("classes", "marks", *(["skips"] if self._counts["skips"] else []), "teardowns")
        return {name: self._counts[name] for name in names}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        return False

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        return False

    def visit_Parameters(self, node: cst.Parameters) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self._open.append(self._seen)
        self._seen += 1
        return True

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        ordinal = self._open.pop()
        work = self._analysis.work.get(ordinal)
        if not work:
            return updated_node
        self._counts["classes"] += 1
        node = updated_node
        if work.add_mark:
            self._counts["marks"] += 1
            node = self._marked(node, ordinal)
        if work.add_skip:
            self._counts["skips"] += 1
            node = self._decorated(node, skip_mark(self._analysis))
        if work.new_teardown:
            self._counts["teardowns"] += 1
            node = self._with_teardown(node, work.new_teardown)
        if work.append_to:
            self._counts["teardowns"] += 1
            node = self._with_appended(node, work.append_to, work)
        return node

    def _marked(self, node: cst.ClassDef, ordinal: int) -> cst.ClassDef:
        """The class with its mark directly above `class`, below everything that stood there."""
        group = self._analysis.group_of(self._analysis.module.classes[ordinal])
        return self._decorated(node, f'{self._mark}.xdist_group(name="{group}")')

    @staticmethod
    def _decorated(node: cst.ClassDef, text: str) -> cst.ClassDef:
        expression = cst.parse_expression(text)
        mark = cst.Decorator(expression, leading_lines=node.lines_after_decorators)
        return node.with_changes(decorators=[*node.decorators, mark], lines_after_decorators=[])

    def _with_teardown(self, node: cst.ClassDef, teardown: NewTeardown) -> cst.ClassDef:
        block = _as_block(node.body)
        function = self._new_function(teardown, block.indent or self._module.default_indent)
        at = _first_compound(block.body)
        before, after = block.body[:at], list(block.body[at:])
        leading: Sequence[cst.EmptyLine] = [_blank()] if before else _blank_lines_of(after[:1])
        if after and not _blank_lines_of(after[:1]):
            after[0] = _with_blank_line(after[0])
        body = [*before, function.with_changes(leading_lines=leading), *after]
        return node.with_changes(body=block.with_changes(body=body))

    def _new_function(self, teardown: NewTeardown, indent: str) -> cst.FunctionDef:
        parameters = ", ".join(filter(None, ["self", teardown.parameters]))
        lines = [
            f"def {teardown.name}({parameters}):",
            f'{indent}"""{self._analysis.options.docstring}"""',
        ]
        if teardown.calls_super:
            lines.append(f"{indent}super().{teardown.name}({teardown.arguments})")
        if teardown.clears:
            lines.append(f"{indent}self.__dict__.clear()")
        lines.append(f"{indent}{self._collect}()")
        newline = self._module.default_newline
        statement = cst.parse_statement(
            newline.join([*lines, ""]), config=self._module.config_for_parsing
        )
        assert isinstance(statement, cst.FunctionDef)
        return statement.with_changes(body=_with_indent(statement.body, indent, self._module))

    def _with_appended(self, node: cst.ClassDef, name: str, work: Work) -> cst.ClassDef:
        block = _as_block(node.body)
        body = [self._appended(s, work) if _is_method(s, name) else s for s in block.body]
        return node.with_changes(body=block.with_changes(body=body))

    def _appended(self, statement: cst.BaseStatement, work: Work) -> cst.BaseStatement:
        assert isinstance(statement, cst.FunctionDef)
        block = _as_block(statement.body)
        clears = [f"{work.clears}.__dict__.clear()"] if work.clears else []
        calls = map(cst.parse_expression, [*clears, f"{self._collect}()"])
        lines = [cst.SimpleStatementLine([cst.Expr(call)]) for call in calls]
        if work.wraps:
            return statement.with_changes(body=_wrapped(block, lines, statement))
        comments, footer = _split_footer(block)
        lines[0] = lines[0].with_changes(leading_lines=comments)
        body = block.with_changes(body=[*block.body, *lines], footer=footer)
        return statement.with_changes(body=body)


def _as_block(body: cst.BaseSuite) -> cst.IndentedBlock:
    """The body as an indented block; statements on the header's line move to one of their own."""
    if isinstance(body, cst.IndentedBlock):
        return body
    assert isinstance(body, cst.SimpleStatementSuite)
    return cst.IndentedBlock([cst.SimpleStatementLine(body.body)], header=body.trailing_whitespace)


def _split_footer(
    block: cst.IndentedBlock,
) -> tuple[Sequence[cst.EmptyLine], Sequence[cst.EmptyLine]]:
    """The comments that end a block as part of it, and the lines after them."""
    last = max((i for i, line in enumerate(block.footer, 1) if line.comment), default=0)
    return block.footer[:last], block.footer[last:]


def _wrapped(
    block: cst.IndentedBlock, lines: Sequence[cst.BaseStatement], function: cst.FunctionDef
) -> cst.IndentedBlock:
    """The block, but for its docstring, in a `try` with `lines` in the `finally`."""
    first = block.body[0]
    is_alone = isinstance(first, cst.SimpleStatementLine) and len(first.body) == 1
    start = 1 if is_alone and function.get_docstring(clean=False) is not None else 0
    tried = cst.IndentedBlock(block.body[start:], indent=block.indent, footer=block.footer)
    finally_ = cst.Finally(cst.IndentedBlock(lines, indent=block.indent))
    body = [*block.body[:start], cst.Try(body=tried, finalbody=finally_)]
    return block.with_changes(body=body, footer=[])


def _first_compound(body: Sequence[cst.BaseStatement]) -> int:
    """The index of the first method, class or other block; all of the body's length if none."""
    compound = (i for i, s in enumerate(body) if not isinstance(s, cst.SimpleStatementLine))
    return next(compound, len(body))


def _is_method(statement: cst.BaseStatement, name: str) -> bool:
    return isinstance(statement, cst.FunctionDef) and statement.name.value == name


def _with_indent(body: cst.BaseSuite, indent: str, module: cst.Module) -> cst.BaseSuite:
    return body.with_changes(indent=None if indent == module.default_indent else indent)


def _blank() -> cst.EmptyLine:
    return cst.EmptyLine(indent=False)


def _blank_lines_of(statements: Sequence[cst.BaseStatement]) -> list[cst.EmptyLine]:
    """The blank lines before the first of `statements`, up to its first comment."""
    lines: list[cst.EmptyLine] = []
    for line in getattr(statements[0], "leading_lines", ()) if statements else ():
        if line.comment is not None:
            break
        lines.append(line)
    return lines


def _with_blank_line(statement: cst.BaseStatement) -> cst.BaseStatement:
    leading = getattr(statement, "leading_lines", ())
    return statement.with_changes(leading_lines=[_blank(), *leading])
