"""What every part of a recipe is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CompressedPrecision = Literal["fp16", "int8", "int8-qat", "int4"]
Arguments = dict[str, int | float | str | bool | list[int]]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Steps = Annotated[int, Field(ge=1, le=100_000_000)]


class Section(BaseModel):
    """Part of a recipe: strict, frozen, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Network(Section):
    """A torch module: a function in the recipe's ``students.py``, or ``file.py:function``."""

    network: str = Field(pattern=r"^([\w./-]+\.py:)?[A-Za-z_]\w*$")
    arguments: Arguments = Field(default={})
