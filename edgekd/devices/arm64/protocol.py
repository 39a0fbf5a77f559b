"""What is asked of a guest program and what it answers, over its standard input and output.

A request is an operation (u32), a length (u64) and so many bytes; a reply is a status (u32), a
length (u64) and so many bytes; all little endian. The guest programs are ``guest/worker.py`` for
LiteRT and ONNX Runtime, and the sysroot's C++ runner for ExecuTorch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from pydantic import Field, ValidationError

from edgekd.devices.contract import Array, DType, Signature, TensorInfo
from edgekd.devices.tensors import real_values, sample_shape, stored_inputs
from edgekd.errors import RunFailed
from edgekd.records import Record

HEADER = struct.Struct("<IQ")
MAX_JSON_BYTES = 16 * 1024 * 1024
_MAX_RANK = 16
_MAX_TENSORS = 256
_MAX_TENSOR_BYTES = 1 << 32


class Operation(IntEnum):
    """What can be asked.

    All know the first three. ``SIGNATURE`` (its name) is for LiteRT, and ``SHAPES`` (the int32
    sizes of each input, as many as it has) for models of ONNX and ExecuTorch whose sizes may
    differ from call to call; both hold for all that is asked afterwards, ``DESCRIBE`` included.
    """

    DESCRIBE = 1
    RUN = 2
    COUNT = 3
    EMPTY = 5
    OPERATORS = 6
    SIGNATURE = 7
    SHAPES = 8


class GuestTensor(Record):
    """One input or output as the guest describes it.

    Attributes:
        dim_order: its dimensions in the order in which they lie in memory, outermost first;
            ``None``: as they are.
        bytes: of one inference, where the guest says so.
    """

    name: str | None = Field(default=None, max_length=4096)
    shape: list[int] = Field(max_length=_MAX_RANK)
    dtype: DType
    scale: float | None = None
    zero_point: int | None = None
    dim_order: list[int] | None = None
    bytes: int | None = None

    @property
    def stored_shape(self) -> list[int]:
        """Sizes in the order in which they lie in memory."""
        return [self.shape[axis] for axis in self.order]

    @property
    def order(self) -> list[int]:
        """See ``dim_order``."""
        return list(range(len(self.shape))) if self.dim_order is None else self.dim_order

    @property
    def size(self) -> int:
        """Bytes of one inference."""
        return int(np.prod(self.shape, dtype=np.float64)) * np.dtype(self.dtype).itemsize

    def is_sound(self) -> bool:
        """Whether sizes and order can be those of a tensor."""
        return (
            all(extent >= 0 for extent in self.shape)
            and self.size <= _MAX_TENSOR_BYTES
            and self.bytes in (None, self.size)
            and sorted(self.order) == list(range(len(self.shape)))
        )


class Description(Record):
    """A loaded model.

    Attributes:
        backends: of ExecuTorch: delegates that the program calls.
        planned_bytes: of ExecuTorch: memory planned for activations.
    """

    inputs: list[GuestTensor] = Field(max_length=_MAX_TENSORS)
    outputs: list[GuestTensor] = Field(max_length=_MAX_TENSORS)
    backends: list[str] = Field(default_factory=list, max_length=_MAX_TENSORS)
    planned_bytes: int | None = Field(default=None, ge=0)

    @property
    def signature(self) -> Signature:
        """The same for the rest of edgekd."""
        return Signature(
            inputs=_infos("input", self.inputs), outputs=_infos("output", self.outputs)
        )

    @property
    def output_bytes(self) -> int:
        """Of one inference."""
        return sum(tensor.size for tensor in self.outputs)


def _infos(kind: str, tensors: Sequence[GuestTensor]) -> list[TensorInfo]:
    return [
        TensorInfo(
            name=tensor.name or f"{kind}_{index}",
            shape=tensor.shape,
            dtype=tensor.dtype,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
        )
        for index, tensor in enumerate(tensors)
    ]


def parse_description(reply: bytes) -> Description:
    """Read the reply to ``DESCRIBE``.

    Raises:
        RunFailed: it is not one.
    """
    try:
        description = Description.model_validate(json.loads(reply))
        if not all(tensor.is_sound() for tensor in (*description.inputs, *description.outputs)):
            raise ValueError("a tensor of impossible size")
    except (ValueError, RecursionError, ValidationError) as error:
        raise RunFailed("the guest's description of the model is damaged") from error
    return description


def encode_inputs(description: Description, inputs: Sequence[Array]) -> list[bytes]:
    """One payload for each sample: the bytes of its inputs, one input after the other.

    Args:
        inputs: ``[samples, *shape]`` for each input, as :class:`edgekd.devices.contract.Device`
            takes them.

    Raises:
        BadInput: another number of inputs, another shape or dtype, or no samples.
    """
    infos = description.signature.inputs
    stored = [
        _in_memory_order(samples, tensor)
        for samples, tensor in zip(stored_inputs(infos, inputs), description.inputs, strict=True)
    ]
    return [b"".join(samples[at].tobytes() for samples in stored) for at in range(len(stored[0]))]


def _in_memory_order(samples: Array, tensor: GuestTensor) -> Array:
    whole = samples.reshape(len(samples), *tensor.shape)
    moved = whole.transpose(0, *(axis + 1 for axis in tensor.order))
    return moved.astype(moved.dtype.newbyteorder("<"))


def decode_outputs(description: Description, replies: Sequence[bytes]) -> list[Array]:
    """``[samples, *shape]`` for each output, as real values where the artifact says how.

    Args:
        replies: one for each sample, each of ``description.output_bytes``.
    """
    outputs: list[Array] = []
    start = 0
    for tensor, info in zip(description.outputs, description.signature.outputs, strict=True):
        data = b"".join(reply[start : start + tensor.size] for reply in replies)
        stored = np.frombuffer(data, np.dtype(tensor.dtype).newbyteorder("<"))
        whole = stored.astype(tensor.dtype).reshape(len(replies), *tensor.stored_shape)
        back = whole.transpose(0, *(int(at) + 1 for at in np.argsort(tensor.order)))
        outputs.append(real_values(back.reshape(len(replies), *sample_shape(info)), info))
        start += tensor.size
    return outputs
