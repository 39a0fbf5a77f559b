"""First differences of greedy answers, found and explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.decoding.comparison import compare_greedy
from edgekd.language.decoding.contract import Logits
from edgekd.language.decoding.sampling import greedy
from edgekd.language.decoding.torch_decoder import TorchDecoder
from tests.language.decoding.small_artifacts import CACHE_LENGTH, small_model

PROMPTS = [[2, 3, 4], [50], [7, 7, 100, 101, 9]]


def plain(cache_length: int = CACHE_LENGTH) -> TorchDecoder:
    return TorchDecoder(small_model(), cache_length)


class Shifted(TorchDecoder):
    """Its logits are the model's with a change at one position."""

    def __init__(self, position: int, change: float) -> None:
        super().__init__(small_model(), CACHE_LENGTH)
        self._place, self._change = position, change

    def feed(self, tokens: Sequence[int]) -> Logits:
        logits = super().feed(tokens)
        # Noise of one size everywhere, which is what usually differs.
        generator = np.random.default_rng(self.position)
        logits += generator.uniform(-1e-3, 1e-3, self.vocabulary).astype(np.float32)
        if self.position == self._place:
            best, second = np.argsort(-logits)[:2]
            logits[second] = logits[best] + self._change
        return logits


def test_an_equal_decoder_has_no_first_difference() -> None:
    for found in compare_greedy(plain(), plain(), PROMPTS, tokens=8):
        assert (found.tokens, found.equal, found.first_difference) == (8, 1.0, None)
        assert found.usual_difference == 0


def test_a_preference_turned_round_by_far_is_a_divergence() -> None:
    found = compare_greedy(Shifted(position=6, change=0.5), plain(), PROMPTS[:1], tokens=10)[0]
    first = found.first_difference
    assert first is not None
    assert (first.step, first.explanation) == (3, "divergence")
    assert found.equal == 0.9
    assert first.margin == pytest.approx(0.5, rel=1e-3)
    assert first.preference == first.reference_margin > 3 * first.usual_difference
    # The deviation of what is uniform between -0.001 and 0.001.
    assert found.usual_difference == pytest.approx(1e-3 / 3**0.5, rel=0.1)


def test_a_preference_within_what_usually_differs_is_a_tie() -> None:
    """The reference's two best are brought so near that the noise alone decides."""

    class Near(TorchDecoder):
        def feed(self, tokens: Sequence[int]) -> Logits:
            logits = super().feed(tokens)
            if self.position == 6:
                best, second = np.argsort(-logits)[:2]
                logits[second] = logits[best] - np.float32(1e-5)
            return logits

    reference = Near(small_model(), CACHE_LENGTH)
    found = compare_greedy(Shifted(6, 1e-4), reference, PROMPTS[:1], tokens=10)[0]
    first = found.first_difference
    assert first is not None
    assert (first.step, first.explanation) == (3, "tie")
    assert first.preference == pytest.approx(1e-5, rel=0.2)


def answer_alone(decoder: TorchDecoder, prompt: Sequence[int], tokens: int) -> list[int]:
    decoder.reset()
    answer = [greedy(decoder.feed(prompt))]
    while len(answer) < tokens:
        answer.append(greedy(decoder.feed([answer[-1]])))
    return answer


def test_the_first_difference_is_that_of_answers_given_alone() -> None:
    changed = small_model()
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    other = TorchDecoder(changed, CACHE_LENGTH)
    for prompt, found in zip(PROMPTS, compare_greedy(other, plain(), PROMPTS, 15), strict=True):
        pairs = zip(answer_alone(other, prompt, 15), answer_alone(plain(), prompt, 15), strict=True)
        differing = [step for step, (own, wanted) in enumerate(pairs) if own != wanted]
        assert differing
        assert found.first_difference is not None
        assert found.first_difference.step == differing[0]
        assert 0 <= found.equal < 1


def test_no_more_is_compared_than_the_shorter_cache_holds() -> None:
    found = compare_greedy(plain(10), plain(), PROMPTS[:1], tokens=200)[0]
    assert found.tokens == 10 - 3 + 1
    with pytest.raises(BadInput, match="do not fit"):
        compare_greedy(plain(2), plain(), PROMPTS[:1])


def test_another_vocabulary_cannot_be_compared() -> None:
    from tests.language.models import tiny_model

    with pytest.raises(BadInput, match="290 tokens cannot be compared with the reference's 97"):
        compare_greedy(plain(), TorchDecoder(tiny_model()), PROMPTS)
