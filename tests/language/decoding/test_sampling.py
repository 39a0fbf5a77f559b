"""Choosing tokens, against slow obvious references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import Logits
from edgekd.language.decoding.sampling import Sampling, candidates, chooser, generate, greedy
from edgekd.language.decoding.torch_decoder import TorchDecoder
from tests.language.decoding.small_artifacts import CACHE_LENGTH, small_model

logits_of = st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=12, unique=True).map(
    lambda values: np.array(values, np.float32)
)


def slow_probabilities(logits: Logits, sampling: Sampling) -> dict[int, float]:
    """Softmax, the best k, then the fewest that reach p; one token after the other."""
    values = [float(value) / sampling.temperature for value in logits]
    ranked = sorted(range(len(values)), key=lambda token: -values[token])[: sampling.top_k]
    total = sum(np.exp(values[token] - max(values)) for token in ranked)
    kept: dict[int, float] = {}
    for token in ranked:
        if sum(kept.values()) >= sampling.top_p:
            break
        kept[token] = float(np.exp(values[token] - max(values)) / total)
    return {token: share / sum(kept.values()) for token, share in kept.items()}


@given(
    logits=logits_of,
    temperature=st.floats(0.1, 5),
    top_k=st.none() | st.integers(1, 15),
    top_p=st.floats(0.05, 1).filter(lambda share: share < 0.99),
)
def test_candidates_are_those_of_the_definition(
    logits: Logits, temperature: float, top_k: int | None, top_p: float
) -> None:
    sampling = Sampling(temperature, top_k, top_p)
    tokens, probabilities = candidates(logits, sampling)
    slow = slow_probabilities(logits, sampling)
    assert tokens.tolist() == list(slow)
    np.testing.assert_allclose(probabilities, list(slow.values()), rtol=1e-6)


def test_frequencies_follow_the_probabilities() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    choose = chooser(Sampling(temperature=1.0, seed=3))
    counts = np.bincount([choose(logits) for _ in range(4000)], minlength=4)
    # Four standard deviations of a binomial count.
    expected = 4000 * np.array([0.5, 0.3, 0.15, 0.05])
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_the_same_seed_chooses_the_same() -> None:
    logits = np.zeros(100, np.float32)
    first, again, other = (chooser(Sampling(1.0, seed=seed)) for seed in (1, 1, 2))
    chosen = [first(logits) for _ in range(20)]
    assert chosen == [again(logits) for _ in range(20)]
    assert chosen != [other(logits) for _ in range(20)]


def test_no_temperature_is_greedy_and_takes_the_first_of_equals() -> None:
    logits = np.array([1, 3, 3, 2], np.float32)
    assert chooser(Sampling())(logits) == greedy(logits) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"seed": -1},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Sampling(**wrong)  # type: ignore[arg-type]


def greedy_without_a_cache(prompt: list[int], most: int) -> list[int]:
    decoder = TorchDecoder(small_model(), 2 * CACHE_LENGTH)
    answer: list[int] = []
    for _ in range(most):
        decoder.reset()
        answer.append(greedy(decoder.feed(prompt + answer)))
    return answer


def test_an_answer_is_what_feeding_back_gives_and_ends_at_an_end_token() -> None:
    decoder = TorchDecoder(small_model(), CACHE_LENGTH)
    expected = greedy_without_a_cache([5, 9], 8)
    assert list(generate(decoder, [5, 9], greedy, most=8)) == expected
    assert decoder.position == 2 + 7
    decoder.reset()
    end = expected[4]
    shorter = list(generate(decoder, [5, 9], greedy, most=8, end_tokens={end}))
    assert shorter == expected[: expected.index(end)]


def test_an_answer_ends_where_the_cache_does() -> None:
    decoder = TorchDecoder(small_model(), CACHE_LENGTH)
    answer = list(generate(decoder, [5, 9], greedy, most=1000))
    assert answer == greedy_without_a_cache([5, 9], CACHE_LENGTH - 1)
    assert decoder.position == CACHE_LENGTH


def test_tokens_come_one_by_one_and_no_more_are_made_than_asked_for() -> None:
    decoder = TorchDecoder(small_model(), CACHE_LENGTH)
    tokens = generate(decoder, [5], greedy, most=20)
    assert len(list(itertools.islice(tokens, 3))) == 3
    assert decoder.position == 1 + 2
