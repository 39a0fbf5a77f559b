from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.devices.arm64.protocol import (
    Description,
    GuestTensor,
    decode_outputs,
    encode_inputs,
    parse_description,
)
from edgekd.errors import BadInput, RunFailed

TENSOR = {"name": "x", "shape": [1, 2], "dtype": "int8"}


@st.composite
def tensors(draw: st.DrawFn) -> GuestTensor:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    order = draw(st.none() | st.permutations(range(len(shape))))
    dtype: Any = draw(st.sampled_from(["float32", "int8", "int64", "float16"]))
    return GuestTensor(shape=shape, dtype=dtype, dim_order=order)


@given(st.lists(tensors(), min_size=1, max_size=3), st.integers(1, 4))
def test_what_is_encoded_is_decoded(slots: list[GuestTensor], samples: int) -> None:
    description = Description(inputs=slots, outputs=slots)
    generator = np.random.default_rng(0)
    given_arrays = [
        generator.integers(-100, 100, (samples, *shape)).astype(tensor.dtype)
        for tensor in slots
        for shape in [tensor.shape[1:] if tensor.shape[0] == 1 else tensor.shape]
    ]
    payloads = encode_inputs(description, given_arrays)
    assert {len(payload) for payload in payloads} == {description.output_bytes}
    for array, back in zip(given_arrays, decode_outputs(description, payloads), strict=True):
        np.testing.assert_array_equal(array, back)


def test_channels_last_in_memory_is_turned() -> None:
    tensor = GuestTensor(shape=[1, 2, 1, 2], dtype="int8", dim_order=[0, 2, 3, 1])
    sample = np.array([[[[1, 2]], [[3, 4]]]], np.int8)
    [payload] = encode_inputs(Description(inputs=[tensor], outputs=[]), [sample])
    assert payload == bytes([1, 3, 2, 4])


def test_quantized_values_are_made_and_read_as_the_guest_says() -> None:
    tensor = GuestTensor(shape=[1, 2], dtype="int8", scale=0.5, zero_point=1)
    description = Description(inputs=[tensor], outputs=[tensor])
    values = np.array([[1.0, -2.0]], np.float32)
    [payload] = encode_inputs(description, [values])
    assert np.frombuffer(payload, np.int8).tolist() == [3, -3]
    np.testing.assert_array_equal(decode_outputs(description, [payload])[0], values)


def test_inputs_that_do_not_fit_are_refused() -> None:
    description = Description(inputs=[GuestTensor.model_validate(TENSOR)], outputs=[])
    with pytest.raises(BadInput, match="1 inputs, but 2"):
        encode_inputs(description, [np.zeros((1, 2), np.int8)] * 2)
    with pytest.raises(BadInput, match="same number of samples"):
        encode_inputs(description, [np.zeros((0, 2), np.int8)])


@pytest.mark.parametrize(
    "damage",
    [
        {"shape": [1, -2]},
        {"shape": [1 << 40, 1 << 40]},
        {"dtype": "string"},
        {"dim_order": [0, 0]},
        {"bytes": 3},
        {"scale": float("nan")},
        {"more": 1},
    ],
)
def test_a_description_that_cannot_be_is_refused(damage: dict[str, object]) -> None:
    reply = json.dumps({"inputs": [TENSOR | damage], "outputs": []}).encode()
    with pytest.raises(RunFailed, match="damaged"):
        parse_description(reply)
