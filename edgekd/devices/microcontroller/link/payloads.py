"""Samples as the bytes of one inference each, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekd.devices.contract import Array
from edgekd.devices.microcontroller.link.protocol import Answer, Hello
from edgekd.devices.tensors import real_values, sample_shape, stored_inputs


def encode_inputs(hello: Hello, inputs: Sequence[Array]) -> list[bytes]:
    """One payload for each sample: the bytes of its inputs, one input after the other.

    Args:
        inputs: ``[samples, *shape]`` for each input, as :class:`edgekd.devices.contract.Device`
            takes them.

    Raises:
        BadInput: another number of inputs, another shape or dtype, or no samples.
    """
    stored = stored_inputs(hello.signature.inputs, inputs)
    return [
        b"".join(
            samples[index].astype(samples.dtype.newbyteorder("<")).tobytes() for samples in stored
        )
        for index in range(len(stored[0]))
    ]


def decode_outputs(hello: Hello, answers: Sequence[Answer]) -> list[Array]:
    """``[samples, *shape]`` for each output, as real values where the library says how."""
    outputs: list[Array] = []
    start = 0
    for info, size in zip(hello.signature.outputs, hello.output_bytes, strict=True):
        data = b"".join(answer.outputs[start : start + size] for answer in answers)
        stored = np.frombuffer(data, np.dtype(info.dtype).newbyteorder("<")).astype(info.dtype)
        shaped = stored.reshape(len(answers), *sample_shape(info))
        outputs.append(real_values(shaped, info))
        start += size
    return outputs
