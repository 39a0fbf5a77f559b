"""Times answers to prompts of one length: the loop itself, and what it says."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edgekd.language.decoding.contract import TokenDecoder
from edgekd.language.decoding.sampling import greedy
from edgekd.measure.validity import (
    ENOUGH_SAMPLES,
    ENOUGH_SECONDS,
    FEWEST_SAMPLES,
    Clocks,
    check_latency,
)
from edgekd.records.language import PromptFigures

# The first answer makes the runtime pack weights and plan memory, the second has warm caches.
WARMUP = 2
# Each time another prompt, so that nothing of it is learned by heart.
_PROMPTS = 8


@dataclass(frozen=True)
class TimedAnswers:
    """The raw samples of one prompt length.

    Attributes:
        prompt_tokens: of each prompt.
        prefill_ms: float64 ``[repetitions]``, until the prompt's logits were there.
        token_ms: float64 ``[repetitions, answer tokens]``: until the first token was chosen, and
            then from each token to the next.
        clocks: of the whole loop.
    """

    prompt_tokens: int
    prefill_ms: npt.NDArray[np.float64]
    token_ms: npt.NDArray[np.float64]
    clocks: Clocks

    def figures(self) -> PromptFigures:
        """The medians."""
        steps = self.token_ms[:, 1:]
        rates = 1000 * steps.shape[1] / steps.sum(axis=1)
        return PromptFigures(
            prompt_tokens=self.prompt_tokens,
            answer_tokens=self.token_ms.shape[1],
            time_to_first_token_ms=float(np.median(self.token_ms[:, 0])),
            prefill_tokens_per_second=1000 * self.prompt_tokens / float(np.median(self.prefill_ms)),
            decode_tokens_per_second=float(np.median(rates)),
            repetitions=len(self.prefill_ms),
            warmup=WARMUP,
        )

    def reasons(self, threads: int) -> list[str]:
        """Why the figures are invalid; empty: they are valid."""
        # The steps of one answer after the other: a trend over answers is a drift.
        found = check_latency(self.token_ms[:, 1:].ravel(), self.clocks, threads)
        if len(self.prefill_ms) < FEWEST_SAMPLES:
            found.append(f"too few prompts: {len(self.prefill_ms)} (needed: {FEWEST_SAMPLES})")
        return [f"prompt of {self.prompt_tokens} tokens: {reason}" for reason in found]


def random_prompts(vocabulary: int, length: int) -> list[list[int]]:
    """Prompts of tokens from a fixed seed; token 0, the padding, is none of them."""
    generator = np.random.default_rng(length)
    prompts: list[list[int]] = generator.integers(1, vocabulary, (_PROMPTS, length)).tolist()
    return prompts


def time_answers(
    decoder: TokenDecoder, length: int, answer_tokens: int, seconds: float = ENOUGH_SECONDS
) -> TimedAnswers:
    """Answer prompts until there are samples and seconds enough.

    Args:
        decoder: its conversation is lost.
        length: tokens of each prompt.
        answer_tokens: at least 2; end tokens do not end an answer here.
        seconds: enough of them, from ``FEWEST_SAMPLES`` answers on.

    Raises:
        BadInput, RunFailed: as for :meth:`TokenDecoder.feed`.
    """
    prompts = random_prompts(decoder.vocabulary, length)
    for at in range(WARMUP):
        _answer(decoder, prompts[at], answer_tokens)
    prefill_ms: list[float] = []
    token_ms: list[list[float]] = []
    gc.collect()
    gc.disable()
    wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
    elapsed = 0.0
    while len(token_ms) < FEWEST_SAMPLES or (
        elapsed < seconds and len(token_ms) * (answer_tokens - 1) < ENOUGH_SAMPLES
    ):
        first, tokens = _answer(decoder, prompts[len(token_ms) % _PROMPTS], answer_tokens)
        prefill_ms.append(first)
        token_ms.append(tokens)
        elapsed = time.perf_counter() - wall
    clocks = Clocks(elapsed, time.process_time() - process, time.thread_time() - thread)
    gc.enable()
    return TimedAnswers(length, np.array(prefill_ms), np.array(token_ms), clocks)


def _answer(
    decoder: TokenDecoder, prompt: Sequence[int], answer_tokens: int
) -> tuple[float, list[float]]:
    """Milliseconds of the prompt, and of each token."""
    clock = time.perf_counter_ns
    decoder.reset()
    marks = [clock()]
    logits = decoder.feed(prompt)
    fed = clock()
    for _ in range(answer_tokens - 1):
        token = greedy(logits)
        marks.append(clock())
        logits = decoder.feed([token])
    greedy(logits)
    marks.append(clock())
    return (fed - marks[0]) / 1e6, [(end - start) / 1e6 for start, end in pairwise(marks)]
