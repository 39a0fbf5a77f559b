"""How the student learns, is pruned and is compressed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgekd.recipe.section import CompressedPrecision, LearningRate, Section, Steps
from edgekd.recipe.signals import Signal, SoftTargets
from edgekd.recipe.training import Training


def _as_list(value: object) -> object:
    """One rate alone is a list of one: a sweep goes over single numbers."""
    return [value] if isinstance(value, int | float) else value


class Distill(Section):
    """L = alpha L_labels + (1 - alpha) sum of weight * signal.

    Attributes:
        temperature: tau of the signals that name none.
        alpha: weight of the labels.
        signals: what the teacher tells; soft targets alone by default.
        label_smoothing: of the labels' cross-entropy, in both arms.
        steps: step budget of both arms, distilled and control.
        learning_rates: both arms try each of these on the first seed for the full step budget; the
            best on validation data is used for every seed. Ties take the smaller.
        training: options of the training of both arms.
        cache: the teacher answers once about every view and the answers are kept; false: it is
            asked anew at every step.
    """

    temperature: float = Field(default=4.0, gt=0, le=100)
    alpha: float = Field(default=0.1, ge=0, le=1)
    signals: list[Signal] = Field(default=[SoftTargets(kind="soft-targets")], min_length=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    steps: Steps = 2000
    batch_size: int = Field(default=128, ge=1)
    learning_rates: Annotated[list[LearningRate], BeforeValidator(_as_list)] = Field(
        default=[0.003, 0.01, 0.03], min_length=1
    )
    weight_decay: float = Field(default=0.0, ge=0)
    training: Training = Training()
    cache: bool = True


class Prune(Section):
    """Structured pruning of the distilled student, healed by the same teacher.

    Attributes:
        channels: share of the channels that is removed in all.
        scope: ``global``: the least important of the whole network; ``per-layer``: the same share
            of every layer.
        rounds: prunings, each followed by healing.
        steps: training steps after each round.
        learning_rate: of the healing.
        keep: paths of modules whose outputs are left whole; the last layer always is.
        precisions: compressed rungs of the pruned student.
    """

    channels: float = Field(gt=0, lt=1)
    scope: Literal["global", "per-layer"] = "global"
    rounds: int = Field(default=3, ge=1, le=100)
    steps: Steps = 300
    learning_rate: LearningRate = 0.003
    keep: list[str] = Field(default=[])
    precisions: list[Literal["fp16", "int8"]] = Field(default=["int8"])


class QuantizationAware(Section):
    """Training that continues from the distilled student, taught by the same teacher."""

    steps: Steps = 200
    learning_rate: LearningRate = 0.001


class Compress(Section):
    """Which compressed rungs the ladder has, and how they are made.

    Attributes:
        precisions: each one is a rung beside ``distilled-fp32``.
        calibration_samples: training inputs that static quantization reads its ranges from.
        int8_qat: training of the ``int8-qat`` rung.
        int4: training of the ``int4`` rung.
    """

    precisions: list[CompressedPrecision] = Field(default=["fp16", "int8", "int8-qat", "int4"])
    calibration_samples: int = Field(default=500, ge=1)
    int8_qat: QuantizationAware = QuantizationAware()
    int4: QuantizationAware = QuantizationAware(steps=400, learning_rate=0.005)

    @model_validator(mode="after")
    def _each_precision_once(self) -> Compress:
        if len(set(self.precisions)) != len(self.precisions):
            raise ValueError("a precision stands twice")
        return self


Values = Annotated[list[int | float | str | bool], Field(min_length=1)]


class Fit(Section):
    """The space that ``edgekd fit`` searches.

    Attributes:
        over: recipe key to the values that it may take, for example
            ``student.arguments.width: [8, 16, 32]``.
        prune: shares of channels to remove; 0 leaves the student whole.
        precisions: of the deployed student.
    """

    over: dict[str, Values] = Field(default={})
    prune: list[Annotated[float, Field(ge=0, lt=1)]] = Field(default=[0.0])
    precisions: list[Literal["fp32", "fp16", "int8", "int4"]] = Field(default=["int8"])
