"""Small language models in each format, exported by a few lines of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from edgekd.files import sha256_of
from edgekd.language.decoding.bundle_file import write_language_bundle
from edgekd.language.decoding.cached import CachedDecoder, ExplicitCacheDecoder, cache_shapes
from edgekd.language.decoding.contract import LanguageBundle, LanguageFormat
from edgekd.language.decoding.torch_decoder import continue_from, empty_caches
from edgekd.language.network import CausalLanguageModel
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer

VOCABULARY, CACHE_LENGTH, END = 290, 24, 1
CHUNK = 4
FILES = {"onnx": "model.onnx", "executorch": "model.pte", "tflite": "model.tflite"}


def small_model() -> CausalLanguageModel:
    return tiny_model(vocabulary=VOCABULARY)


def small_tokenizer() -> Tokenizer:
    """Byte-level BPE: token 0 is the padding, 1 the end."""
    text = "the cat sat on the mat, the dog ran to the cat\n" * 9
    return byte_level_tokenizer(text, VOCABULARY, ["<pad>", "<end>"])


def write_artifact(folder: Path, format_: LanguageFormat) -> Path:
    """The folder of :func:`small_model` in a format."""
    folder.mkdir(parents=True, exist_ok=True)
    _WRITERS[format_](small_model(), folder / FILES[format_])
    write_bundle(folder, format_)
    return folder


def write_bundle(
    folder: Path, format_: LanguageFormat, *, keep_tokenizer: bool = False, **changes: Any
) -> None:
    """``language.json`` and ``tokenizer.json`` beside a model's file."""
    tokenizer = folder / "tokenizer.json"
    if not keep_tokenizer:
        small_tokenizer().save(str(tokenizer))
    model = folder / changes.get("model", FILES[format_])
    bundle = {
        "schema": 1,
        "name": "small",
        "rung": "student-fp32",
        "format": format_,
        "precision": "fp32",
        "scheme": "float32",
        "model": model.name,
        "sha256": sha256_of(model),
        "bytes": model.stat().st_size,
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": sha256_of(tokenizer),
        "vocabulary": VOCABULARY,
        "cache_length": CACHE_LENGTH,
        "prefill": [CHUNK] if format_ == "tflite" else [],
        "end_tokens": [END],
    }
    write_language_bundle(folder, LanguageBundle.model_validate({**bundle, **changes}))


class _Grown(nn.Module):
    """As optimum-onnx exports it: the past goes in, past and present come out."""

    def __init__(self, model: CausalLanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, position_ids: Any, past: Any) -> Any:
        caches = list(zip(past[::2], past[1::2], strict=True))
        logits, grown = continue_from(self.model, input_ids, caches)
        return logits, [tensor for cache in grown for tensor in cache]


def _write_onnx(model: CausalLanguageModel, path: Path) -> None:
    past = [
        torch.zeros(1, tensor.shape[1], 3, tensor.shape[3])
        for pair in empty_caches(model)
        for tensor in pair
    ]
    names = [f"{at}.{part}" for at in range(len(past) // 2) for part in ("key", "value")]
    tokens = torch.ones(1, 2, dtype=torch.int64)
    new, before, all_ = (
        torch.export.Dim("new"),
        torch.export.Dim("before"),
        torch.export.Dim("all_"),
    )
    torch.onnx.export(
        _Grown(model),
        (tokens, torch.ones(1, 5, dtype=torch.int64), tokens.clone(), past),
        path,
        dynamo=True,
        external_data=False,
        verbose=False,
        input_names=[
            *("input_ids", "attention_mask", "position_ids"),
            *(f"past_key_values.{name}" for name in names),
        ],
        output_names=["logits", *(f"present.{name}" for name in names)],
        dynamic_shapes=({1: new}, {1: all_}, {1: new}, [{2: before} for _ in past]),
    )


def _write_executorch(model: CausalLanguageModel, path: Path) -> None:
    from executorch.exir import to_edge

    example = (torch.ones(1, 3, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    length = torch.export.Dim("length", max=CACHE_LENGTH)
    program = torch.export.export(
        CachedDecoder(model, CACHE_LENGTH).eval(),
        example,
        dynamic_shapes=({1: length}, None),
        strict=True,
    )
    path.write_bytes(to_edge(program).to_executorch().buffer)


def _write_tflite(model: CausalLanguageModel, path: Path) -> None:
    import litert_torch

    explicit = ExplicitCacheDecoder(model, CACHE_LENGTH).eval()
    shapes = cache_shapes(model, CACHE_LENGTH)
    caches = {name: torch.zeros(shape) for name, shape in shapes.items()}
    converter = litert_torch
    for name, size in (("decode", 1), (f"prefill_{CHUNK}", CHUNK)):
        tokens = torch.ones(1, size, dtype=torch.int32)
        inputs = {"tokens": tokens, "position": torch.zeros(1, dtype=torch.int32), **caches}
        converter = converter.signature(name, explicit, sample_kwargs=inputs)
    converter.convert().export(str(path))


_WRITERS = {"onnx": _write_onnx, "executorch": _write_executorch, "tflite": _write_tflite}
