"""Decoding with a cache against the model itself, which has none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.language.decoding.cached import CachedDecoder, ExplicitCacheDecoder, cache_shapes
from edgekd.language.network import CausalLanguageModel
from tests.language.models import tiny_model

LENGTH = 24
Step = Callable[[torch.Tensor, int], torch.Tensor]


def with_buffers(model: CausalLanguageModel) -> Step:
    decoder = CachedDecoder(model, LENGTH)
    return lambda tokens, start: decoder(tokens, torch.tensor([start]))


def with_explicit_caches(model: CausalLanguageModel) -> Step:
    decoder = ExplicitCacheDecoder(model, LENGTH)
    caches = {name: torch.zeros(shape) for name, shape in cache_shapes(model, LENGTH).items()}

    def step(tokens: torch.Tensor, start: int) -> torch.Tensor:
        out = decoder(tokens.int(), torch.tensor([start], dtype=torch.int32), **caches)
        logits: torch.Tensor = out.pop("logits")
        caches.update(out)
        return logits

    return step


DECODERS = pytest.mark.parametrize("decoder", [with_buffers, with_explicit_caches])


def text(model: CausalLanguageModel, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, model.architecture.vocabulary, (1, LENGTH), generator=generator)


@DECODERS
@given(cuts=st.sets(st.integers(1, LENGTH - 1)))
@settings(deadline=None, max_examples=40)
@torch.no_grad()
def test_chunks_of_any_size_give_the_logits_of_the_whole(
    decoder: Callable[[CausalLanguageModel], Step], cuts: set[int]
) -> None:
    model = tiny_model()
    tokens, step = text(model), decoder(model)
    expected = model(tokens)
    for start, end in pairwise([0, *sorted(cuts), LENGTH]):
        got = step(tokens[:, start:end], start)
        torch.testing.assert_close(got, expected[:, end - 1], atol=1e-4, rtol=1e-4)


@DECODERS
@pytest.mark.parametrize("heads", [(4, 4), (4, 1), (6, 2)])
@torch.no_grad()
def test_greedy_tokens_are_the_same_after_a_prompt(
    decoder: Callable[[CausalLanguageModel], Step], heads: tuple[int, int]
) -> None:
    model = tiny_model(heads=heads[0], key_value_heads=heads[1], tied_embeddings=False)
    step, prompt = decoder(model), text(model)[:, :5]
    tokens, token = prompt, step(prompt, 0).argmax(-1)
    for position in range(5, LENGTH):
        assert token.item() == model(tokens)[0, -1].argmax().item()
        tokens = torch.cat((tokens, token[None]), dim=1)
        token = step(token[None], position).argmax(-1)


@DECODERS
@torch.no_grad()
def test_an_old_conversation_is_not_seen(
    decoder: Callable[[CausalLanguageModel], Step],
) -> None:
    model = tiny_model()
    step = decoder(model)
    step(text(model, seed=2), 0)
    tokens = text(model)
    torch.testing.assert_close(
        step(tokens[:, :7], 0), model(tokens[:, :7])[:, -1], atol=1e-4, rtol=1e-4
    )


@DECODERS
@pytest.mark.parametrize(("count", "start"), [(LENGTH + 1, 0), (1, LENGTH), (5, 20), (1, -1)])
def test_a_chunk_that_does_not_fit_is_refused(
    decoder: Callable[[CausalLanguageModel], Step], count: int, start: int
) -> None:
    tokens = torch.ones(1, count, dtype=torch.int64)
    with pytest.raises(BadInput, match=f"{count} tokens at position {start} do not fit") as caught:
        decoder(tiny_model())(tokens, start)
    assert "\n" not in str(caught.value)


def test_no_token_is_refused() -> None:
    with pytest.raises(BadInput, match="0 tokens"):
        with_buffers(tiny_model())(torch.ones(1, 0, dtype=torch.int64), 0)
