"""How a network is trained: optimizer, schedule, average, number format."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgekd.recipe.section import Section


class Schedule(Section):
    """Learning rate over the steps: a linear warm-up, then the curve.

    Attributes:
        kind: ``one-cycle``: cosine up and down (Smith and Topin 2018); ``cosine``: linear up, then
            cosine to zero (Loshchilov and Hutter 2017); ``step``: times ``factor`` at each
            milestone; ``constant``.
        warmup: share of the steps.
        milestones: shares of the steps, for ``step``.
        factor: for ``step``.
    """

    kind: Literal["one-cycle", "cosine", "step", "constant"] = "one-cycle"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    milestones: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default=[0.5, 0.75])
    factor: float = Field(default=0.1, gt=0, lt=1)


class Training(Section):
    """Options of one training.

    Attributes:
        optimizer: ``adamw``, or ``sgd`` with Nesterov momentum 0.9.
        schedule: of the learning rate.
        average: decay of the exponential moving average of the weights, which is what is kept in
            the end (Polyak and Juditsky 1992); null: the last weights.
        mixed_precision: of accelerate.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Schedule = Schedule()
    average: float | None = Field(default=None, gt=0, lt=1)
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
