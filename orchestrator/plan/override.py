"""`verify:` of a phase or a batch: the keys it gives replace those of the plan's `verify:`."""

from __future__ import annotations

import typing
from dataclasses import field, fields, make_dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.plan.base import Strict
from orchestrator.plan.verify import Verify

_OF_THE_WHOLE_PLAN = {"python", "stop_after"}
"""The interpreter belongs to a project, and the limit to a whole series."""


def _keys_of_verify() -> type:
    """A dataclass with the keys of `Verify` that a phase may set, each of them optional."""
    hints = typing.get_type_hints(Verify, include_extras=True)
    keys = [
        (one.name, hints[one.name] | None, field(default=None, metadata=one.metadata))
        for one in fields(Verify)
        if one.name not in _OF_THE_WHOLE_PLAN
    ]
    made = make_dataclass("Override", keys, bases=(Strict,), frozen=True, kw_only=True)
    made.__module__, made.__doc__ = __name__, "The keys of `verify` that are others here."
    return made


if TYPE_CHECKING:  # a type checker is told that each key may be there

    class Override(Verify):
        """The keys of `verify` that are others here."""
else:
    Override = _keys_of_verify()


def overridden(verify: Verify, *overrides: Override | None) -> Verify:
    """Return `verify` with the keys that the overrides set; a later override wins."""
    for override in overrides:
        if override is not None:
            given = {one.name: getattr(override, one.name) for one in fields(override)}
            verify = replace(verify, **{key: v for key, v in given.items() if v is not None})
    return verify
