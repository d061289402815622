"""Turns the plan's file into a checked plan, or into errors with file, line and column."""

from __future__ import annotations

import copy
import json
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.base.text import suggestion
from orchestrator.errors import BadInput
from orchestrator.plan.location import Location, Position
from orchestrator.plan.model import Plan
from orchestrator.plan.rules import Problem, problems
from orchestrator.plan.source import read
from orchestrator.plan.yamltree import YamlDocument, YamlProblem, parse

Check = Callable[[Plan], Iterable[Problem]]
"""A further check of a plan, by a part of the program this one must not know."""

_SHOWN = 20
_STAND_INS = {"version": 1, "name": "unnamed", "title": "untitled", "priority": "low"}


def load(path: Path, *, plan_path: str, checks: Sequence[Check] = ()) -> Plan:
    """The plan in `path`, checked from its bytes to its last dependency.

    `plan_path` is `path` from the top of the repository.

    Raises:
        BadInput: what is wrong with it, each with `file:line:column`.
    """
    return parsed(read(path), name=str(path), plan_path=plan_path, checks=checks)


def parsed(data: bytes, *, name: str, plan_path: str, checks: Sequence[Check] = ()) -> Plan:
    """The plan in `data`; `name` is what its errors call the file.

    Raises:
        BadInput: what is wrong with it, each with `name:line:column`.
    """
    tree = _tree(data, name)
    try:
        plan = _checked().validate_json(json.dumps(tree.value))  # a string may be an enum
    except ValidationError as error:
        wrong = [_type_problem(detail) for detail in error.errors()]
        rest = _without(tree.value, [tuple(detail["loc"]) for detail in error.errors()])
        more = _problems(rest, plan_path, checks) if rest is not None else []
        unknown = [
            tuple(detail["loc"][:-1])
            for detail in error.errors()
            if detail["type"] == "unexpected_keyword_argument"
        ]  # what is missing beside a key that is not known is most often meant by it
        more = [p for p in more if not any(p.location[: len(at)] == at for at in unknown if at)]
        raise _bad(name, tree, [*wrong, *more]) from error
    if found := _problems(plan, plan_path, checks):
        raise _bad(name, tree, found)
    return plan


@cache
def _checked() -> TypeAdapter[Plan]:
    """What checks the types of a plan; making it takes longer than most plans do."""
    return TypeAdapter(Plan)


def _problems(plan: Plan, plan_path: str, checks: Sequence[Check]) -> list[Problem]:
    """What is wrong with a plan of the right types; `checks` add nothing to a place told before."""
    found = list(problems(plan, plan_path=plan_path))
    told = {problem.location for problem in found}
    return [*found, *(p for check in checks for p in check(plan) if p.location not in told)]


def _without(value: object, wrong: Sequence[Location]) -> Plan | None:
    """The plan less what is of a wrong type, so that the rest is told in the same pass.

    None where something is wrong or missing that nothing can stand for.
    """
    left = copy.deepcopy(value)
    for location in wrong:
        *above, last = location or ("",)
        holder: Any = left
        for part in above:
            try:
                holder = holder[part]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(holder, dict):
                holder.pop(last, None)
                if last in _STAND_INS:
                    holder[last] = _STAND_INS[last]
    try:
        return _checked().validate_json(json.dumps(left))
    except ValidationError:
        return None


def _tree(data: bytes, name: str) -> YamlDocument:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _bad_at(name, Position(line, 1), "the plan is not UTF-8 text") from error
    try:
        tree = parse(text)
    except YamlProblem as problem:
        raise _bad_at(name, problem.position, problem.what) from problem
    if tree.value is None:
        raise _bad_at(name, Position(1, 1), "the plan is empty")
    return tree


def _bad_at(name: str, position: Position, what: str) -> BadInput:
    return BadInput(
        f"{name}:{position.line}:{position.column}: {what}",
        next_step="correct the plan, then: orchestrate validate",
    )


def _bad(name: str, tree: YamlDocument, found: list[Problem]) -> BadInput:
    placed = sorted((tree.position(problem.location), problem.message) for problem in found)
    lines = [f"{name}:{at.line}:{at.column}: {message}" for at, message in placed[:_SHOWN]]
    if len(placed) > _SHOWN:
        lines.append(f"… and {len(placed) - _SHOWN} more")
    return BadInput("\n".join(lines), next_step="correct the plan, then: orchestrate validate")


def _type_problem(detail: Any) -> Problem:
    location = tuple(part for part in detail["loc"] if part not in {"str", "bool", "int"})
    kind, given = detail["type"], detail["input"]
    name = _name_of(location)
    if kind == "unexpected_keyword_argument":
        known = _fields_at(location[:-1])
        return Problem(location, f"unknown key {name!r}{suggestion(name, known)}")
    if kind == "missing":
        return Problem(location[:-1], f"{name!r} is missing")
    if kind == "string_type" and isinstance(given, int | float | bool):
        return Problem(
            location, f"{name!r} must be text, and YAML reads this as {given!r}; quote it"
        )
    message = f"{name!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    if kind in {"enum", "literal_error"} and isinstance(given, str):
        known = [
            word.strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        message += f", not {given!r}{suggestion(given, known)}"
    return Problem(location, message)


def _name_of(location: Location) -> str:
    """The key a value belongs to; an item of a list is called by its list."""
    return next((part for part in reversed(location) if isinstance(part, str)), "the plan")


def _fields_at(location: Location) -> list[str]:
    """The keys that the model allows at `location`."""
    at: Any = Plan
    for part in location:
        if isinstance(part, int):
            at = _inner(at)
        elif isinstance(at, type) and is_dataclass(at):
            at = _given(typing.get_type_hints(at).get(part))
    return [field.name for field in fields(at)] if isinstance(at, type) and is_dataclass(at) else []


def _inner(annotation: Any) -> Any:
    """The item type of a list."""
    return next(iter(typing.get_args(annotation)), None)


def _given(annotation: Any) -> Any:
    """The type of a value that is given, looking through `| None`."""
    if isinstance(annotation, types.UnionType):
        return next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    return annotation
