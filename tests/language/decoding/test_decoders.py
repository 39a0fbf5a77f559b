"""Every decoder: what the cache gives equals what no cache gives, and misuse is one clear line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import (
    LanguageFormat,
    Logits,
    TokenDecoder,
    open_decoder,
)
from edgekd.language.decoding.conversation import chunks
from edgekd.language.decoding.torch_decoder import TorchDecoder
from tests.language.decoding.small_artifacts import (
    CACHE_LENGTH,
    CHUNK,
    VOCABULARY,
    small_model,
    write_bundle,
)

KINDS = ("torch", "onnx", "executorch", "tflite")
MODEL = small_model()


@pytest.fixture(scope="module", params=KINDS)
def decoder(
    request: pytest.FixtureRequest, artifact: Callable[[LanguageFormat], Path]
) -> TokenDecoder:
    if request.param == "torch":
        return TorchDecoder(MODEL, CACHE_LENGTH)
    return open_decoder(artifact(request.param))


def without_cache(tokens: Sequence[int]) -> Logits:
    """The slow obvious reference: the whole text through the network."""
    with torch.inference_mode():
        logits: Logits = MODEL(torch.tensor([list(tokens)]))[0, -1].numpy()
    return logits


token = st.integers(0, VOCABULARY - 1)
texts = st.lists(st.lists(token, min_size=1, max_size=7), min_size=1, max_size=5).filter(
    lambda parts: sum(map(len, parts)) <= CACHE_LENGTH
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=texts)
def test_logits_with_the_cache_are_those_without(
    decoder: TokenDecoder, parts: list[list[int]]
) -> None:
    decoder.reset()
    read: list[int] = []
    for part in parts:
        read += part
        logits = decoder.feed(part)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, without_cache(read), atol=2e-5)
    assert decoder.position == len(read)


def test_the_cache_can_be_filled_to_its_last_position(decoder: TokenDecoder) -> None:
    tokens = list(range(2, 2 + CACHE_LENGTH))
    decoder.reset()
    decoder.feed(tokens[:-1])
    np.testing.assert_allclose(decoder.feed(tokens[-1:]), without_cache(tokens), atol=2e-5)
    with pytest.raises(BadInput, match=f"1 tokens do not fit: .* {CACHE_LENGTH} are taken"):
        decoder.feed([2])


def test_a_conversation_that_starts_anew_remembers_nothing(decoder: TokenDecoder) -> None:
    decoder.reset()
    decoder.feed(list(range(20)))
    decoder.reset()
    assert decoder.position == 0
    np.testing.assert_allclose(decoder.feed([5, 7]), without_cache([5, 7]), atol=2e-5)


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ([], "there is no token to continue by (give a prompt that has text)"),
        (
            [3] * (CACHE_LENGTH - 1),
            f"{CACHE_LENGTH - 1} tokens do not fit: the cache has {CACHE_LENGTH} positions, of "
            "which 2 are taken (shorten the prompt, start anew, or export with a longer cache)",
        ),
        ([3, VOCABULARY], f"the token {VOCABULARY} is out of range (the model knows 0 to 289)"),
        ([-1], "the token -1 is out of range (the model knows 0 to 289)"),
        ([2**70], "[1180591620717411303424] is not a list of token numbers"),
        ([1.5], "[1.5] is not a list of token numbers"),
    ],
)
def test_misuse_is_one_line_and_leaves_the_conversation_as_it_was(
    decoder: TokenDecoder, tokens: list[int], line: str
) -> None:
    decoder.reset()
    decoder.feed([4, 5])
    with pytest.raises(BadInput) as caught:
        decoder.feed(tokens)
    assert str(caught.value) == line
    assert decoder.position == 2
    np.testing.assert_allclose(decoder.feed([6]), without_cache([4, 5, 6]), atol=2e-5)


@pytest.mark.parametrize("format_", ["onnx", "executorch", "tflite"])
def test_a_file_that_no_runtime_can_load_is_bad_input(
    tmp_path: Path, format_: LanguageFormat
) -> None:
    (tmp_path / "model").write_bytes(b"\0not a model" * 50)
    write_bundle(tmp_path, format_, model="model")
    with pytest.raises(BadInput, match=r"model: .* cannot load it"):
        open_decoder(tmp_path)


def test_a_graph_without_past_key_values_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    tensors = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "n"])
        for name in ("input_ids", "logits")
    ]
    node = helper.make_node("Identity", ["input_ids"], ["logits"])
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    save(model, tmp_path / "model.onnx")
    write_bundle(tmp_path, "onnx")
    with pytest.raises(BadInput, match="no decoder with past key values"):
        open_decoder(tmp_path)


def test_a_file_without_the_chunk_that_its_bundle_names_is_refused(
    tmp_path: Path, artifact: Callable[[LanguageFormat], Path]
) -> None:
    (tmp_path / "model.tflite").write_bytes((artifact("tflite") / "model.tflite").read_bytes())
    write_bundle(tmp_path, "tflite", prefill=[CHUNK, 5])
    with pytest.raises(BadInput, match="has no signature 'prefill_5'"):
        open_decoder(tmp_path)


@given(count=st.integers(1, 300), sizes=st.sets(st.integers(2, 64), max_size=4))
def test_chunks_cover_each_token_once_with_sizes_that_the_file_takes(
    count: int, sizes: set[int]
) -> None:
    cut = list(chunks(count, sorted({1, *sizes}, reverse=True)))
    assert [at for start, end in cut for at in range(start, end)] == list(range(count))
    assert {end - start for start, end in cut} <= {1, *sizes}
    assert list(chunks(count, [])) == [(0, count)]
