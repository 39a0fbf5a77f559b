"""What is said of a TFLite model in its metadata, and whether that fits the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgekd.errors import BadInput
from edgekd.export.contract import TensorSpec

COLOR_SPACES = {1: "GRAYSCALE", 3: "RGB"}


@dataclass(frozen=True)
class Normalization:
    """``(pixel - mean) / std`` of a pixel between 0 and 255, before any quantization of the input.

    One value for all channels, or one for each, as ``NormalizationOptions`` of tflite-support's
    ``metadata_schema.fbs`` has them.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ModelDescription:
    """What is said of a model.

    Attributes:
        name: of the model.
        description: what it does.
        author: who made it.
        labels: one for each value of the output; none: the output is described as numbers.
        normalization: of the pixels, for an image; ``None``: the input is described as numbers.
        input: what the input holds, where it is no image.
        output: what the output holds, where it has no labels.
        input_files: packed with the input, where it is no image; name and content.
    """

    name: str
    description: str
    author: str | None = None
    labels: tuple[str, ...] = ()
    normalization: Normalization | None = None
    input: str = "Numbers."
    output: str = "Numbers."
    input_files: dict[str, bytes] = field(default_factory=dict)


def check_description(
    about: ModelDescription,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    where: str,
) -> None:
    """Refuse what would make an application feed or read the model wrongly.

    Args:
        about: what is to be said.
        inputs: of the model.
        outputs: of the model.
        where: the model, for messages.

    Raises:
        BadInput: the labels do not fit the output, or mean and std the input.
    """
    if about.labels:
        _check_labels(about.labels, outputs, where)
    if about.normalization is not None:
        if not about.labels:
            raise BadInput("an image classifier needs labels", where=where, mend="--labels FILE")
        _check_image(about.normalization, inputs, outputs, where)


def _check_labels(labels: Sequence[str], outputs: Sequence[TensorSpec], where: str) -> None:
    if len(outputs) != 1:
        raise BadInput(f"labels need one output, and there are {len(outputs)}", where=where)
    values = math.prod(outputs[0].shape)
    if len(labels) != values:
        raise BadInput(f"{len(labels)} labels for {values} outputs", where=where)
    for label in labels:
        # The Task Library reads one a line, and drops an empty last one.
        if not label.strip() or len(label.splitlines()) > 1:
            raise BadInput(f"the label {label!r} is no line of text", where=where)


def _check_image(
    pixels: Normalization,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    where: str,
) -> None:
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(outputs) != 1 or not is_image(shape):
        raise BadInput(
            "mean and std are for one image, [1, height, width, 1 or 3], and one output",
            where=where,
        )
    for name, values in (("mean", pixels.mean), ("std", pixels.std)):
        if len(values) not in (1, shape[3]) or len(values) != len(pixels.mean):
            raise BadInput(
                f"{len(values)} values of {name} for {shape[3]} channels",
                where=where,
                mend="give mean and std one value each, or one for each channel",
            )
        if not all(math.isfinite(value) for value in values):
            raise BadInput(f"{name} is not finite", where=where)
    if min(pixels.std) <= 0:
        raise BadInput("std must be above 0", where=where)
    if inputs[0].dtype == "uint8":
        _check_uint8(pixels, inputs[0], where)


def is_image(shape: Sequence[int]) -> bool:
    """Whether an input can be one image in grey or RGB: ``[1, height, width, 1 or 3]``."""
    return len(shape) == 4 and shape[0] == 1 and shape[3] in COLOR_SPACES


def _check_uint8(pixels: Normalization, tensor: TensorSpec, where: str) -> None:
    """A uint8 input is fed pixels as they are, so its quantization must be the normalisation."""
    if tensor.scale is None or tensor.zero_point is None:
        return
    for mean, std in zip(pixels.mean, pixels.std, strict=True):
        for pixel in (0, 255):
            stored = tensor.scale * (pixel - tensor.zero_point)
            if abs((pixel - mean) / std - stored) > tensor.scale / 2:
                raise BadInput(
                    f"mean {mean:g} and std {std:g} are not those of its uint8 input",
                    where=where,
                    mend=f"mean {tensor.zero_point}, std {1 / tensor.scale:g}",
                )
