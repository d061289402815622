"""What every part of the plan's model is built from: strict dataclasses and bounded texts.

The model is plain dataclasses, which pydantic checks where a plan is read. A plan that was checked
before is built again without pydantic, so nothing here imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must keep to; pydantic reads it where a plan is checked."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """The schema of the type with these limits."""
        limits = {name: getattr(self, name) for name in self.__slots__}
        return handler(source) | {name: at for name, at in limits.items() if at is not None}


Text = Annotated[str, Limits(min_length=1, max_length=2_000)]
Template = Annotated[str, Limits(min_length=1, max_length=20_000)]
Identifier = Annotated[str, Limits(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
RelativePath = Annotated[str, Limits(min_length=1, max_length=1_000)]
OptionValue = Any
"""Whatever JSON can hold; what it may be is for the fixer to say."""
Count = Annotated[int, Limits(ge=0)]
Amount = Annotated[float, Limits(ge=0)]
Seconds = Annotated[float, Limits(gt=0, le=86_400)]


def described(
    description: str,
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    **limits: Any,
) -> Any:
    """A field with what the schema says of it; `limits` are pydantic's, such as `min_length`."""
    metadata = {"description": description, **limits}
    return field(default=default, default_factory=default_factory, metadata=metadata)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field, described))
def model(cls: type[T]) -> type[T]:
    """A frozen dataclass of keywords, without slots: ten thousand of them are built at once."""
    return dataclass(frozen=True, kw_only=True)(cls)


class Strict:
    """Nothing is guessed: unknown keys are errors, and so is a number where text is meant."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}
