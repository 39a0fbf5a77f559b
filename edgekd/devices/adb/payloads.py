"""Samples as the file that a phone reads, and its outputs as arrays."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekd.devices.adb.result import MAX_OUTPUT_BYTES, AppResult, OutputTensor
from edgekd.devices.contract import Array, Signature, TensorInfo
from edgekd.devices.tensors import real_values, sample_shape
from edgekd.errors import RunFailed

# What one start of the app reads, and what it sends back: a phone's heap is small.
MAX_BATCH_BYTES = MAX_OUTPUT_BYTES


def batches(signature: Signature, stored: Sequence[Array]) -> list[list[Array]]:
    """Samples in parts of which each, and its outputs, fit one start."""
    read = sum(array[0].nbytes for array in stored)
    written = max(sample_bytes(info) for info in signature.outputs)
    size = max(1, MAX_BATCH_BYTES // max(1, read, written))
    total = len(stored[0])
    return [[array[start : start + size] for array in stored] for start in range(0, total, size)]


def sample_bytes(info: TensorInfo) -> int:
    """Bytes of one sample of a tensor."""
    return math.prod(sample_shape(info)) * np.dtype(info.dtype).itemsize


def write_golden(path: Path, infos: Sequence[TensorInfo], stored: Sequence[Array]) -> None:
    """The app's file of inputs, as :mod:`edgekd.devices.adb.application` says.

    Args:
        path: to write; safetensors.
        infos: of the artifact's inputs, whose whole shapes are the file's metadata.
        stored: ``[samples, *shape]`` for each input.
    """
    from safetensors.numpy import save_file

    shapes = {
        f"input_{index}.shape": ",".join(str(size) for size in info.shape)
        for index, info in enumerate(infos)
        if info.shape
    }
    tensors = {f"input_{index}": array for index, array in enumerate(stored)}
    save_file(tensors, path, metadata=shapes)


def write_rows(path: Path, stored: Sequence[Array]) -> None:
    """The same for a program without a parser: per sample the bytes of all inputs."""
    little = [array.astype(array.dtype.newbyteorder("<")) for array in stored]
    rows = (b"".join(array[index].tobytes() for array in little) for index in range(len(stored[0])))
    path.write_bytes(b"".join(rows))


def read_outputs(result: AppResult, signature: Signature, samples: int) -> list[Array]:
    """``[samples, *shape]`` for each output, as real values where the file says how.

    Raises:
        RunFailed: other outputs than the file has, or not so many samples.
    """
    found = result.outputs or []
    if len(found) != len(signature.outputs):
        raise RunFailed(f"the phone sent {len(found)} outputs of {len(signature.outputs)}")
    return [
        real_values(_array(tensor, info, samples), info)
        for tensor, info in zip(found, signature.outputs, strict=True)
    ]


def _array(tensor: OutputTensor, info: TensorInfo, samples: int) -> Array:
    shape = (samples, *sample_shape(info))
    if tuple(tensor.shape) != shape or tensor.dtype != info.dtype:
        raise RunFailed(
            f"the phone sent {tensor.dtype} {tensor.shape} for the output {info.name!r}, which is "
            f"{info.dtype} {list(shape)}"
        )
    try:
        data = base64.b64decode(tensor.data, validate=True)
    except binascii.Error as error:
        raise RunFailed(f"the output {info.name!r} is damaged: {error}") from error
    if len(data) != samples * sample_bytes(info):
        raise RunFailed(f"the output {info.name!r} holds {len(data)} bytes, not its shape's")
    stored = np.frombuffer(data, np.dtype(info.dtype).newbyteorder("<"))
    return stored.astype(info.dtype).reshape(shape)


def _pairs(inputs: Sequence[Array], signature: Signature) -> list[tuple[Array, TensorInfo]]:
    return list(zip(inputs, signature.inputs, strict=True))
