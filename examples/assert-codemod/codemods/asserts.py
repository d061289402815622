"""Turns the assertions of unittest into `assert`, which pytest explains when they fail."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
from libcst.codemod import VisitorBasedCodemodCommand
from libcst.codemod.visitors import AddImportsVisitor

_COMPARED = {
    "assertEqual": cst.Equal,
    "assertEquals": cst.Equal,
    "assertDictEqual": cst.Equal,
    "assertListEqual": cst.Equal,
    "assertSetEqual": cst.Equal,
    "assertTupleEqual": cst.Equal,
    "assertNotEqual": cst.NotEqual,
    "assertIs": cst.Is,
    "assertIsNot": cst.IsNot,
    "assertIn": cst.In,
    "assertNotIn": cst.NotIn,
    "assertGreater": cst.GreaterThan,
    "assertGreaterEqual": cst.GreaterThanEqual,
    "assertLess": cst.LessThan,
    "assertLessEqual": cst.LessThanEqual,
}
_COUNT_OF_TWO = 2


class AssertStatements(VisitorBasedCodemodCommand):
    """`self.assertEqual(a, b, "why")` becomes `assert a == b, "why"`; likewise nineteen others.

    `with self.assertRaises(E):` becomes `with pytest.raises(E):`, where nothing asks for what was
    raised: that has another name in pytest.
    """

    DESCRIPTION = "Turn self.assertX(...) into assert statements."

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        """Replace each statement that is nothing but one of the calls."""
        return updated_node.with_changes(body=[_asserted(part) for part in updated_node.body])

    def leave_WithItem(
        self, original_node: cst.WithItem, updated_node: cst.WithItem
    ) -> cst.WithItem:
        """Expect an exception by pytest."""
        match updated_node:
            case cst.WithItem(
                item=cst.Call(
                    func=cst.Attribute(value=cst.Name("self"), attr=cst.Name("assertRaises")),
                    args=[cst.Arg(keyword=None, star="")],
                ),
                asname=None,
            ):
                AddImportsVisitor.add_needed_import(self.context, "pytest")
                raises = cst.Attribute(cst.Name("pytest"), cst.Name("raises"))
                return updated_node.with_deep_changes(updated_node.item, func=raises)
        return updated_node


def _asserted(statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
    if not isinstance(statement, cst.Expr) or not isinstance(statement.value, cst.Call):
        return statement
    call = statement.value
    match call.func:
        case cst.Attribute(value=cst.Name("self"), attr=cst.Name(name)):
            arguments = _plain(call.args)
        case _:
            return statement
    test, message = (None, None) if arguments is None else _test(name, arguments)
    if test is None:
        return statement
    return cst.Assert(test=test, msg=message, semicolon=statement.semicolon)


def _plain(args: Sequence[cst.Arg]) -> list[cst.BaseExpression] | None:
    """Positional arguments, and `msg=` as the last one; None where there is any other kind."""
    values = [arg.value for arg in args if arg.keyword is None and not arg.star]
    named = [arg for arg in args if arg.keyword is not None or arg.star]
    if any(arg.star or arg.keyword is None or arg.keyword.value != "msg" for arg in named):
        return None
    return [*values, *(arg.value for arg in named)]


def _test(
    name: str, values: list[cst.BaseExpression]
) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
    """What is asserted, and the message; None where the call is left as it is."""
    if name in _COMPARED and len(values) in {_COUNT_OF_TWO, _COUNT_OF_TWO + 1}:
        left, right, *rest = values
        operator = _COMPARED[name]()
        target = cst.ComparisonTarget(operator=operator, comparator=_grouped(right))
        comparison = cst.Comparison(left=_grouped(left), comparisons=[target])
        return _in_parentheses(comparison, values[:2]), next(iter(rest), None)
    if name in {"assertIsInstance", "assertNotIsInstance"} and len(values) >= _COUNT_OF_TWO:
        kind = cst.Call(cst.Name("isinstance"), [cst.Arg(values[0]), cst.Arg(values[1])])
        negated = cst.UnaryOperation(operator=cst.Not(), expression=kind)
        return kind if name == "assertIsInstance" else negated, next(iter(values[2:]), None)
    if name in {"assertTrue", "assertFalse", "assertIsNone", "assertIsNotNone"} and values:
        value, *rest = values
        if len(rest) > 1:
            return None, None
        return _one_sided(name, value), next(iter(rest), None)
    return None, None


def _one_sided(name: str, value: cst.BaseExpression) -> cst.BaseExpression:
    if name == "assertTrue":
        return _in_parentheses(value, [value])
    if name == "assertFalse":
        negated = cst.UnaryOperation(operator=cst.Not(), expression=_grouped(value))
        return _in_parentheses(negated, [value])
    operator = cst.Is() if name == "assertIsNone" else cst.IsNot()
    target = cst.ComparisonTarget(operator=operator, comparator=cst.Name("None"))
    comparison = cst.Comparison(left=_grouped(value), comparisons=[target])
    return _in_parentheses(comparison, [value])


_LOOSE = (cst.Comparison, cst.BooleanOperation, cst.UnaryOperation, cst.IfExp, cst.Lambda)


def _grouped(value: cst.BaseExpression) -> cst.BaseExpression:
    """The value in parentheses where a comparison would bind tighter, or chain with it."""
    loose = isinstance(value, (*_LOOSE, cst.NamedExpr, cst.Await, cst.GeneratorExp))
    if loose and not value.lpar:
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return value


def _in_parentheses(
    test: cst.BaseExpression, values: Sequence[cst.BaseExpression]
) -> cst.BaseExpression:
    """The whole in parentheses where one of its values runs over several lines."""
    code = [cst.Module([]).code_for_node(value) for value in values]
    if any("\n" in text for text in code) and not test.lpar:
        return test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return test
