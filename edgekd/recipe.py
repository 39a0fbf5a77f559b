"""What goes in: a recipe, read from YAML into typed, frozen models.

A run is a recipe and its seeds. Unknown keys are refused.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgekd.errors import BadInput
from edgekd.yaml_document import Document, KeyPath, dotted, read_document, validate

CompressedPrecision = Literal["fp16", "int8", "int8-qat", "int4"]
Arguments = dict[str, int | float | str | bool | list[int]]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Steps = Annotated[int, Field(ge=1, le=100_000_000)]


class Section(BaseModel):
    """Part of a recipe: strict, frozen, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Split(Section):
    """Sizes of the held-out parts in samples; all the others train. Stratified by class."""

    validation: int = Field(ge=1)
    test: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)


class Data(Section):
    """Where samples come from and how they are split.

    Attributes:
        source: a module under ``edgekd.data``: ``digits``, ``mnist5k``, ``image_folder``, ``npz``.
        path: folder or file for the sources that need one, relative to the recipe.
        image_size: height and width that ``image_folder`` resizes to.
        channels: 1 grey or 3 colour, for ``image_folder``.
        labels: how many training labels the student's arms may see, balanced over the classes;
            null: all. The other training samples stay, without their labels.
        mean: per channel, after scaling to [0, 1]; one value serves all channels.
        std: per channel, likewise.
    """

    source: str
    path: str | None = None
    image_size: tuple[int, int] | None = Field(default=None, strict=False)
    channels: Literal[1, 3] = 1
    split: Split
    labels: int | None = Field(default=None, ge=1)
    mean: list[float] = Field(default=[0.0], min_length=1)
    std: list[Annotated[float, Field(gt=0)]] = Field(default=[1.0], min_length=1)


class Augmentation(Section):
    """Random affine views of an image. Each sample has ``views`` fixed ones, the first itself.

    The teacher is asked once about each view, and the student sees the same view with that answer
    (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent").

    Attributes:
        views: views of each sample that students train on.
        rotation: largest angle, degrees.
        translation: largest shift, as a fraction of the image side.
        scaling: largest relative change of size.
        flip: mirror half of the views left to right.
    """

    views: int = Field(default=12, ge=1, le=1000)
    rotation: float = Field(default=0.0, ge=0, le=180)
    translation: float = Field(default=0.0, ge=0, lt=1)
    scaling: float = Field(default=0.0, ge=0, lt=1)
    flip: bool = False


class Network(Section):
    """A torch module: a function in the recipe's ``students.py``, or ``file.py:function``."""

    network: str = Field(pattern=r"^([\w./-]+\.py:)?[A-Za-z_]\w*$")
    arguments: Arguments = {}


class Teacher(Network):
    """The teacher, trained here or loaded.

    Attributes:
        labels: which labels it sees: ``all`` training labels (it knows more than the student, the
            usual case) or ``same`` as the student's arms (the strict case).
        weights: a safetensors state dict; given, nothing is trained.
        label_smoothing: of its cross-entropy.
    """

    labels: Literal["all", "same"] = "all"
    weights: str | None = None
    steps: Steps = 2000
    batch_size: int = Field(default=128, ge=1)
    learning_rate: LearningRate = 0.005
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    seed: int = Field(default=0, ge=0)


class Distill(Section):
    """L = alpha CE(y, p) + (1 - alpha) tau^2 KL(p_T^tau || p_S^tau).

    Attributes:
        temperature: tau.
        alpha: weight of the labels.
        steps: step budget of both arms, distilled and control.
        learning_rates: both arms try each of these on the first seed for the full step budget; the
            best on validation data is used for every seed. Ties take the smaller.
    """

    temperature: float = Field(default=4.0, gt=0, le=100)
    alpha: float = Field(default=0.1, ge=0, le=1)
    steps: Steps = 2000
    batch_size: int = Field(default=128, ge=1)
    learning_rates: list[LearningRate] = Field(default=[0.003, 0.01, 0.03], min_length=1)
    weight_decay: float = Field(default=0.0, ge=0)


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

    precisions: list[CompressedPrecision] = ["fp16", "int8", "int8-qat", "int4"]
    calibration_samples: int = Field(default=500, ge=1)
    int8_qat: QuantizationAware = QuantizationAware()
    int4: QuantizationAware = QuantizationAware(steps=400, learning_rate=0.005)

    @model_validator(mode="after")
    def _each_precision_once(self) -> Compress:
        if len(set(self.precisions)) != len(self.precisions):
            raise ValueError("a precision stands twice")
        return self


class Recipe(Section):
    """One YAML file: data, teacher, student, distillation, compression, targets."""

    description: str = ""
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(default=[0, 1, 2], min_length=1)
    data: Data
    augmentation: Augmentation | None = None
    teacher: Teacher
    student: Network
    distill: Distill = Distill()
    compress: Compress = Compress()
    targets: list[str] = Field(
        default=["host-litert", "host-executorch", "host-onnx"], min_length=1
    )

    @model_validator(mode="after")
    def _no_doubles(self) -> Recipe:
        for name, values in (("seeds", self.seeds), ("targets", self.targets)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: a value stands twice")
        return self


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and lay ``key.path=value`` overrides over it.

    Raises:
        BadInput: with file, line and key of the first thing that is wrong.
    """
    document = read_document(path)
    paths: list[KeyPath] = []
    for override in overrides:
        document, key = _override(document, override)
        paths.append(key)
    return validate(document, Recipe, paths)


def _override(document: Document, text: str) -> tuple[Document, KeyPath]:
    key_text, separator, value_text = text.partition("=")
    key: KeyPath = tuple(key_text.split("."))
    if not separator or not all(key):
        raise BadInput("is not KEY.PATH=VALUE", where=f"--set {text}")
    try:
        value = yaml.safe_load(value_text)
    except yaml.YAMLError as error:
        raise BadInput("the value is not YAML", where=f"--set {text}") from error
    root = copy.deepcopy(document.value)
    current: dict[str, Any] = root
    for part in key[:-1]:
        below = current.setdefault(str(part), {})
        if below is None:
            below = current[str(part)] = {}
        if not isinstance(below, dict):
            raise BadInput(f"{part!r} holds no keys", where=f"--set {dotted(key)}")
        current = below
    current[str(key[-1])] = value
    return replace(document, value=root), key
