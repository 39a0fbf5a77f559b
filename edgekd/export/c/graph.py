"""The graph between the TFLite file and the C: tensors, operators, and what links them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
DType = Literal["int4", "int8", "uint8", "int16", "int32", "int64", "float32", "bool"]
Activation = Literal["NONE", "RELU", "RELU_N1_TO_1", "RELU6"]
# The index of an optional input that is not given.
ABSENT = -1
_STORED_BYTES = {"int16": 2, "int32": 4, "int64": 8, "float32": 4}


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (stored - zero_point)``, per tensor or for each index along ``axis``."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def scale(self) -> float:
        """Of a tensor that is quantized as a whole."""
        [scale] = self.scales
        return scale

    @property
    def zero_point(self) -> int:
        """Of a tensor that is quantized as a whole."""
        [zero_point] = self.zero_points
        return zero_point


@dataclass(frozen=True)
class Tensor:
    """A value of the graph.

    Attributes:
        name: from the file, for messages and comments only.
        shape: with the batch; every size is known and at least 1.
        dtype: what is stored. ``int4`` constants hold one value in each int8 element of ``data``.
        quantization: ``None`` where the file has none.
        data: of a constant, in ``shape``; ``None`` for an activation.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: Array | None = None

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Of an activation in the arena."""
        return self.elements * _STORED_BYTES.get(self.dtype, 1)

    @property
    def scale(self) -> float:
        """Of a tensor that is quantized as a whole."""
        assert self.quantization is not None
        return self.quantization.scale

    @property
    def zero_point(self) -> int:
        """Of a tensor that is quantized as a whole."""
        assert self.quantization is not None
        return self.quantization.zero_point


@dataclass(frozen=True)
class Padding:
    """Rows and columns of the input's zero point around an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Window:
    """How a convolution or pooling window moves; pairs are (height, width).

    Attributes:
        padding: worked out from SAME or VALID, or from a PAD that was fused.
        kernel: of pooling; a convolution's is its weights' shape.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = Padding()
    kernel: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Operator:
    """One operator of the file.

    Attributes:
        kind: TFLite's name, ``CONV_2D``.
        inputs: tensor indices; ``ABSENT`` for an optional one that is not given.
        outputs: tensor indices.
        place: ``operator 3 (CONV_2D, "model/conv1")``, for messages.
        activation: fused into the output.
        window: of convolutions and poolings.
        options: the rest, by TFLite's own names in snake case: ``beta``, ``axis``, ``alpha``,
            ``keep_dims``, ``align_corners``, ``half_pixel_centers``, ...
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    place: str
    activation: Activation = "NONE"
    window: Window | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A whole model, operators in an order in which they can run.

    Attributes:
        tensors: by index; indices are the file's, new ones are appended by passes.
        inputs: tensor indices, in the file's order. Never constants.
        outputs: likewise.
    """

    tensors: dict[int, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def constant(self, index: int) -> Array | None:
        """The value of a tensor, if it is known now; ``None`` also for ``ABSENT``."""
        return None if index == ABSENT else self.tensors[index].data

    def activations(self, indices: Sequence[int]) -> Iterator[int]:
        """Those that are computed at run time, each once."""
        seen = dict.fromkeys(i for i in indices if i != ABSENT)
        return (index for index in seen if self.tensors[index].data is None)

    def readers(self, index: int) -> list[Operator]:
        """The operators that read a tensor."""
        return [operator for operator in self.operators if index in operator.inputs]

    def writer(self, index: int) -> Operator | None:
        """The operator that computes a tensor; ``None`` for inputs and constants."""
        return next((o for o in self.operators if index in o.outputs), None)

    def with_tensors(self, changed: dict[int, Tensor]) -> Graph:
        """The graph with some tensors replaced or added."""
        return replace(self, tensors={**self.tensors, **changed})

    def without_unused(self) -> Graph:
        """Operators that no output needs, and tensors that nothing names, removed."""
        needed = set(self.outputs)
        kept: list[Operator] = []
        for operator in reversed(self.operators):
            if needed.intersection(operator.outputs):
                kept.append(operator)
                needed.update(index for index in operator.inputs if index != ABSENT)
        named = needed | set(self.inputs)
        named.update(index for operator in kept for index in operator.outputs)
        tensors = {index: tensor for index, tensor in self.tensors.items() if index in named}
        return replace(self, operators=tuple(reversed(kept)), tensors=tensors)


def activation_limits(activation: Activation, output: Tensor) -> tuple[int, int]:
    """Smallest and largest stored value that an activation leaves in a quantized output.

    As TensorFlow Lite's ``CalculateActivationRangeQuantized``: the real limit divided by the scale
    in float32, rounded half away from zero.
    """
    limits = np.iinfo(np.dtype(output.dtype))
    low, high = int(limits.min), int(limits.max)

    def stored(real: float) -> int:
        scaled = float(np.float32(real) / np.float32(output.scale))
        return output.zero_point + int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))

    if activation in ("RELU", "RELU6"):
        low = max(low, stored(0.0))
    if activation == "RELU6":
        high = min(high, stored(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, stored(-1.0)), min(high, stored(1.0))
    return low, high
