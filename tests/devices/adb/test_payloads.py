"""Samples to a phone and outputs back: exact for every dtype, and nothing else is taken."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.devices.adb.payloads import (
    MAX_BATCH_BYTES,
    batches,
    read_outputs,
    write_golden,
    write_rows,
)
from edgekd.devices.adb.result import AppResult, parse_result
from edgekd.devices.contract import Signature, TensorInfo
from edgekd.devices.tensors import stored_inputs
from edgekd.errors import BadInput, RunFailed
from tests.devices.adb.test_result import BASE, RUN, encoded

INT8 = TensorInfo(name="q", shape=[1, 3], dtype="int8", scale=0.5, zero_point=-1)
FLOAT = TensorInfo(name="f", shape=[1, 2, 2], dtype="float32")
SIGNATURE = Signature(inputs=[FLOAT, INT8], outputs=[INT8, FLOAT])


def result_of(*outputs: dict[str, Any]) -> AppResult:
    value = {**BASE, "pass": "outputs", "latency_ms": None, "outputs": list(outputs)}
    return parse_result(encoded(value), RUN)


def sent(array: np.ndarray[Any, Any], **change: Any) -> dict[str, Any]:
    data = base64.b64encode(array.tobytes()).decode()
    fields = {"name": "o", "dtype": str(array.dtype), "shape": list(array.shape), "data": data}
    return {**fields, **change}


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_outputs_come_back_as_they_were(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    stored = generator.integers(-128, 128, (count, 3), np.int8)
    real = generator.standard_normal((count, 2, 2), np.float32)
    first, second = read_outputs(result_of(sent(stored), sent(real)), SIGNATURE, count)
    assert np.array_equal(first, (stored.astype(np.float32) + 1) * 0.5)
    assert np.array_equal(second, real)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2, 4]},
        {"shape": [3, 3]},
        {"dtype": "uint8"},
        {"data": "AAAA"},
        {"data": "AAAAAAAAA"},
    ],
)
def test_other_outputs_are_refused(change: dict[str, Any]) -> None:
    stored, real = np.zeros((2, 3), np.int8), np.zeros((2, 2, 2), np.float32)
    with pytest.raises(RunFailed):
        read_outputs(result_of(sent(stored, **change), sent(real)), SIGNATURE, 2)
    with pytest.raises(RunFailed, match="1 outputs of 2"):
        read_outputs(result_of(sent(stored)), SIGNATURE, 2)


def test_the_files_that_a_phone_reads(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    real = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    quantized = np.array([[0.5, 1.0, -64], [0, 0, 0]], np.float32)
    stored = stored_inputs(SIGNATURE.inputs, [real, quantized])
    write_golden(tmp_path / "golden", SIGNATURE.inputs, stored)
    found = load_file(tmp_path / "golden")
    with safe_open(tmp_path / "golden", "numpy") as golden:
        # With the batch of one that the samples are without.
        assert golden.metadata() == {"input_0.shape": "1,2,2", "input_1.shape": "1,3"}
    assert np.array_equal(found["input_0"], real)
    assert found["input_1"].tolist() == [[0, 1, -128], [-1, -1, -1]]
    write_rows(tmp_path / "rows", stored)
    assert (tmp_path / "rows").read_bytes() == b"".join(
        real[index].tobytes() + found["input_1"][index].tobytes() for index in range(2)
    )


def test_parts_hold_every_sample_once() -> None:
    stored = np.arange(MAX_BATCH_BYTES // 4, dtype=np.float32).reshape(-1, 4)
    one = Signature(inputs=[FLOAT], outputs=[INT8])
    assert len(batches(one, [stored])) == 1
    larger = [np.concatenate([stored, stored])]
    parts = batches(one, larger)
    assert [len(part[0]) for part in parts] == [MAX_BATCH_BYTES // 16] * 2
    assert np.array_equal(np.concatenate([part[0] for part in parts]), larger[0])


def test_wrong_inputs_are_refused() -> None:
    real, quantized = np.zeros((2, 2, 2), np.float32), np.zeros((2, 3), np.int8)
    with pytest.raises(BadInput, match="2 inputs, but 1"):
        stored_inputs(SIGNATURE.inputs, [real])
    with pytest.raises(BadInput, match="same number of samples"):
        stored_inputs(SIGNATURE.inputs, [real, quantized[:1]])
    with pytest.raises(BadInput):
        stored_inputs(SIGNATURE.inputs, [real[:0], quantized[:0]])
