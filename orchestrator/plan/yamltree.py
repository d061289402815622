"""Reads YAML into plain values while remembering the line and column of every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from orchestrator.plan.location import Location, Position

MAX_DEPTH = 32


class YamlProblem(Exception):
    """The text is not YAML this program accepts: what, and where."""

    def __init__(self, what: str, position: Position) -> None:
        super().__init__(what)
        self.what = what
        self.position = position


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A document: its value, where each value starts, and where each key of a mapping stands."""

    value: Any
    values: dict[Location, Position]
    keys: dict[Location, Position]

    def position(self, location: Location) -> Position:
        """Where `location` stands, or the nearest thing around it that exists."""
        while location and location not in self.keys and location not in self.values:
            location = location[:-1]
        return self.keys.get(location) or self.values.get(location) or Position(1, 1)


@dataclass(slots=True)
class _Builder:
    events: Iterator[Any]
    values: dict[Location, Position] = field(default_factory=dict)
    keys: dict[Location, Position] = field(default_factory=dict)
    scalars: yaml.SafeLoader = field(default_factory=lambda: yaml.SafeLoader(""))

    def build(self, event: Any, at: Location) -> Any:
        position = _position(event)
        self.values[at] = position
        if len(at) > MAX_DEPTH:
            raise YamlProblem(f"nested more than {MAX_DEPTH} levels deep", position)
        if isinstance(event, yaml.AliasEvent):
            raise YamlProblem("aliases (*name) are not accepted; write the value out", position)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        _refuse_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at)
        return self._mapping(at)

    def _sequence(self, at: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.build(event, (*at, len(items))))
        return items

    def _mapping(self, at: Location) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in items:
                first = self.keys[*at, key].line
                raise YamlProblem(f"{key!r} was already given on line {first}", _position(event))
            self.keys[*at, key] = _position(event)
            items[key] = self.build(next(self.events), (*at, key))
        return items

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlProblem("a key must be plain text", _position(event))
        key = self._scalar(event)
        if not isinstance(key, str):
            raise YamlProblem(f"the key {event.value} is not text; quote it", _position(event))
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        _refuse_tag(event)
        if not event.implicit[0]:  # quoted, or a block of text
            return event.value
        tag = self.scalars.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]  # PyYAML has no types here
        if tag in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"}:
            return event.value
        node = yaml.ScalarNode(tag, event.value)
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise YamlProblem(
                f"{event.value!r} is not a value YAML knows", _position(event)
            ) from error


def parse(text: str) -> YamlDocument:
    """The one document in `text`.

    The event stream is followed instead of PyYAML's loaders: its C composer overflows the stack on
    deep nesting, expands aliases without bound, and lets a duplicate key win silently.

    Raises:
        YamlProblem: not YAML, more than one document, an alias, a tag, a duplicate key, too deep.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _document(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        raise YamlProblem(error.problem or error.context or "not YAML", position) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise YamlProblem(
            f"the character U+{code:04X} is not allowed", Position(line, 1)
        ) from error
    except yaml.YAMLError as error:
        raise YamlProblem(str(error), Position(1, 1)) from error


def _document(events: Iterator[Any]) -> YamlDocument:
    kept = (e for e in events if not isinstance(e, yaml.StreamStartEvent | yaml.DocumentEndEvent))
    if isinstance(first := next(kept), yaml.StreamEndEvent):
        return YamlDocument(None, {}, {})
    assert isinstance(first, yaml.DocumentStartEvent)
    builder = _Builder(kept)
    value = builder.build(next(kept), ())
    if not isinstance(end := next(kept), yaml.StreamEndEvent):
        raise YamlProblem("a second document starts here; a plan is one document", _position(end))
    return YamlDocument(value, builder.values, builder.keys)


def _position(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _refuse_tag(event: Any) -> None:
    if event.tag is not None and event.tag != "!":
        raise YamlProblem(f"the tag {event.tag} is not accepted", _position(event))
