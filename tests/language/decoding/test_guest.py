"""Language models in an emulated guest: whole conversations, against torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekd.devices.arm64.guest_process import open_guest
from edgekd.devices.arm64.sysroot import build_sysroot
from edgekd.devices.contract import TensorInfo
from edgekd.errors import BadInput
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.decoding.contract import LanguageFormat
from edgekd.language.decoding.guest import Call, GuestDecoder, call_inputs, input_shape
from tests.devices.arm64.conftest import phone
from tests.language.decoding.small_artifacts import CACHE_LENGTH, CHUNK, VOCABULARY, small_model

RUNTIMES = {"onnx": "onnx", "executorch": "executorch", "tflite": "litert"}


@pytest.mark.parametrize("format_", ["onnx", "executorch", "tflite"])
def test_a_conversation_gives_the_models_logits(
    format_: LanguageFormat, artifact: Callable[[LanguageFormat], Path]
) -> None:
    """In calls of many tokens and of one; then from the start again."""
    folder = artifact(format_)
    bundle = read_language_bundle(folder)
    tokens = np.random.default_rng(0).integers(1, VOCABULARY, CHUNK + 6).tolist()
    with torch.inference_mode():
        expected = small_model()(torch.tensor([tokens]))[0].numpy()
    build_sysroot(RUNTIMES[format_], "cortex-a76")
    with open_guest(folder / bundle.model, phone(RUNTIMES[format_]), 300) as guest:
        decoder = GuestDecoder(bundle, guest)
        decoder.feed(tokens[::-1])
        decoder.reset()
        position = 0
        for count in (CHUNK, 1, 1, 4):
            found = decoder.feed(tokens[position : position + count])
            position += count
            assert decoder.position == position
            np.testing.assert_allclose(found, expected[position - 1], atol=2e-5)
        with pytest.raises(BadInput, match="do not fit"):
            decoder.feed([1] * CACHE_LENGTH)


def test_the_inputs_of_a_call_are_those_behind_so_many_tokens(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    bundle = read_language_bundle(artifact("onnx"))
    call = Call(tokens=2, position=5)
    names = ("input_ids", "attention_mask", "position_ids")
    infos = [TensorInfo(name=name, shape=[1, 1], dtype="int64") for name in names]
    infos.append(TensorInfo(name="past_key_values.0.key", shape=[1, 2, 1, 8], dtype="float32"))
    shapes = [input_shape(bundle, index, info, call) for index, info in enumerate(infos)]
    assert shapes == [[1, 2], [1, 7], [1, 2], [1, 2, 5, 8]]
    shaped = [
        info.model_copy(update={"shape": shape}) for info, shape in zip(infos, shapes, strict=True)
    ]
    cache = np.ones((1, 2, 5, 8), np.float32)
    given = call_inputs(bundle, shaped, call, np.array([7, 9]), {infos[-1].name: cache})
    tokens, mask, positions, past = given
    assert tokens.tolist() == [[7, 9]]
    assert mask.tolist() == [[1] * 7]
    assert positions.tolist() == [[5, 6]]
    np.testing.assert_array_equal(past, cache)
    other = TensorInfo(name="pixels", shape=[1, 3], dtype="float32")
    with pytest.raises(BadInput, match="'pixels' is no input of a language model"):
        input_shape(bundle, 0, other, call)
