"""Turns frozen dataclasses into plain values of JSON and back, without any library to load."""

from __future__ import annotations

import base64
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_Make = Callable[[Any], Any]


class UnfitError(Exception):
    """A plain value is not what the annotations say; what exactly is for a validator to tell."""


def from_json(kind: type[T] | types.UnionType, plain: object) -> T:
    """The dataclass `kind` from what `to_json` made of one; every type is checked, no limit is.

    Raises:
        UnfitError: it is not what the annotations say.
    """
    annotation: Any = kind
    made = _maker(annotation)(plain)
    assert isinstance(made, kind)
    return made


def decoded(kind: type[T] | types.UnionType, data: bytes) -> T:
    """Return the dataclass `kind` from the bytes that `encoded` made of one.

    Raises:
        UnfitError: it is not what the annotations say, or no JSON.
    """
    try:
        return from_json(kind, json.loads(data))
    except (ValueError, RecursionError) as error:
        raise UnfitError(str(error)) from None


def encoded(value: object, *, indent: int | None = None) -> bytes:
    """Return `value` as JSON, defaults included."""
    return json.dumps(to_json(value, defaults=True), indent=indent).encode("ascii")


def to_json(value: object, *, defaults: bool) -> Any:
    """`value` as JSON can hold it: without None, and without defaults where those go unsaid.

    Bytes become base64, paths of this machine text, and sets lists in order.
    """
    kind = value.__class__
    if dataclasses.is_dataclass(kind):
        found = {}
        for name, default in _fields(kind):
            given = getattr(value, name)
            if given is not None and (defaults or given != default):
                found[name] = to_json(given, defaults=defaults)
        return found
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: to_json(one, defaults=defaults) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one, defaults=defaults) for one in value]
    return _plain_leaf(value)


def _plain_leaf(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path) else value


@cache
def _fields(kind: Any) -> list[tuple[str, object]]:
    """The fields of a dataclass with their defaults."""
    return [(field.name, _default(field)) for field in dataclasses.fields(kind)]


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


@cache
def _maker(annotation: Any) -> _Make:
    """What builds a value of an annotation, worked out once."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if dataclasses.is_dataclass(annotation):
        return _of_dataclass(annotation)
    if annotation in {Any, object}:
        return lambda plain: plain
    if origin in {typing.Union, types.UnionType}:
        return _of_union([_maker(argument) for argument in arguments])
    if origin is not None:
        return _of_several(origin, arguments)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _of_enum(annotation)
    return _of_leaf(annotation)


def _of_leaf(kind: type[Any]) -> _Make:
    """One value: what checks itself when it is made, such as a path, is made by calling it."""
    if kind is bytes:
        return _of_bytes
    if issubclass(kind, Path) or (issubclass(kind, str) and kind is not str):
        return _of_text(kind)
    return _of_scalar(kind)


def _of_several(origin: Any, arguments: tuple[Any, ...]) -> _Make:
    """A choice of values, or what holds values."""
    if origin is typing.Literal:
        return _of_literal(arguments)
    if origin in {dict, Mapping}:
        return _of_mapping(_maker(arguments[1]))
    return _of_sequence(_maker(arguments[0]), tuple if origin is Sequence else origin)


def _of_dataclass(kind: Any) -> _Make:
    hints = typing.get_type_hints(kind)
    makers = {name: _maker(hints[name]) for name, _ in _fields(kind)}
    defaults = {
        name: None if default is dataclasses.MISSING and _may_be_none(hints[name]) else default
        for name, default in _fields(kind)
    }
    required = {name for name, default in defaults.items() if default is dataclasses.MISSING}
    has_slots = hasattr(kind, "__slots__")

    def make(plain: Any) -> Any:
        if plain.__class__ is not dict or not required <= plain.keys():
            raise UnfitError
        values = defaults.copy()
        try:
            for name, given in plain.items():
                values[name] = makers[name](given)
        except KeyError:
            raise UnfitError from None
        if has_slots:
            return kind(**values)
        instance = kind.__new__(kind)  # thousands of them: a frozen one sets field by field
        instance.__dict__.update(values)
        return instance

    return make


def _may_be_none(annotation: Any) -> bool:
    """Whether None fits, which `to_json` leaves out."""
    return type(None) in typing.get_args(annotation)


def _of_union(makers: list[_Make]) -> _Make:
    def make(plain: Any) -> Any:
        why = ""
        for maker in makers:
            try:
                return maker(plain)
            except UnfitError as error:
                why = why or str(error)
        raise UnfitError(why)

    return make


def _of_literal(values: tuple[object, ...]) -> _Make:
    def make(plain: Any) -> Any:
        if not any(plain == value and plain.__class__ is value.__class__ for value in values):
            raise UnfitError
        return plain

    return make


def _of_sequence(inner: _Make, kind: Callable[[list[Any]], Any]) -> _Make:
    def make(plain: Any) -> Any:
        if plain.__class__ is not list:
            raise UnfitError
        return kind([inner(one) for one in plain])

    return make


def _of_mapping(inner: _Make) -> _Make:
    def make(plain: Any) -> Any:
        if plain.__class__ is not dict:
            raise UnfitError
        return {key: inner(one) for key, one in plain.items()}

    return make


def _of_enum(kind: type[Enum]) -> _Make:
    members: dict[object, Enum] = {member.value: member for member in kind}

    def make(plain: Any) -> Any:
        try:
            return members[plain]
        except (KeyError, TypeError):
            raise UnfitError from None

    return make


def _of_scalar(kind: type[Any]) -> _Make:
    fits = (int, float) if kind is float else (kind,)

    def make(plain: Any) -> Any:
        if plain.__class__ not in fits:
            raise UnfitError
        return plain

    return make


def _of_bytes(plain: Any) -> bytes:
    if plain.__class__ is not str:
        raise UnfitError
    try:
        return base64.b64decode(plain, validate=True)
    except ValueError:
        raise UnfitError from None


def _of_text(kind: Callable[[str], Any]) -> _Make:
    def make(plain: Any) -> Any:
        if plain.__class__ is not str:
            raise UnfitError
        try:
            return kind(plain)
        except ValueError as error:
            raise UnfitError(str(error)) from None

    return make
