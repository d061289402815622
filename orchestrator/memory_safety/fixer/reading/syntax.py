"""The classes of a module as they stand in its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(eq=False)
class ClassNode:
    """One `class` statement. `ordinal` counts every one in the file from 0, in source order."""

    ordinal: int
    node: ast.ClassDef
    outer: ClassNode | None
    in_function: bool
    """Whether it stands in a function, or below `if TYPE_CHECKING`: no test can be in it."""
    given: list[tuple[str, ast.expr | None]] = field(default_factory=list)
    """Attributes that the module sets on it afterwards, as in `TestA.__test__ = False`."""

    @property
    def qualname(self) -> str:
        """`Outer.Inner`, as people write it."""
        return f"{self.outer.qualname}.{self.node.name}" if self.outer else self.node.name

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """The statements of its body, and of blocks in it, in source order."""
        return list(own_statements(self.node))

    def definitions(self, name: str) -> list[Function]:
        """The methods called `name` that stand directly in the class's body."""
        return [s for s in self.node.body if isinstance(s, Function) and s.name == name]

    def binds_otherwise(self, name: str) -> bool:
        """Whether the class body binds `name` other than by a `def` that stands directly in it."""
        if name in {assigned for assigned, _ in self.assigned()}:
            return True
        if any(isinstance(n, ast.NamedExpr) and n.target.id == name for n in own_nodes(self.node)):
            return True
        direct = self.definitions(name)
        return any(_binds(node, name) and node not in direct for node in self.statements)

    def functions(self) -> Iterator[Function]:
        """Every method, also one below an `if` or `try` of the class's body."""
        return (node for node in self.statements if isinstance(node, Function))

    def assigned(self) -> Iterator[tuple[str, ast.expr | None]]:
        """Every class attribute by name, with its value where it is known."""
        for node in self.statements:
            yield from assignments(node)
        yield from self.given


def classes_of(tree: ast.Module) -> list[ClassNode]:
    """Every `class` statement of a module, in source order."""
    found: list[ClassNode] = []
    rest: list[tuple[ast.AST, ClassNode | None, bool]] = [(tree, None, False)]
    while rest:  # not by recursion: a long `elif` is as deep as it is long
        at, outer, in_function = rest.pop()
        if isinstance(at, ast.ClassDef):
            outer = ClassNode(len(found), at, outer, in_function)
            found.append(outer)
        elif isinstance(at, Function):
            outer, in_function = None, True
        below = [child for child in children(at) if not isinstance(child, ast.expr)]
        if isinstance(at, ast.If) and is_for_types(at.test):
            rest += [(child, outer, child in at.body or in_function) for child in reversed(below)]
        else:
            rest += [(child, outer, in_function) for child in reversed(below)]
    _give(tree, {at.node.name: at for at in found if at.outer is None and not at.in_function})
    return found


def _give(tree: ast.Module, classes: dict[str, ClassNode]) -> None:
    """Attributes that are set on classes by the module's own statements."""
    for node in own_statements(tree):
        for target in node.targets if isinstance(node, ast.Assign) else []:
            owner = target.value if isinstance(target, ast.Attribute) else None
            at = classes.get(owner.id) if isinstance(owner, ast.Name) else None
            if at is not None and isinstance(node, ast.Assign):
                at.given.append((getattr(target, "attr", ""), node.value))


def is_for_types(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`, which never holds when the tests run."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def assignments(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The names a statement binds to values, each with its value where that is known."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _assigned(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        yield from _assigned(node.target, node.value)
    elif isinstance(node, ast.For | ast.AsyncFor):
        yield from _assigned(node.target, node.iter)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _assigned(item.optional_vars, item.context_expr)


def _assigned(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """The names below a target; one of several gets its own part of the value, or all of it."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Starred):
        yield from _assigned(target.value, value)
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        fits = len(parts) == len(target.elts)
        for number, inner in enumerate(target.elts):
            yield from _assigned(inner, parts[number] if fits else value)


def first_line(node: ast.stmt) -> int:
    """The line a statement begins on, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


_CONTEXTS = {ast.Load, ast.Store, ast.Del}
_LEAVES = {ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Global, ast.Nonlocal}
"""Half of all nodes, with nothing below them that anybody asks for."""


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below `node`, in source order; `ast.iter_child_nodes` takes twice as long.

    Load, store and delete are left out: nobody asks for them, and they are a third of all nodes.
    """
    found: list[ast.AST] = []
    if node.__class__ in _LEAVES:
        return found
    for value in vars(node).values():
        kind = value.__class__
        if kind is int or kind is str:
            continue
        if kind is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif kind not in _CONTEXTS and isinstance(value, ast.AST):
            found.append(value)
    return found


def nodes_below(root: ast.AST) -> list[ast.AST]:
    """`root` and every node below it, level by level."""
    found = [root]
    for node in found:  # it grows as it is read
        if node.__class__ not in _LEAVES:
            found += children(node)
    return found


def statements_below(root: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below `root`, also in functions and classes; expressions are not entered."""
    rest = children(root)
    for node in rest:  # it grows as it is read
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.expr):
            rest += children(node)


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Every node below `scope` that belongs to its own namespace, in source order.

    A nested function or class is itself yielded, its inside is not.
    """
    rest = children(scope)[::-1]
    while rest:  # not by recursion: `"a" + "a" + ...` is as deep as it is long
        node = rest.pop()
        yield node
        if not isinstance(node, _SCOPES):
            rest += children(node)[::-1]


def own_statements(scope: ast.AST) -> Iterator[ast.stmt]:
    """The statements among `own_nodes`, without a look into expressions: a table may be huge."""
    rest = [child for child in children(scope)[::-1] if not isinstance(child, ast.expr)]
    while rest:
        node = rest.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, _SCOPES):
            rest += [child for child in children(node)[::-1] if not isinstance(child, ast.expr)]


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.Import | ast.ImportFrom):
        return name in {alias.asname or alias.name for alias in node.names}
    return False
