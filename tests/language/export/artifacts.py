"""Small language models exported, opened by their runtime, and the model that each must equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgekd.language.decoding.contract import Decoder, LanguageFormat, open_decoder
from edgekd.language.export.bundle import DecoderDescription, write_decoder_bundle
from edgekd.language.export.contract import ExportedDecoder
from edgekd.language.network import CausalLanguageModel
from edgekd.language.quantized import quantized_reference
from edgekd.records import Precision
from tests.language.decoding.small_artifacts import VOCABULARY, small_tokenizer
from tests.language.models import tiny_model

CACHE_LENGTH = 48
PROMPT_SEED = 41
Export = Callable[[CausalLanguageModel, Precision, int, Path], ExportedDecoder]


def small_model() -> CausalLanguageModel:
    """One layer, whose inputs divide into groups of 32."""
    return tiny_model(
        vocabulary=VOCABULARY, layers=1, width=64, heads=4, head_width=16, feed_forward=96
    ).requires_grad_(False)


def reference(precision: Precision) -> nn.Module:
    """What a file of the small model computes."""
    model = small_model()
    if precision in ("int8", "int4"):
        return quantized_reference(model, "int4" if precision == "int4" else "int8")
    return model


def opened(exported: ExportedDecoder, format_: LanguageFormat, precision: Precision) -> Decoder:
    """The decoder of an exported small model, bundle and tokenizer included."""
    tokenizer = exported.path.parent / "its_tokenizer.json"
    small_tokenizer().save(str(tokenizer))
    about = DecoderDescription("small", "student", VOCABULARY, CACHE_LENGTH, [1], tokenizer)
    write_decoder_bundle(exported, format_, precision, about)
    return open_decoder(exported.path.parent)


@torch.no_grad()
def check_greedy(decoder: Decoder, model: nn.Module, *, exact: float, rounded: float) -> None:
    """Fill the cache greedily after a prompt: the tokens are the model's, and the logits close.

    Args:
        decoder: of the file.
        model: what it should compute.
        exact: largest difference of any logit at the best step.
        rounded: likewise at the worst, where an activation was rounded to the other side.
    """
    # A prompt whose answer has no two tokens that are nearly as likely, at any precision.
    generator = torch.Generator().manual_seed(PROMPT_SEED)
    tokens = torch.randint(2, VOCABULARY, (1, 37), generator=generator)
    decoder.reset()
    logits, away = decoder.feed(tokens[0].tolist()), []
    for _ in range(CACHE_LENGTH - tokens.shape[1]):
        expected = model(tokens)[0, -1]
        away.append(np.abs(logits - expected.numpy()).max())
        token = int(expected.argmax())
        assert int(logits.argmax()) == token
        tokens = torch.cat((tokens, torch.tensor([[token]])), dim=1)
        logits = decoder.feed([token])
    assert decoder.position == CACHE_LENGTH
    assert min(away) < exact
    assert max(away) < rounded
