"""What an exporter is given, what it gives back, and the bundle that travels with an artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from edgekd.records import Format, Library, Precision, Preflight, Record
from edgekd.target import Microcontroller

if TYPE_CHECKING:
    import torch

BUNDLE_SCHEMA = 1

Layout = Literal["NCHW", "NHWC", "NC"]
DataType = Literal["float32", "float16", "int8", "uint8", "int32", "int64"]
InputType = Literal["float32", "int32"]


class TensorSpec(Record):
    """One input or output of an artifact, batch of one included in ``shape``.

    ``scale`` and ``zero_point`` are given where the tensor is quantized:
    ``real = scale * (stored - zero_point)``.
    """

    name: str
    shape: list[int]
    layout: Layout
    dtype: DataType
    scale: float | None = None
    zero_point: int | None = None


class TextSettings(Record):
    """How a text becomes the numbers of its tokens.

    Attributes:
        tokenizer: file beside the bundle, ``tokenizer.json``.
        tokenizer_sha256: of that file, hex.
        length: tokens that the model takes; a longer text is cut, a shorter one padded.
    """

    tokenizer: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    tokenizer_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    length: int = Field(ge=1)


class Preprocessing(Record):
    """``(value * scale - mean) / std``, before any quantization of the input.

    Attributes:
        axis: what mean and std belong to: channels of an image, or bins of audio features.
        front_end: for audio: the settings that its features are computed with, from samples
            between -1 and 1.
        text: for text, whose tokens are neither scaled nor normalized.
    """

    scale: float
    mean: list[float]
    std: list[float]
    axis: Literal["channel", "bin"] = "channel"
    front_end: dict[str, int | float | str] | None = None
    text: TextSettings | None = None


class Bundle(Record):
    """``bundle.json``: all that an application needs to feed the artifact beside it."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    rung: str
    format: Format
    precision: Precision
    scheme: str
    model: str
    sha256: str
    bytes: int
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    labels: list[str]
    preprocessing: Preprocessing | None
    golden: str | None
    golden_sha256: str | None
    preflight: Preflight
    tools: dict[str, str]
    library: Library | None = None


@dataclass(frozen=True)
class ExportRequest:
    """One model at one precision.

    Attributes:
        model: float32 module in eval mode on the CPU. Takes ``[N, *sample_shape]`` of ``dtype``,
            gives ``[N, classes]`` logits; images are NCHW.
        sample_shape: shape of one input without the batch.
        precision: what to export at.
        out: existing empty folder for the artifact.
        calibration: ``[N, *sample_shape]`` of ``dtype``, preprocessed training inputs; needed for
            static quantization.
        quantized: the torch model that torchao quantized at this precision; ``None`` for float
            precisions.
        microcontroller: what C is generated for; ``None`` for other formats.
        ram_bytes: budget of the target, for which C plans its memory.
        dtype: of the input. Numbers of tokens are int32, and stay so at every precision.
    """

    model: torch.nn.Module
    sample_shape: tuple[int, ...]
    precision: Precision
    out: Path
    calibration: npt.NDArray[np.float32 | np.int32] | None = None
    quantized: torch.nn.Module | None = None
    microcontroller: Microcontroller | None = None
    ram_bytes: int | None = None
    dtype: InputType = "float32"


@dataclass(frozen=True)
class ExportedModel:
    """What an exporter made.

    Attributes:
        path: the artifact, inside ``request.out``.
        scheme: the precision in words: bits, granularity, what the activations are.
        tools: name and version of each tool that touched the file.
        library: what the generator did, where the format is C.
    """

    path: Path
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    scheme: str
    preflight: Preflight
    tools: dict[str, str] = field(default_factory=dict)
    library: Library | None = None


class Exporter(Protocol):
    """One format. Registered by name in ``edgekd.export``."""

    def export(self, request: ExportRequest) -> ExportedModel:
        """Write the artifact.

        Raises:
            Unavailable: this format cannot honestly hold the model at this precision.
            BadInput: the model cannot be exported; the message names the operator.
            MissingPackage: a package of this format is not installed.
        """
        ...
