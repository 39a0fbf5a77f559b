from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.generation import Sampling, generate
from edgekd.language.llama import to_transformers
from edgekd.language.network import CausalLanguageModel
from edgekd.language.teacher import ForeignModel, open_teacher
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, sample_text

TOKENIZER = byte_level_tokenizer(sample_text(0, 500), 300)
VOCABULARY = TOKENIZER.get_vocab_size()
MODEL = tiny_model(vocabulary=VOCABULARY, width=32)
INPUTS = torch.randint(VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(0))


def save_tokenizer(folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=TOKENIZER, eos_token="<|end|>").save_pretrained(folder)


def write_gguf(path: Path) -> None:
    """A model as llama.cpp keeps it: unquantized, rows of queries and keys in its own order."""
    from gguf import GGUFWriter

    sizes = MODEL.architecture
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.feed_forward)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.key_value_heads)
    writer.add_key_length(sizes.head_width)
    writer.add_value_length(sizes.head_width)
    writer.add_rope_freq_base(sizes.rope_base)
    writer.add_layer_norm_rms_eps(sizes.norm_epsilon)
    writer.add_vocab_size(sizes.vocabulary)
    names = TOKENIZER.get_vocab()
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(names, key=names.__getitem__))
    writer.add_token_types([3, 3] + [1] * (len(names) - 2))
    merges = json.loads(TOKENIZER.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    for name, value in gguf_tensors().items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_tensors() -> dict[str, npt.NDArray[np.float32]]:
    parts = {
        "attention_norm": "attn_norm",
        "attention.query": "attn_q",
        "attention.key": "attn_k",
        "attention.value": "attn_v",
        "attention.output": "attn_output",
        "feed_forward_norm": "ffn_norm",
        "feed_forward.gate": "ffn_gate",
        "feed_forward.up": "ffn_up",
        "feed_forward.down": "ffn_down",
    }
    state = {name: value.numpy() for name, value in MODEL.state_dict().items()}
    tensors = {
        "token_embd.weight": state["embedding.weight"],
        "output_norm.weight": state["norm.weight"],
    }
    sizes = MODEL.architecture
    for layer in range(sizes.layers):
        for own, theirs in parts.items():
            value = state[f"layers.{layer}.{own}.weight"]
            if own in ("attention.query", "attention.key"):
                heads = sizes.heads if own == "attention.query" else sizes.key_value_heads
                halves = value.reshape(heads, 2, -1, value.shape[1])
                value = halves.swapaxes(1, 2).reshape(value.shape)
            tensors[f"blk.{layer}.{theirs}.weight"] = np.ascontiguousarray(value)
    return tensors


def test_a_llama_becomes_our_own_network(tmp_path: Path) -> None:
    to_transformers(MODEL).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    teacher = open_teacher(str(tmp_path))
    assert isinstance(teacher.model, CausalLanguageModel)
    assert teacher.model.architecture == MODEL.architecture
    assert torch.equal(teacher.model(INPUTS), MODEL(INPUTS))
    assert teacher.tokenizer.get_vocab() == TOKENIZER.get_vocab()


def test_another_causal_model_can_be_asked_and_writes(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(VOCABULARY, 64, 16, 1, 2, bos_token_id=0, eos_token_id=[0, 1])
    gpt = GPT2LMHeadModel(config).eval()
    gpt.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    teacher = open_teacher(str(tmp_path))
    assert isinstance(teacher.model, ForeignModel)
    torch.testing.assert_close(teacher.model(INPUTS.int()), gpt(INPUTS).logits)
    assert teacher.end_tokens == (0, 1)
    greedy = Sampling(temperature=0)
    written = generate(teacher.model, INPUTS[:, :3], 4, greedy, torch.Generator())
    expected = gpt.generate(
        INPUTS[:, :3], max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert torch.equal(written, expected)


def test_a_gguf_file_is_read(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf")
    teacher = open_teacher(str(tmp_path))
    torch.testing.assert_close(teacher.model(INPUTS), MODEL(INPUTS), atol=1e-4, rtol=1e-4)
    text = "the lazy naïve kittens"
    assert (
        teacher.tokenizer.encode(text, add_special_tokens=False).ids == TOKENIZER.encode(text).ids
    )
    assert teacher.end_tokens == (0,)
    (tmp_path / "other.gguf").write_bytes(b"")
    with pytest.raises(BadInput, match="holds 2 GGUF files"):
        open_teacher(str(tmp_path))


def test_what_is_no_teacher_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="config"):
        open_teacher(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(BadInput, match="pickled weights are not loaded"):
        open_teacher(str(tmp_path))
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + b"\xff" * 40)
    with pytest.raises(BadInput, match=r"model\.gguf: transformers cannot load it"):
        open_teacher(str(tmp_path))
