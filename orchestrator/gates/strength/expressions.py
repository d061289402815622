"""What a single expression or call asserts, skips or expects to be raised."""

from __future__ import annotations

import ast
from dataclasses import dataclass

_SKIP_MARKS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure"})
_SKIP_CALLS = frozenset({"skip", "skipTest", "xfail", "importorskip", "SkipTest"})
_RAISES = frozenset({"raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp"})
_WARNS = frozenset({"warns", "deprecated_call", "fail", "RaisesGroup"})
_WITH_PATTERN = frozenset({"assertRaisesRegex", "assertRaisesRegexp"})
_TRUTH = frozenset({"assertTrue", "assert_", "failUnless"})
_SAME_SIDES = frozenset({"assertEqual", "assertEquals", "assertIs", "assertIn", "assertLessEqual"})
_COMPARING = frozenset({
    "assertEqual", "assertEquals", "assertIs", "assertIn", "assertNotIn", "assertGreater",
    "assertGreaterEqual", "assertLess", "assertLessEqual", "assertAlmostEqual", "assertDictEqual",
    "assertListEqual", "assertTupleEqual", "assertSetEqual", "assertSequenceEqual",
    "assertMultiLineEqual", "assertCountEqual", "assert_called_with", "assert_called_once_with",
    "assert_any_call", "assert_has_calls", "assert_awaited_with", "assert_awaited_once_with",
})  # fmt: skip
_SWALLOWING = frozenset({"AssertionError", "Exception", "BaseException"})


_CONTEXTS = {
    "raises": 2, "assertRaises": 2, "assertRaisesRegex": 3, "assertRaisesRegexp": 3,
    "warns": 2, "deprecated_call": 1, "assertWarns": 2, "assertWarnsRegex": 3,
    "assertLogs": 99, "assertNoLogs": 99, "RaisesGroup": 99,
}  # fmt: skip
"""Assertions of a block: without one, they need so many arguments, the last one to be called."""
_EXACT = (ast.Eq, ast.Is)
_NOT_EXACT = frozenset({
    "assertIn", "assertNotIn", "assertGreater", "assertGreaterEqual", "assertLess",
    "assertLessEqual", "assertAlmostEqual",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raises:
    """An exception a test expects: the expressions of its types; whether its text is matched."""

    types: tuple[str, ...]
    matched: bool


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name; nothing for another expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_assertion(call: ast.Call) -> bool:
    """Whether a call is there to fail a test: `self.assertX`, `mock.assert_y`, `raises`, `fail`."""
    name = name_of(call.func)
    return name.startswith(("assert", "failUnless")) or name in _RAISES or name in _WARNS


def weight_of_call(call: ast.Call) -> int:
    """How much an assertion by a call asserts; 0 where it can never fail."""
    name = name_of(call.func)
    if name in _TRUTH and call.args:
        return weight(call.args[0])
    if name in _SAME_SIDES and len(call.args) > 1 and _same(call.args[0], call.args[1]):
        return 0
    return 1


def weight(expression: ast.expr) -> int:
    """How many things an assertion of this asserts: parts of an `and`, comparisons of a chain."""
    if isinstance(expression, ast.BoolOp) and isinstance(expression.op, ast.And):
        return sum(map(weight, expression.values))
    if is_vacuous(expression):
        return 0
    if isinstance(expression, ast.Compare):
        sides = [expression.left, *expression.comparators]
        rows = [len(side.elts) for side in sides if isinstance(side, ast.Tuple | ast.List)]
        pairwise = len(rows) == len(sides) and len(set(rows)) == 1 and rows[0] > 0
        return len(expression.ops) * (rows[0] if pairwise else 1)
    return 1


@dataclass(frozen=True, slots=True)
class Compared:
    """How many parts of an assertion say what a value is, and not only that it is something.

    `bare` are comparisons with a literal that is empty, boolean, None or zero: `not` says as much.
    `exact` are those of the full ones that say which value it is, and not only where it lies.
    """

    full: int = 0
    bare: int = 0
    exact: int = 0

    def __add__(self, other: Compared) -> Compared:
        return Compared(self.full + other.full, self.bare + other.bare, self.exact + other.exact)


def comparisons(expression: ast.expr) -> Compared:
    """What an asserted expression compares."""
    if isinstance(expression, ast.BoolOp) and isinstance(expression.op, ast.And):
        return sum(map(comparisons, expression.values), Compared())
    if not isinstance(expression, ast.Compare) or is_vacuous(expression):
        return Compared()
    if any(isinstance(op, ast.IsNot | ast.NotEq) for op in expression.ops):
        return Compared()
    exact = all(isinstance(op, _EXACT) for op in expression.ops)
    sides = [expression.left, *expression.comparators]
    return _compared(sides, weight(expression), is_exact=exact)


def comparisons_of_call(call: ast.Call) -> Compared:
    """What an assertion by a call compares."""
    name = name_of(call.func)
    if name in _TRUTH and call.args:
        return comparisons(call.args[0])
    if name not in _COMPARING or weight_of_call(call) == 0:
        return Compared()
    return _compared(call.args[:2], 1, is_exact=name not in _NOT_EXACT)


def _compared(sides: list[ast.expr], amount: int, *, is_exact: bool) -> Compared:
    if is_exact and any(map(_is_bare, sides)):
        return Compared(bare=amount)
    return Compared(full=amount, exact=amount if is_exact else 0)


def opens_block(call: ast.Call) -> bool:
    """Whether a call asserts something of the block it opens, and of nothing else."""
    most = _CONTEXTS.get(name_of(call.func))
    named = {keyword.arg for keyword in call.keywords}
    return most is not None and len(call.args) < most and not named & {"func", "callable"}


def is_failure(node: ast.Raise) -> bool:
    """Whether a statement fails the test it is in: `raise AssertionError(…)`."""
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return raised is not None and name_of(raised) in {"AssertionError", "failureException"}


def _is_bare(side: ast.expr) -> bool:
    """Whether a literal is boolean, None, zero or empty."""
    match side:
        case ast.Constant(value=value):
            return isinstance(value, bool) or not value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return not items
        case ast.Dict(keys=keys):
            return not keys
        case _:
            return False


def is_vacuous(expression: ast.expr) -> bool:  # noqa: PLR0911 - one return for each kind
    """Whether it is true whatever the program does."""
    match expression:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return bool(items)
        case ast.Dict(keys=keys):
            return bool(keys)
        case ast.JoinedStr() | ast.Lambda():
            return True
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return isinstance(operand, ast.Constant) and not operand.value
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(is_vacuous, values))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(is_vacuous, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            reflexive = all(isinstance(op, ast.Eq | ast.Is | ast.LtE | ast.GtE) for op in ops)
            return reflexive and all(_same(left, other) for other in others)
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
            return isinstance(kind, ast.Name) and kind.id == "object"
        case ast.IfExp(body=body, orelse=other):
            return is_vacuous(body) and is_vacuous(other)
        case ast.NamedExpr(value=value):
            return is_vacuous(value)
        case _:
            return False


def _same(left: ast.expr, right: ast.expr) -> bool:
    """Whether both are one expression; a call may answer otherwise the second time."""
    if any(isinstance(node, ast.Call | ast.Await) for node in ast.walk(left)):
        return False
    return ast.dump(left) == ast.dump(right)


def raises_of(call: ast.Call) -> Raises | None:
    """What a call expects to be raised; None where it expects nothing."""
    name = name_of(call.func)
    if name not in _RAISES:
        return None
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    expected = (
        call.args[0] if call.args else named.get("expected_exception", named.get("exception"))
    )
    matched = "match" in named or "check" in named or name in _WITH_PATTERN
    if expected is None:
        return Raises(("Exception",), matched)
    items = expected.elts if isinstance(expected, ast.Tuple) else [expected]
    return Raises(tuple(ast.unparse(item) for item in items), matched)


def is_skip_call(call: ast.Call) -> bool:
    """Whether a call skips the test it is in, or expects it to fail."""
    return name_of(call.func) in _SKIP_CALLS


def skip_marks(expression: ast.expr) -> int:
    """How many marks in a decorator or a `pytestmark` skip a test, or expect it to fail."""
    return sum(
        name_of(node) in _SKIP_MARKS
        for node in ast.walk(expression)
        if isinstance(node, ast.Attribute | ast.Name)
    )


def swallows(handlers: list[ast.ExceptHandler]) -> bool:
    """Whether a failing assertion would go unseen: it is caught, and nothing is raised again."""
    for handler in handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        catches = any(kind is None or name_of(kind) in _SWALLOWING for kind in kinds)
        if catches and not _fails(handler.body):
            return True
    return False


def suppresses(context: ast.expr) -> bool:
    """Whether `with` this, a failing assertion would go unseen."""
    if not (isinstance(context, ast.Call) and name_of(context.func) == "suppress"):
        return False
    return any(name_of(argument) in _SWALLOWING for argument in context.args)


def _fails(body: list[ast.stmt]) -> bool:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Raise | ast.Assert):
                return True
            if isinstance(node, ast.Call) and is_assertion(node):
                return True
    return False
