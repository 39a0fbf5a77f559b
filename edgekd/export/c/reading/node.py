"""An operator beside its tensors, as the rules see it, and what many rules ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekd.errors import BadInput
from edgekd.export.c.graph import ABSENT, DType, Operator, Tensor

QUANTIZE_MEND = "quantize activations and weights: edgekd quantize, or export --precision int8"
_REQUANTIZE = "quantize the model again with a converter of TensorFlow 2.3 or later"
# Relative difference of scales that TFLite's kernels take for equal, float32's noise included.
_SCALE_TOLERANCE = 1e-6
# RELU6's limit, and how many steps of the output's scale LiteRT lets it have.
_LARGEST_LIMIT = 6.0
_MOST_STEPS = 2**30
# A constant operand with axes, sizes or paddings is short.
_LONGEST_OPERAND = 64


@dataclass(frozen=True)
class Node:
    """An operator whose rule is being checked.

    Attributes:
        operator: with the options of the file.
        tensors: those that it names.
        where: the file, for messages.
    """

    operator: Operator
    tensors: Mapping[int, Tensor]
    where: str

    def has(self, position: int) -> bool:
        """Whether an optional input is given."""
        inputs = self.operator.inputs
        return position < len(inputs) and inputs[position] != ABSENT

    def input(self, position: int = 0) -> Tensor:
        """The tensor at an input position that is given."""
        return self.tensors[self.operator.inputs[position]]

    def output(self, position: int = 0) -> Tensor:
        """The tensor at an output position."""
        return self.tensors[self.operator.outputs[position]]

    @property
    def inputs(self) -> list[Tensor]:
        """All that are given."""
        return [self.tensors[index] for index in self.operator.inputs if index != ABSENT]

    @property
    def outputs(self) -> list[Tensor]:
        """All outputs."""
        return [self.tensors[index] for index in self.operator.outputs]

    def option(self, name: str) -> int:
        """A numeric option."""
        return int(self.operator.options[name])

    def refuse(self, what: str, mend: str = "") -> BadInput:
        """The error for this operator."""
        return BadInput(f"{self.operator.place} {what}", where=self.where, mend=mend)

    def integers(self, position: int, name: str) -> tuple[int, ...]:
        """The values of a constant int32 or int64 operand, in the order of its elements.

        Raises:
            BadInput: it is computed at run time, of another type, or too long.
        """
        tensor = self.input(position)
        if tensor.data is None:
            raise self.refuse(f"gets its {name} at run time", "convert the model with fixed shapes")
        if tensor.dtype not in ("int32", "int64") or tensor.elements > _LONGEST_OPERAND:
            raise self.refuse(f"has {name} of type {tensor.dtype}, {tensor.elements} of them")
        return tuple(int(value) for value in tensor.data.reshape(-1))

    def axis(self, axis: int, rank: int) -> int:
        """An axis counted from the front.

        Raises:
            BadInput: there is no such dimension.
        """
        if not -rank <= axis < rank:
            raise self.refuse(f"works along dimension {axis} of {rank}")
        return axis % rank

    def check_shape(self, expected: tuple[int, ...], position: int = 0) -> None:
        """Make sure that an output has the shape that the operator computes."""
        stored = self.output(position).shape
        if stored != expected:
            raise self.refuse(
                f"computes the shape {_sizes(expected)} but its output has {_sizes(stored)}",
                "convert the model with fixed shapes",
            )

    def check_rank(self, tensor: Tensor, rank: int, name: str = "input") -> None:
        """Make sure that a tensor has a number of dimensions."""
        if len(tensor.shape) != rank:
            raise self.refuse(f"has an {name} of shape {_sizes(tensor.shape)}, not of {rank} sizes")

    def check_int8(self, *tensors: Tensor) -> None:
        """Make sure that activations are int8, with one scale each.

        Raises:
            BadInput: the file computes in float, in part or as a whole, or in other integers.
        """
        for tensor in tensors:
            if tensor.dtype == "float32":
                raise self.refuse(f"computes in float32: {self._float_reason()}", QUANTIZE_MEND)
            if tensor.dtype != "int8":
                raise self.refuse(
                    f"computes in {tensor.dtype}, which has no kernel", "quantize it with int8"
                )
            self.check_per_tensor(tensor)

    def check_per_tensor(self, tensor: Tensor) -> None:
        """Make sure that a tensor is quantized as a whole."""
        if tensor.quantization is None:
            raise self.refuse(f'has no scale for "{tensor.name}"', _REQUANTIZE)
        if len(tensor.quantization.scales) != 1:
            raise self.refuse(f'has more than one scale for "{tensor.name}"', _REQUANTIZE)

    def check_same_type(self, *tensors: Tensor) -> DType:
        """Make sure that tensors are stored alike: the same type and the same quantization.

        Returns:
            The type.
        """
        first = tensors[0]
        for tensor in tensors:
            if tensor.dtype != first.dtype:
                raise self.refuse(f"mixes {first.dtype} and {tensor.dtype}", _REQUANTIZE)
            if first.dtype in ("int4", "bool"):
                raise self.refuse(f"moves values of type {first.dtype}", "use int8")
            if first.dtype in ("int8", "uint8", "int16"):
                self.check_per_tensor(tensor)
                if not _same_quantization(first, tensor):
                    raise self.refuse(
                        "has inputs and outputs with different scales or zero points", _REQUANTIZE
                    )
        return first.dtype

    def check_quantization(self, tensor: Tensor, scale: float, zero_point: int) -> None:
        """Make sure of the fixed quantization that an operator's kernel writes, to the bit."""
        stored = (tensor.scale, tensor.zero_point)
        if stored != (scale, zero_point):
            raise self.refuse(
                f"must have an output with scale {scale:g} and zero point {zero_point}, "
                f"not {stored[0]:g} and {stored[1]}",
                _REQUANTIZE,
            )

    def check_activation(self) -> None:
        """Make sure that a fused activation's limits can be counted in steps of the output."""
        scale = self.output().scale
        if _LARGEST_LIMIT / scale > _MOST_STEPS:
            raise self.refuse(f"has an output scale of {scale:g}", _REQUANTIZE)

    def check_batch(self, tensor: Tensor) -> None:
        """Make sure that there is one image."""
        if tensor.shape[0] != 1:
            raise self.refuse(
                f"has a batch of {tensor.shape[0]} images", "convert the model with a batch of 1"
            )

    def _float_reason(self) -> str:
        if any(tensor.dtype in ("int8", "int4") for tensor in self.inputs):
            return "a dynamic-range file, not a full-integer file"
        return "not a full-integer file"


def _same_quantization(one: Tensor, other: Tensor) -> bool:
    difference = abs(one.scale - other.scale)
    return one.zero_point == other.zero_point and difference <= _SCALE_TOLERANCE * one.scale


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape) or "of a scalar"
