"""How the next token is chosen, and the loop that feeds it back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import Logits, TokenDecoder

Choose = Callable[[Logits], int]


@dataclass(frozen=True)
class Sampling:
    """How to choose.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: only so many of the likeliest tokens; ``None``: all.
        top_p: only the fewest of the likeliest tokens that together have this probability
            (nucleus sampling, Holtzman et al. 2020); 1: all.
        seed: the same seed makes the same choices from the same logits.

    Raises:
        BadInput: a value is out of its range.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature >= 0):
            raise BadInput(f"the temperature {self.temperature} is not a number from 0 upwards")
        if self.top_k is not None and self.top_k < 1:
            raise BadInput(f"the best {self.top_k} tokens are none", mend="give at least 1")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"the probability {self.top_p} is not above 0 and up to 1")
        if self.seed < 0:
            raise BadInput(f"the seed {self.seed} is negative")


def greedy(logits: Logits) -> int:
    """The likeliest token; of equal ones that with the smallest number."""
    return int(np.argmax(logits))


def chooser(sampling: Sampling) -> Choose:
    """What chooses a token from float32 ``[vocabulary]`` logits; its state is the generator's."""
    if sampling.temperature == 0:
        return greedy
    generator = np.random.default_rng(sampling.seed)

    def choose(logits: Logits) -> int:
        tokens, probabilities = candidates(logits, sampling)
        return int(generator.choice(tokens, p=probabilities))

    return choose


def candidates(
    logits: Logits, sampling: Sampling
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The tokens that may be chosen, likeliest first, and their probabilities.

    Args:
        logits: ``[vocabulary]``.
        sampling: with a temperature above 0.

    Returns:
        int64 ``[n]`` and float64 ``[n]``, which sum to 1.
    """
    # Likeliest first, and by number where equal.
    order = np.argsort(-logits, kind="stable")[: sampling.top_k]
    scaled = (logits[order].astype(np.float64) - logits[order[0]]) / sampling.temperature
    probabilities = np.exp(scaled)
    probabilities /= probabilities.sum()
    # The token that crosses the limit still belongs to them.
    before = np.cumsum(probabilities) - probabilities
    kept = before < sampling.top_p
    return order[kept], probabilities[kept] / probabilities[kept].sum()


def generate(
    decoder: TokenDecoder,
    prompt: Sequence[int],
    choose: Choose,
    *,
    most: int,
    end_tokens: Collection[int] = (),
) -> Iterator[int]:
    """Continue the conversation by a prompt, and give each token of the answer as it is chosen.

    It ends before an end token, after ``most`` tokens, or when the cache is full. Every token
    that was given but the last is in the cache.

    Args:
        decoder: at any position.
        prompt: tokens, at least one.
        choose: as :func:`chooser` gives it.
        most: tokens of the answer.
        end_tokens: of the model.

    Raises:
        BadInput, RunFailed: as for :meth:`TokenDecoder.feed`.
    """
    logits = decoder.feed(prompt)
    for made in range(1, most + 1):
        token = choose(logits)
        if token in end_tokens:
            return
        yield token
        if made == most or decoder.position == decoder.cache_length:
            return
        logits = decoder.feed([token])
