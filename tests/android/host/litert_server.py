"""LiteRT's kernels for the Java classes in ``host/litert``: a child process of the JVM.

A request is a letter, the number of bytes that follow, and these. To each comes one answer: a byte
0 and what was asked for, or the number of the step that failed and why. All is big-endian, texts
as Java's ``readUTF`` takes them.

- ``V``: gives the version.
- ``L``: threads, whether XNNPACK is used, the file. Gives the model's number and its tensors.
- ``R``: the model's number, the bytes of all inputs. Gives those of all outputs.
- ``C``: the model's number. Closes it.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# The steps. ``Kernels.java`` has what the real Java interface throws for each.
NOT_A_MODEL, INTERPRETER, ALLOCATION, RUN = 1, 2, 3, 4
# TfLiteType; the Java interface does not know the others.
TYPES = {
    **{"float32": 1, "int32": 2, "uint8": 3, "int64": 4, "bytes": 5, "bool": 6, "int16": 7},
    **{"complex64": 8, "int8": 9, "float16": 10, "float64": 11},
}
_models: dict[int, Interpreter] = {}


class Failed(Exception):
    """A step: its number, and what LiteRT says."""


def told_version(_: bytes) -> bytes:
    """``V``."""
    return _text(version("ai-edge-litert"))


def load(body: bytes) -> bytes:
    """``L``."""
    threads, xnnpack = struct.unpack_from(">i?", body)
    without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        model = Interpreter(
            model_content=body[5:],
            num_threads=None if threads < 0 else threads,
            experimental_op_resolver_type=OpResolverType.BUILTIN if xnnpack else without,
        )
    except (ValueError, RuntimeError) as error:
        invalid = "not a valid Flatbuffer" in str(error)
        raise Failed(NOT_A_MODEL if invalid else INTERPRETER, str(error)) from error
    _do(ALLOCATION, model.allocate_tensors)
    number = max(_models, default=0) + 1
    _models[number] = model
    inputs, outputs = model.get_input_details(), model.get_output_details()
    tensors = b"".join(_described(one) for one in [*inputs, *outputs])
    return _integers(number, len(inputs), len(outputs)) + tensors


def run(body: bytes) -> bytes:
    """``R``."""
    model, start = _models[_number(body)], 4
    for one in model.get_input_details():
        count = int(np.prod(one["shape"]))
        values = np.frombuffer(body, one["dtype"], count, start)
        model.set_tensor(one["index"], values.reshape(one["shape"]))
        start += values.nbytes
    _do(RUN, model.invoke)
    outputs = [model.get_tensor(one["index"]) for one in model.get_output_details()]
    return b"".join(output.tobytes() for output in outputs)


def close(body: bytes) -> bytes:
    """``C``."""
    del _models[_number(body)]
    return b""


def _do(step: int, action: Callable[[], None]) -> None:
    try:
        action()
    except (ValueError, RuntimeError) as error:
        raise Failed(step, str(error)) from error


def _described(details: dict[str, Any]) -> bytes:
    dtype, shape = np.dtype(details["dtype"]), [int(size) for size in details["shape"]]
    number, size = TYPES.get(dtype.name, -1), int(np.prod(shape)) * dtype.itemsize
    numbers = _integers(number, len(shape), *shape, size)
    return _text(details["name"]) + numbers + struct.pack(">fi", *details["quantization"])


def _number(body: bytes) -> int:
    return int.from_bytes(body[:4], "big")


def _integers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def _text(text: str) -> bytes:
    coded = text.encode()[:30_000]
    return struct.pack(">H", len(coded)) + coded


def main() -> None:
    """Answer until the JVM ends. Standard output is for answers alone, whatever LiteRT prints."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks = {b"V": told_version, b"L": load, b"R": run, b"C": close}
    while letter := requests.read(1):
        body = requests.read(_number(requests.read(4)))
        try:
            answer = b"\0" + tasks[letter](body)
        except Failed as failure:
            answer = bytes([failure.args[0]]) + _text(failure.args[1])
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
