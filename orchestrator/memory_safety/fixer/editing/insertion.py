"""Carries out an analysis by inserting whole lines, guided by the syntax tree.

What does not fit into that, such as a body on its header's line, is left to `transform`, which
gives the same bytes for everything else and takes ten times as long.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import itemgetter

from orchestrator.memory_safety.fixer.editing.imports import line_end, with_imports
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode, first_line
from orchestrator.memory_safety.fixer.rules.analysis import Analysis, Work, skip_mark

_SIMPLE = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Pass, ast.Delete, ast.Import,
    ast.ImportFrom, ast.Assert, ast.Raise, ast.Global, ast.Nonlocal, ast.Return,
)  # fmt: skip
_BOM = b"\xef\xbb\xbf"


class DoesNotFit(Exception):
    """Something would have to be added within a line."""


def inserted(data: bytes, analysis: Analysis) -> tuple[bytes, dict[str, int]]:
    """The bytes with what `analysis` says they lack, and how much of what was added.

    Raises:
        DoesNotFit: an addition is more than whole lines.
    """
    text = _Lines(data)
    classes = {at.ordinal: at for at in analysis.module.classes}
    counts: Counter[str] = Counter()
    for ordinal, work in analysis.work.items():
        counts["classes"] += 1
        _add(classes[ordinal], work, analysis, text, counts)
    try:
        result = with_imports(text.joined(), analysis.missing_imports, analysis.module.is_local)
    except SyntaxError as error:  # libcst, which has no lines to mix up, is asked
        raise DoesNotFit from error
    names = ("classes", "marks", *(["skips"] if counts["skips"] else []), "teardowns")
    added = {name: counts[name] for name in names}
    return result, {**added, "imports": len(analysis.missing_imports)}


class _Lines:
    """The lines of a file, and what is to stand before each of them."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(_BOM):
            raise DoesNotFit
        self.lines = data.splitlines(keepends=True)
        self.newline = line_end(self.lines)
        self._encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        self._added: dict[int, list[tuple[int, list[bytes]]]] = defaultdict(list)

    def indent(self, number: int) -> bytes:
        """The blanks before what stands on line `number`, counted from 1."""
        line = self.lines[number - 1]
        return line[: len(line) - len(line.lstrip(b" \t"))]

    def is_blank(self, number: int) -> bool:
        """Whether line `number` is there and empty."""
        return number <= len(self.lines) and not self.lines[number - 1].strip()

    def is_quiet(self, number: int) -> bool:
        """Whether line `number` holds nothing or a comment."""
        return self.lines[number - 1].lstrip().startswith(b"#") or self.is_blank(number)

    def end_of_block(self, number: int, indent: bytes) -> int:
        """The last line of the block that has this indent and whose last statement ends here.

        Comments belong to it as long as they are indented like it, empty lines between them too.
        """
        end = at = number
        while at < len(self.lines) and self.is_quiet(at + 1):
            at += 1
            if not self.is_blank(at):
                if not self.indent(at).startswith(indent):
                    break
                end = at
        return end

    def starts_line(self, node: ast.stmt) -> bool:
        """Whether a statement is the first thing on its line."""
        line = self.lines[first_line(node) - 1]
        column = min([node.col_offset, *(d.col_offset - 1 for d in _decorators(node))])
        return not line[:column].strip()

    def add(
        self, before: int, indent: bytes, texts: Sequence[str], *, ends_block: bool = False
    ) -> None:
        """Put lines before line `before`; an empty text is an empty line.

        Lines that end a block come before those that belong to what follows, inner blocks first.
        """
        try:
            encoded = [text.encode(self._encoding) for text in texts]
        except UnicodeEncodeError as error:
            raise DoesNotFit from error
        lines = [(indent + text if text else b"") + self.newline for text in encoded]
        self._added[before].append((-len(indent) if ends_block else 1, lines))

    def joined(self) -> bytes:
        """The file with everything that was added; no final line end where there was none."""
        lines = list(self.lines)
        ends = bool(lines) and lines[-1].endswith((b"\n", b"\r"))
        if lines and not ends:
            lines[-1] += self.newline
        out: list[bytes] = []
        for number, line in enumerate(lines, start=1):
            out += [*self._added_before(number), line]
        out += self._added_before(len(lines) + 1)
        data = b"".join(out)
        return data if ends else data.removesuffix(self.newline)

    def _added_before(self, number: int) -> list[bytes]:
        added = sorted(self._added.get(number, []), key=itemgetter(0))
        return [line for _, lines in added for line in lines]


def _add(at: ClassNode, work: Work, analysis: Analysis, text: _Lines, counts: Counter[str]) -> None:
    node = at.node
    indent = text.indent(node.lineno)
    if work.add_mark:
        counts["marks"] += 1
        mark = f"{analysis.names.mark or 'pytest.mark'}.xdist_group"
        text.add(node.lineno, indent, [f'@{mark}(name="{analysis.group_of(at)}")'])
    if work.add_skip:
        counts["skips"] += 1
        text.add(node.lineno, indent, [f"@{skip_mark(analysis)}"])
    if work.new_teardown:
        counts["teardowns"] += 1
        _add_teardown(node, work, analysis, text)
    if work.append_to:
        counts["teardowns"] += 1
        _append(at, work, analysis, text)


def _add_teardown(node: ast.ClassDef, work: Work, analysis: Analysis, text: _Lines) -> None:
    body = node.body
    if not all(text.starts_line(statement) for statement in body[:1]):
        raise DoesNotFit
    indent = text.indent(first_line(body[0]))
    lines = _teardown(work, analysis, _unit(indent, text.indent(node.lineno)))
    at = next((i for i, s in enumerate(body) if not isinstance(s, _SIMPLE)), len(body))
    if at:
        after = (body[at - 1].end_lineno or 0) + 1
        leading = [""]
    else:
        after = first_line(body[0])
        while text.is_quiet(after - 1):
            after -= 1
        blanks = 0
        while text.is_blank(after + blanks) and after + blanks < first_line(body[0]):
            blanks += 1
        leading = [""] * blanks
    trailing = [""] if at < len(body) and not text.is_blank(after) else []
    text.add(after, indent, [*leading, *lines, *trailing], ends_block=at == len(body))


def _teardown(work: Work, analysis: Analysis, unit: str) -> list[str]:
    teardown = work.new_teardown
    assert teardown is not None
    parameters = ", ".join(filter(None, ["self", teardown.parameters]))
    lines = [f"def {teardown.name}({parameters}):", f'{unit}"""{analysis.options.docstring}"""']
    if teardown.calls_super:
        lines.append(f"{unit}super().{teardown.name}({teardown.arguments})")
    if teardown.clears:
        lines.append(f"{unit}self.__dict__.clear()")
    return [*lines, f"{unit}{analysis.names.collect or 'gc.collect'}()"]


def _append(at: ClassNode, work: Work, analysis: Analysis, text: _Lines) -> None:
    assert work.append_to is not None
    if work.wraps:
        raise DoesNotFit
    for function in at.definitions(work.append_to):
        first, last = function.body[0], function.body[-1]
        if not text.starts_line(first):
            raise DoesNotFit
        lines = [f"{work.clears}.__dict__.clear()"] if work.clears else []
        lines.append(f"{analysis.names.collect or 'gc.collect'}()")
        indent = text.indent(first_line(first))
        end = text.end_of_block(last.end_lineno or 0, indent)
        text.add(end + 1, indent, lines, ends_block=True)


def _unit(inner: bytes, outer: bytes) -> str:
    """One level of indentation, as this class has it."""
    if not inner.startswith(outer) or inner == outer:
        raise DoesNotFit
    return inner[len(outer) :].decode("ascii")


def _decorators(node: ast.stmt) -> list[ast.expr]:
    found: list[ast.expr] = getattr(node, "decorator_list", [])
    return found
