"""Greedy answers of an artifact against those of its reference, and why they first differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import Logits, TokenDecoder
from edgekd.language.decoding.sampling import greedy
from edgekd.records.language import FirstDifference, GreedyComparison

# Two standard deviations of the difference of two logits, each with the usual error.
_TIE = 2 * math.sqrt(2)


def compare_greedy(
    decoder: TokenDecoder,
    reference: TokenDecoder,
    prompts: Sequence[Sequence[int]],
    tokens: int = 200,
) -> list[GreedyComparison]:
    """Compare greedy answers; end tokens do not end one here.

    Both read the tokens that the reference takes. Up to the first difference that is what each
    would read alone, so one pass tells both the first difference and the share of equal tokens.

    Args:
        decoder: of the artifact; its conversation is lost, as is the reference's.
        reference: for example a :class:`edgekd.language.decoding.torch_decoder.TorchDecoder` of
            the model that was exported.
        prompts: tokens of each.
        tokens: of each answer, at least 1.

    Raises:
        BadInput: the vocabularies differ; or as for :meth:`TokenDecoder.feed`.
    """
    if decoder.vocabulary != reference.vocabulary:
        raise BadInput(
            f"{decoder.vocabulary} tokens cannot be compared with the reference's "
            f"{reference.vocabulary}"
        )
    return [_compare(decoder, reference, prompt, tokens) for prompt in prompts]


def _compare(
    decoder: TokenDecoder, reference: TokenDecoder, prompt: Sequence[int], tokens: int
) -> GreedyComparison:
    decoder.reset()
    reference.reset()
    shortest = min(decoder.cache_length, reference.cache_length)
    # The last token need not be fed.
    steps = max(1, min(tokens, shortest - len(prompt) + 1))
    read = list(prompt)
    differences: list[float] = []
    differing: list[tuple[int, Logits, Logits]] = []
    for step in range(steps):
        found, wanted = decoder.feed(read), reference.feed(read)
        differences.append(_difference(found, wanted))
        if greedy(found) != greedy(wanted):
            differing.append((step, found, wanted))
        read = [greedy(wanted)]
    first = None
    if differing:
        step, found, wanted = differing[0]
        others = differences[:step] + differences[step + 1 :]
        first = _first(step, found, wanted, float(np.median(others)) if others else 0.0)
    return GreedyComparison(
        prompt_tokens=len(prompt),
        tokens=steps,
        equal=1 - len(differing) / steps,
        usual_difference=float(np.median(differences)),
        first_difference=first,
    )


def _first(step: int, found: Logits, wanted: Logits, usual: float) -> FirstDifference:
    token, reference_token = greedy(found), greedy(wanted)
    preference = float(wanted[reference_token] - wanted[token])
    return FirstDifference(
        step=step,
        token=token,
        reference_token=reference_token,
        margin=_margin(found),
        reference_margin=_margin(wanted),
        preference=preference,
        usual_difference=usual,
        explanation="tie" if preference <= _TIE * usual else "divergence",
    )


def _difference(found: Logits, wanted: Logits) -> float:
    """Root mean square; a constant added to all logits changes nothing."""
    return float(np.std(found.astype(np.float64) - wanted))


def _margin(logits: Logits) -> float:
    second, best = np.partition(logits, -2)[-2:]
    return float(best - second)
