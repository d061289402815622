"""What every part of the plan's model is built from: strict models and bounded texts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Identifier = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
]
RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
OptionValue = JsonValue
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Strict(BaseModel):
    """Nothing is guessed: unknown keys are errors, and so is a number where text is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
