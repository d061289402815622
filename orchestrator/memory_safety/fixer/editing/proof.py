"""Proves an edit: the old program and the old lines are all there, plus exactly what is claimed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy

from orchestrator.memory_safety.fixer.reading.syntax import Function
from orchestrator.memory_safety.fixer.rules.analysis import Analysis, NewTeardown, skip_mark


def difference(
    before: bytes, after: bytes, analysis: Analysis, counts: Mapping[str, int]
) -> str | None:
    """What else the edit changed beside the additions in `counts`, or None.

    Two independent checks: the syntax trees are equal once additions of the four allowed shapes are
    left out, in the claimed number; and every old line stands in the new text, in its order.
    """
    try:
        new_tree = ast.parse(after)
    except (SyntaxError, ValueError) as error:
        return f"the result does not compile ({error})"
    comparison = _Comparison(analysis)
    if not comparison.same(analysis.tree, new_tree):
        return "the program is not the old one plus the additions"
    claimed = {name: count for name, count in counts.items() if name != "classes"}
    added = +comparison.added
    del added["clears"]  # they come with a collecting line, which is counted
    if added != +Counter(claimed):
        return f"added {dict(added)}, claimed {claimed}"
    return _lost_line(before.removeprefix(_BOM), after.removeprefix(_BOM), analysis)


_IMPORTS = {"import gc", "import os", "import pytest"}


_BOM = b"\xef\xbb\xbf"


class _Comparison:
    """Compares two trees, counting the allowed additions it meets in the second."""

    def __init__(self, analysis: Analysis) -> None:
        names = analysis.names
        self.added: Counter[str] = Counter()
        self._marks = {
            f"{names.mark or 'pytest.mark'}.xdist_group(name={analysis.group_of(at)!r})"
            for at in analysis.module.classes
            if (work := analysis.work.get(at.ordinal)) and work.add_mark
        }
        self._collect = f"{names.collect or 'gc.collect'}()"
        self._skip = ast.unparse(ast.parse(skip_mark(analysis)))
        self._docstring = analysis.options.docstring
        self._new = {self._claim(w.new_teardown) for w in analysis.work.values() if w.new_teardown}
        self._wrapped = {(f.name, f.lineno) for f in _wrapped(analysis)}
        clears = {w.clears for w in analysis.work.values() if w.clears}
        self._clears = {f"{name}.__dict__.clear()" for name in clears}

    def _claim(self, new: NewTeardown) -> tuple[str, str, tuple[str, ...]]:
        """The name, the parameters and the lines of a new teardown."""
        parameters = ", ".join(filter(None, ["self", new.parameters]))
        arguments = ast.unparse(ast.parse(f"lambda {parameters}: 0")).removesuffix(": 0")
        lines = [f"super().{new.name}({new.arguments})"] if new.calls_super else []
        lines += ["self.__dict__.clear()"] if new.clears else []
        return new.name, arguments.removeprefix("lambda "), (*lines, self._collect)

    def same(self, old: object, new: object) -> bool:
        if isinstance(old, list) and isinstance(new, list):
            return self._same_list(old, new)
        if isinstance(old, ast.FunctionDef) and (inner := self._unwrapped(old, new)):
            return self.same(old, inner)
        if isinstance(old, ast.expr) and isinstance(new, ast.expr):
            return _same_expression(old, new)  # nothing is ever added inside of one
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            return self._same_fields(old, new)
        return old == new and type(old) is type(new)

    def _same_fields(self, old: ast.AST, new: ast.AST) -> bool:
        if type(old) is not type(new):
            return False
        for name in old._fields:  # a loop, and no `all`: a long elif is as deep as it is long
            if not self.same(getattr(old, name, None), getattr(new, name, None)):
                return False
        return True

    def _unwrapped(self, old: ast.FunctionDef, new: object) -> ast.FunctionDef | None:
        """A teardown whose body is now in a `try`, as it would be without that; counts it."""
        if not isinstance(new, ast.FunctionDef) or (old.name, old.lineno) not in self._wrapped:
            return None
        *docstring, last = new.body
        if not isinstance(last, ast.Try) or last.handlers or last.orelse:
            return None
        *clears, collect = map(ast.unparse, last.finalbody)
        if collect != self._collect or not self._clears.issuperset(clears):
            return None
        self.added["teardowns"] += 1
        plain = copy(new)
        plain.body = [*docstring, *last.body]
        return plain

    def _same_list(self, old: list[object], new: list[object]) -> bool:
        rest = iter(new)
        for wanted in old:
            for item in rest:
                counted = self.added.copy()
                if self.same(wanted, item):
                    break
                self.added = counted
                if not self._is_addition(item):
                    return False
            else:
                return False
        return all(self._is_addition(item) for item in rest)

    def _is_addition(self, item: object) -> bool:
        kind = self._kind(item)
        if kind:
            self.added[kind] += 1
        return kind is not None

    def _kind(self, item: object) -> str | None:
        if isinstance(item, ast.Import):
            return "imports" if ast.unparse(item) in _IMPORTS else None
        if isinstance(item, ast.Call):
            kinds = {**dict.fromkeys(self._marks, "marks"), self._skip: "skips"}
            return kinds.get(ast.unparse(item))
        if isinstance(item, ast.Expr):
            text = ast.unparse(item)
            if text in self._clears:
                return "clears"
            return "teardowns" if text == self._collect else None
        if isinstance(item, ast.FunctionDef) and item.name in {"teardown_method", "tearDown"}:
            return "teardowns" if self._is_new_teardown(item) else None
        return None

    def _is_new_teardown(self, function: ast.FunctionDef) -> bool:
        """A docstring, the base's method and clearing where they are asked for; then collecting."""
        if not isinstance(function.body[0], ast.Expr) or function.decorator_list:
            return False
        docstring, *lines = map(ast.unparse, function.body)
        claim = (function.name, ast.unparse(function.args), tuple(lines))
        return ast.literal_eval(docstring) == self._docstring and claim in self._new


def _same_expression(old: ast.expr, new: ast.expr) -> bool:
    """Whether two expressions are equal, however deep: without recursion."""
    rest: list[tuple[object, object]] = [(old, new)]
    while rest:
        one, other = rest.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, ast.AST):
            rest += [(getattr(one, n, None), getattr(other, n, None)) for n in one._fields]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            rest += zip(one, other, strict=True)
        elif one != other:
            return False
    return True


def _lost_line(before: bytes, after: bytes, analysis: Analysis) -> str | None:
    """The first old line that is missing or changed.

    Lines of a class or method that stood on its header's line are left to the other check: such a
    header is opened up to take another statement. The body of a teardown that is put into a `try`
    may be indented further.
    """
    lines = before.splitlines()
    opened = _one_liners(analysis.tree)
    indented = {number for f in _wrapped(analysis) for number in _body_lines(f, lines)}
    rest = iter(after.splitlines())
    for number, line in enumerate(lines, start=1):
        if number in opened:
            continue
        kept = bytes.lstrip if number in indented else bytes
        if not any(kept(item) == kept(line) for item in rest):
            return f"line {number} is gone"
    return None


def _body_lines(function: Function, lines: Sequence[bytes]) -> range:
    """The numbers of the lines of a body, with the comments that end it."""
    last = function.end_lineno or 0
    while last < len(lines) and lines[last].lstrip()[:1] in {b"", b"#"}:
        last += 1
    return range(function.body[0].lineno, last + 1)


def _wrapped(analysis: Analysis) -> list[Function]:
    """The teardowns whose bodies go into a `try`."""
    classes = {at.ordinal: at for at in analysis.module.classes}
    return [
        function
        for ordinal, work in analysis.work.items()
        if work.wraps and work.append_to
        for function in classes[ordinal].definitions(work.append_to)
    ]


def _one_liners(tree: ast.Module) -> set[int]:
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.body[0].lineno == node.lineno
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
