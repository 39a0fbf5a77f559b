from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, processors

from edgekd.errors import BadInput
from edgekd.language.trimming import trim_tokenizer
from edgekd.language.vocabulary import (
    UNMAPPED,
    map_by_text,
    read_token_map,
    require_mapped,
    require_same,
    slice_vocabulary,
    token_bytes,
    write_token_map,
)
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, sample_text

TEXT = sample_text(0, 3000) + " Unusual words: zebra xylophone, quixotic jazz!" * 5
TOKENIZER = byte_level_tokenizer(TEXT, 600)
SIZE = TOKENIZER.get_vocab_size()


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_equal_tokenizers_pass_and_others_are_told_apart() -> None:
    require_same(TOKENIZER, Tokenizer.from_str(TOKENIZER.to_str()))
    said = rf"teacher \({SIZE} tokens\) and student \(280\) differ in \d+ tokens: 280: "
    with pytest.raises(BadInput, match=said):
        require_same(TOKENIZER, byte_level_tokenizer(TEXT, 280))
    content = json.loads(TOKENIZER.to_str())
    content["model"]["merges"].reverse()
    with pytest.raises(BadInput, match="split text differently"):
        require_same(TOKENIZER, Tokenizer.from_str(json.dumps(content)))


def test_the_first_differing_tokens_are_named() -> None:
    content = json.loads(TOKENIZER.to_str())
    vocabulary = content["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    with pytest.raises(BadInput, match=r"differ in 2 tokens: .* 'a' and 'b'"):
        require_same(TOKENIZER, Tokenizer.from_str(json.dumps(content)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), words=st.integers(1, 60))
def test_the_text_that_a_vocabulary_was_trimmed_to_is_split_as_before(
    seed: int, words: int
) -> None:
    text = sample_text(seed, words)
    before = ids(TOKENIZER, text)
    trimmed = trim_tokenizer(TOKENIZER, before)
    after = ids(trimmed.tokenizer, text)
    assert trimmed.token_map[after].tolist() == before
    assert len(trimmed.token_map) < SIZE


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=60))
def test_any_other_text_comes_back_from_a_trimmed_vocabulary(text: str) -> None:
    trimmed = trim_tokenizer(TOKENIZER, ids(TOKENIZER, "the lazy dogs"))
    numbers = ids(trimmed.tokenizer, text)
    assert trimmed.tokenizer.decode(numbers, skip_special_tokens=False) == text
    # Each token stands for the bytes that the teacher's token stands for.
    own, theirs = token_bytes(trimmed.tokenizer), token_bytes(TOKENIZER)
    assert [own[n] for n in numbers] == [theirs[trimmed.token_map[n]] for n in numbers]
    if not any(own[n] is None for n in numbers):
        assert b"".join(own[n] or b"" for n in numbers) == text.encode()


def test_special_tokens_and_their_template_go_along() -> None:
    tokenizer = Tokenizer.from_str(TOKENIZER.to_str())
    tokenizer.add_special_tokens(["<|late|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|late|> $A <|end|>",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<|late|>", "<|end|>")],
    )
    trimmed = trim_tokenizer(tokenizer, ids(tokenizer, "the fox"))
    numbers = trimmed.tokenizer.encode("the fox").ids
    assert trimmed.token_map[numbers].tolist() == tokenizer.encode("the fox").ids
    assert trimmed.tokenizer.token_to_id("<|user|>") is not None


@pytest.mark.parametrize("kind", [processors.BertProcessing, processors.RobertaProcessing])
def test_what_surrounds_a_text_goes_along_in_a_chain(kind: type[processors.PostProcessor]) -> None:
    tokenizer = Tokenizer.from_str(TOKENIZER.to_str())
    tokenizer.add_special_tokens(["<|late|>"])
    first, last = ((name, tokenizer.token_to_id(name)) for name in ("<|late|>", "<|end|>"))
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), kind(last, first)])
    trimmed = trim_tokenizer(tokenizer, ids(tokenizer, "the fox"))
    numbers = trimmed.tokenizer.encode("the fox").ids
    assert trimmed.token_map[numbers].tolist() == tokenizer.encode("the fox").ids
    assert numbers[0] == trimmed.tokenizer.token_to_id("<|late|>")


def test_another_kind_of_tokenizer_is_not_trimmed() -> None:
    with pytest.raises(BadInput, match="'WordLevel' cannot be trimmed"):
        trim_tokenizer(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")), [0])


def test_a_sliced_model_gives_the_logits_of_the_kept_tokens() -> None:
    for tied in (True, False):
        model = tiny_model(tied_embeddings=tied)
        kept = np.array([3, 5, 8, 50, 96], dtype=np.int32)
        sliced = slice_vocabulary(model, kept)
        inputs = torch.tensor([[0, 4, 2, 2, 1]])
        old = torch.from_numpy(kept)[inputs].long()
        torch.testing.assert_close(sliced(inputs), model(old)[..., kept], atol=1e-5, rtol=1e-5)
        assert sliced.architecture.vocabulary == 5
        assert sliced.architecture.tied_embeddings == tied
    with pytest.raises(BadInput, match="97"):
        slice_vocabulary(model, np.array([97], dtype=np.int32))


def test_tokens_are_mapped_by_the_bytes_that_they_stand_for() -> None:
    student = byte_level_tokenizer(sample_text(5, 500), 330)
    mapping = map_by_text(student, TOKENIZER)
    text = "the lazy naïve kittens"
    numbers = ids(student, text)
    assert TOKENIZER.decode(mapping[numbers].tolist()) == text
    assert mapping[student.token_to_id("<|end|>")] == TOKENIZER.token_to_id("<|end|>")
    counts = np.bincount(numbers, minlength=len(mapping))
    assert 0.5 < require_mapped(mapping, counts, student) <= 1
    mapping[numbers[0]] = UNMAPPED
    with pytest.raises(BadInput, match=r"lacks 1 tokens .* 'the'; \d+\.\d+% of the text"):
        require_mapped(mapping, counts, student)


def test_sentencepiece_tokens_are_understood() -> None:
    content = {"<unk>": 0, "<0xC3>": 1, "\u2581the": 2, "e": 3}
    tokenizer = Tokenizer(models.BPE(content, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.add_special_tokens(["<unk>"])
    assert token_bytes(tokenizer) == [None, b"\xc3", b" the", b"e"]


def test_token_maps_are_read_with_suspicion(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "token_map.safetensors"
    write_token_map(np.array([4, UNMAPPED, 2], dtype=np.int32), path)
    assert read_token_map(path).tolist() == [4, UNMAPPED, 2]
    for wrong in (
        {"token_map": np.array([-2], dtype=np.int32)},
        {"token_map": np.array([1], dtype=np.int64)},
        {"token_map": np.array([[1]], dtype=np.int32)},
        {"other": np.array([1], dtype=np.int32)},
    ):
        save_file(wrong, path)
        with pytest.raises(BadInput, match="token_map"):
            read_token_map(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(BadInput, match="safetensors"):
        read_token_map(path)
