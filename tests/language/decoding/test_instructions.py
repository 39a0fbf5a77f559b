"""Calls of a language model on an emulated core: of any size, right, and counted the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekd.devices.arm64.guest_process import open_guest
from edgekd.devices.arm64.protocol import Operation, decode_outputs, encode_inputs
from edgekd.devices.arm64.sysroot import build_sysroot
from edgekd.devices.contract import TensorInfo
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.decoding.contract import LanguageFormat
from edgekd.language.decoding.instructions import (
    Call,
    call_inputs,
    chooser,
    count_generation,
    input_shape,
)
from tests.devices.arm64.conftest import phone
from tests.language.decoding.small_artifacts import CACHE_LENGTH, CHUNK, small_model

RUNTIMES = {"onnx": "onnx", "executorch": "executorch", "tflite": "litert"}


@pytest.mark.parametrize("format_", ["onnx", "executorch", "tflite"])
def test_a_chunk_at_the_start_gives_the_models_logits_whatever_the_cache_holds(
    format_: LanguageFormat, artifact: Callable[[LanguageFormat], Path]
) -> None:
    folder = artifact(format_)
    bundle = read_language_bundle(folder)
    build_sysroot(RUNTIMES[format_], "cortex-a76")
    with open_guest(folder / bundle.model, phone(RUNTIMES[format_]), 300) as guest:
        guest.describe()
        description, inputs = chooser(bundle, Call(CHUNK, 0))(guest)
        payload = encode_inputs(description, inputs)[0]
        reply = guest.ask(Operation.RUN, payload, most=description.output_bytes)
    outputs = decode_outputs(description, [reply])
    tokens = next(array for array in inputs if array.shape == (1, CHUNK))
    with torch.inference_mode():
        expected = small_model()(torch.from_numpy(tokens).long())[0, -1].numpy()
    logits = next(array for array in outputs if array.shape[-1] == bundle.vocabulary)
    np.testing.assert_allclose(logits.reshape(-1, bundle.vocabulary)[-1], expected, atol=2e-5)


def test_counts_are_the_same_each_time_and_grow_with_the_tokens(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    build_sysroot("executorch", "cortex-a76")
    first, again = (count_generation(artifact("executorch"), phone("executorch")) for _ in range(2))
    assert (first.position, first.prefill_tokens) == (CACHE_LENGTH - 1, CACHE_LENGTH)
    assert first.step.reasons == first.prefill.reasons == []
    assert first.step.instructions is not None
    assert first.prefill.instructions is not None
    assert 100_000 < first.step.instructions < first.prefill.instructions
    assert first.step.instructions == again.step.instructions
    assert first.prefill.instructions == again.prefill.instructions


def test_the_inputs_of_a_step_are_those_behind_so_many_tokens(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    bundle = read_language_bundle(artifact("onnx"))
    call = Call(tokens=2, position=5)
    names = ("input_ids", "attention_mask", "position_ids")
    infos = [TensorInfo(name=name, shape=[1, 1], dtype="int64") for name in names]
    infos.append(TensorInfo(name="past_key_values.0.key", shape=[1, 2, 1, 8], dtype="float32"))
    shapes = [input_shape(bundle, info, call) for info in infos]
    assert shapes == [[1, 2], [1, 7], [1, 2], [1, 2, 5, 8]]
    shaped = [
        info.model_copy(update={"shape": shape}) for info, shape in zip(infos, shapes, strict=True)
    ]
    tokens, mask, positions, past = call_inputs(bundle, shaped, call)
    assert tokens.shape == (1, 2)
    assert tokens.min() > 0
    assert mask.tolist() == [[1] * 7]
    assert positions.tolist() == [[5, 6]]
    assert past.shape == (1, 2, 5, 8)
