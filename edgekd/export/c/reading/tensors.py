"""Tensors of a TFLite file: shapes, quantization, and constants as views of the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np

from edgekd.errors import BadInput
from edgekd.export.c.graph import Array, DType, Quantization, Tensor
from edgekd.export.c.reading.schema import BLOCKWISE, TENSOR_TYPES, UNREADABLE_TYPES
from edgekd.export.flatbuffer import FlatBuffer, Table

# What the C library's ``struct model_tensor`` can describe.
_LARGEST_RANK = 6
# More than any microcontroller's memory.
# More than any microcontroller holds; it bounds what a file of a few bytes can ask for.
_MOST_ELEMENTS = 2**24
# Beyond these the kernels of TensorFlow Lite overflow or abort. Channels that never had a value
# have tiny scales.
_LEAST_SCALE, _MOST_SCALE = 2.0**-120, 2.0**40
_ITEM_BYTES = {"int16": 2, "int32": 4, "int64": 8, "float32": 4}
_NOT_INTEGER = ("float16", "bfloat16", "float64", "float8")
# Unpacking is numpy's work, so an element costs far less than one of the file's structures.
_UNPACKED_IN_A_STEP = 128


class TensorReader:
    """Reads the tensors of one subgraph when they are asked for.

    Args:
        buffer: the file.
        tensors: the subgraph's.
        buffers: the model's.
    """

    def __init__(self, buffer: FlatBuffer, tensors: list[Table], buffers: list[Table]) -> None:
        self._buffer = buffer
        self._tables = tensors
        self._buffers = buffers
        self._read: dict[int, Tensor] = {}

    def __getitem__(self, index: int) -> Tensor:
        """The tensor of an index.

        Raises:
            BadInput: there is none, or it is malformed, or of a kind that C cannot be made for.
        """
        if index not in self._read:
            if not 0 <= index < len(self._tables):
                raise self._buffer.damaged(f"it has no tensor {index}")
            self._read[index] = self._tensor(self._tables[index], index)
        return self._read[index]

    @property
    def used(self) -> Mapping[int, Tensor]:
        """Those that were asked for."""
        return self._read

    def name(self, index: int) -> str:
        """The name of a tensor, empty if there is no such tensor."""
        return self._tables[index].text(3) if 0 <= index < len(self._tables) else ""

    def refuse(self, index: int, what: str, mend: str = "") -> BadInput:
        """The error for a tensor."""
        what = f'tensor {index} ("{self.name(index)}") {what}'
        return BadInput(what, where=self._buffer.where, mend=mend)

    def check_fixed(self, index: int) -> None:
        """Make sure that an input's sizes are fixed, but for a batch that is 1."""
        signature = self._tables[index].integers(7, "i")
        if any(size < 0 for size in signature[1:]):
            raise self.refuse(
                index, "has a dynamic size", "convert the model with a fixed input shape"
            )

    def _tensor(self, table: Table, index: int) -> Tensor:
        shape = self._shape(table, index)
        dtype = self._dtype(table, index)
        if table.flag(5):
            raise self.refuse(index, "is a variable", "use a model without state between calls")
        if table.table(6) is not None:
            raise self.refuse(index, "is stored sparse", "convert the model with dense weights")
        if table.integer(10, "I") != 0:
            raise self.refuse(index, "is stored in another file", "convert into one file")
        return Tensor(
            name=table.text(3),
            shape=shape,
            dtype=dtype,
            quantization=self._quantization(table, index, shape, dtype),
            data=self._data(table, index, shape, dtype),
        )

    def _shape(self, table: Table, index: int) -> tuple[int, ...]:
        shape = table.integers(0, "i")
        if len(shape) > _LARGEST_RANK:
            raise self.refuse(
                index, f"has {len(shape)} dimensions", f"at most {_LARGEST_RANK} are supported"
            )
        if any(size < 1 for size in shape):
            raise self.refuse(
                index,
                f"has the shape {list(shape)}",
                "convert the model with fixed, non-zero sizes",
            )
        if math.prod(shape) > _MOST_ELEMENTS:
            raise self.refuse(
                index,
                f"has {math.prod(shape)} elements",
                f"at most {_MOST_ELEMENTS} are supported",
            )
        return shape

    def _dtype(self, table: Table, index: int) -> DType:
        number = table.integer(1, "b")
        if number in TENSOR_TYPES:
            return TENSOR_TYPES[number]
        name = UNREADABLE_TYPES.get(number)
        if name is None:
            raise self._buffer.damaged(f"tensor {index} has the type number {number}")
        if name in _NOT_INTEGER:
            raise self.refuse(
                index,
                f"is {name}: not a full-integer file",
                "quantize activations and weights with int8, edgekd export --precision int8",
            )
        raise self.refuse(index, f"is {name}, which is not supported", "use int8")

    def _quantization(
        self, table: Table, index: int, shape: tuple[int, ...], dtype: DType
    ) -> Quantization | None:
        details = table.table(4)
        if details is None or dtype in ("float32", "bool"):
            return None
        kind = details.integer(4, "B")
        if kind == BLOCKWISE:
            raise self.refuse(
                index,
                "is quantized in blocks, which LiteRT's built-in kernels do not compute",
                "quantize its weights with one scale a channel",
            )
        if kind != 0:
            raise self.refuse(index, "is quantized in an unknown way", "use one scale a channel")
        scales, zero_points = details.reals(2), details.integers(3, "q")
        if not scales:
            return None
        axis = details.integer(6, "i")
        self._check_quantization(index, shape, dtype, scales, zero_points, axis)
        if len(zero_points) != len(scales):
            zero_points = zero_points * len(scales)
        return Quantization(scales, zero_points, axis if len(scales) > 1 else 0)

    def _check_quantization(
        self,
        index: int,
        shape: tuple[int, ...],
        dtype: DType,
        scales: tuple[float, ...],
        zero_points: tuple[int, ...],
        axis: int,
    ) -> None:
        mend = "quantize the model again"
        if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
            raise self.refuse(index, f"has {len(scales)} scales along dimension {axis}", mend)
        if len(zero_points) not in (1, len(scales)):
            raise self.refuse(
                index, f"has {len(scales)} scales but {len(zero_points)} zero points", mend
            )
        wrong = [scale for scale in scales if not _LEAST_SCALE <= scale <= _MOST_SCALE]
        if wrong:
            raise self.refuse(index, f"has the scale {wrong[0]}", mend)
        bits = int(dtype.removeprefix("u").removeprefix("int"))
        low, high = (
            (0, 2**bits - 1) if dtype[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        outside = [zero for zero in zero_points if not low <= zero <= high]
        if outside:
            raise self.refuse(index, f"has the zero point {outside[0]}, outside {dtype}", mend)

    def _data(self, table: Table, index: int, shape: tuple[int, ...], dtype: DType) -> Array | None:
        start, length = self._extent(table.integer(2, "I"), index)
        if length == 0:
            return None
        elements = math.prod(shape)
        item_bytes = _ITEM_BYTES.get(dtype, 1)
        needed = (elements + 1) // 2 if dtype == "int4" else elements * item_bytes
        if length != needed:
            raise self._buffer.damaged(
                f"tensor {index} needs {needed} bytes and its buffer has {length}"
            )
        if dtype == "int4":
            self._buffer.charge(elements // _UNPACKED_IN_A_STEP)
            packed = np.frombuffer(self._buffer.content, np.uint8, length, start)
            return unpack_int4(packed, elements).reshape(shape)
        stored = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(self._buffer.content, stored, elements, start).reshape(shape)

    def _extent(self, number: int, index: int) -> tuple[int, int]:
        """Position and length of a buffer; those of large files lie behind the FlatBuffer."""
        if number >= len(self._buffers):
            raise self._buffer.damaged(f"tensor {index} is in buffer {number}, which is missing")
        if number == 0:
            return 0, 0
        table = self._buffers[number]
        # The schema marks a place that is not set yet with the offset 1.
        offset, size = table.integer(1, "Q"), table.integer(2, "Q")
        if offset <= 1:
            return table.extent(0)
        if offset + size > len(self._buffer.content):
            raise self._buffer.damaged(f"buffer {number} lies outside the file")
        return offset, size


def unpack_int4(packed: Array, elements: int) -> Array:
    """Signed 4-bit values, two a byte, the lower half first, one in each element of an int8 array.

    Args:
        packed: uint8, shape ``((elements + 1) // 2,)``.
        elements: how many there are.
    """
    halves = np.stack((packed << 4, packed & 0xF0), axis=-1).reshape(-1)[:elements]
    return cast(Array, halves.view(np.int8) >> 4)
