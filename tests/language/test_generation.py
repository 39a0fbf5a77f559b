from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.generation import Sampling, choose, generate
from tests.language.models import tiny_model

MODEL = tiny_model()
GREEDY = Sampling(temperature=0)


class Plain(nn.Module):
    """The same model, not known as one of ours: every token reads all again."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = MODEL(tokens)
        return logits


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(1.0), Sampling(0.8, 0.7)])
def test_kept_keys_and_values_change_nothing(sampling: Sampling) -> None:
    prompts = torch.randint(97, (3, 6), generator=seeded())
    cached = generate(MODEL, prompts, 20, sampling, seeded())
    assert torch.equal(cached, generate(Plain(), prompts, 20, sampling, seeded()))
    assert torch.equal(cached[:, :6], prompts)
    assert cached.shape == (3, 26)


def test_greedy_is_the_most_likely_token_each_time() -> None:
    tokens = torch.tensor([[5, 6]])
    for _ in range(10):
        tokens = torch.cat((tokens, MODEL(tokens)[:, -1].argmax(-1, keepdim=True)), dim=1)
    assert torch.equal(generate(MODEL, torch.tensor([[5, 6]]), 10, GREEDY, seeded()), tokens)


def test_an_end_token_ends_a_row_and_all_of_them_the_text() -> None:
    prompts = torch.tensor([[5, 6], [7, 8]])
    free = generate(MODEL, prompts, 12, Sampling(2.0), seeded(3))
    end = int(free[0, 4])
    ended = generate(MODEL, prompts, 12, Sampling(2.0), seeded(3), [end])
    first = free[0, 2:].tolist().index(end) + 2
    assert torch.equal(ended[0, : first + 1], free[0, : first + 1])
    assert (ended[0, first:] == end).all()
    assert generate(MODEL, prompts[:1], 12, Sampling(2.0), seeded(3), range(97)).shape == (1, 3)


def test_the_model_is_left_in_its_mode() -> None:
    model = tiny_model().train()
    generate(model, torch.tensor([[1]]), 2, GREEDY, seeded())
    assert model.training


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 999), top_p=st.floats(0.05, 1), temperature=st.floats(0.2, 3))
def test_only_the_most_likely_tokens_are_chosen(
    seed: int, top_p: float, temperature: float
) -> None:
    logits = torch.randn(1, 12, generator=seeded(seed)) * 2
    probabilities = (logits[0] / temperature).softmax(-1)
    allowed, mass = set(), 0.0
    for token in probabilities.argsort(descending=True).tolist():
        allowed.add(token)
        mass += float(probabilities[token])
        if mass >= top_p + 1e-5:
            break
    drawn = choose(logits.expand(300, -1), Sampling(temperature, top_p), seeded(seed))
    assert set(drawn.tolist()) <= allowed


def test_samples_have_the_models_probabilities() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).expand(20_000, -1)
    shares = choose(logits, Sampling(), seeded()).bincount(minlength=3) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.02, rtol=0)
    cut = choose(logits, Sampling(1.0, 0.6), seeded()).bincount(minlength=3) / 20_000
    torch.testing.assert_close(cut, torch.tensor([0.625, 0.375, 0.0]), atol=0.02, rtol=0)


def test_wrong_wishes_are_told() -> None:
    with pytest.raises(BadInput, match="without tokens"):
        generate(MODEL, torch.zeros(1, 0), 3, GREEDY, seeded())
    for wrong in ({"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}):
        with pytest.raises(BadInput, match="choose no token"):
            Sampling(**wrong)
