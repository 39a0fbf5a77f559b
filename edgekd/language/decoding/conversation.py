"""What every decoder does alike: tokens checked, cut into calls, and counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, RunFailed
from edgekd.language.decoding.contract import LanguageBundle, Logits

Tokens = npt.NDArray[np.int64]


class Conversation(ABC):
    """A decoder without its runtime; see :class:`edgekd.language.decoding.contract.TokenDecoder`.

    Args:
        vocabulary: tokens that the model knows.
        cache_length: positions that its cache has.
        prefill: tokens that it takes in one call, besides one; empty: any number.
    """

    def __init__(self, vocabulary: int, cache_length: int, prefill: Sequence[int] = ()) -> None:
        self.vocabulary = vocabulary
        self.cache_length = cache_length
        self.position = 0
        self._sizes = sorted({1, *prefill}, reverse=True) if prefill else []

    def reset(self) -> None:
        """See :meth:`edgekd.language.decoding.contract.TokenDecoder.reset`."""
        self.position = 0

    def feed(self, tokens: Sequence[int]) -> Logits:
        """See :meth:`edgekd.language.decoding.contract.TokenDecoder.feed`."""
        numbers = self._checked(tokens)
        logits = np.empty(0, np.float32)
        for start, end in chunks(len(numbers), self._sizes):
            logits = self._call(numbers[start:end])
            self.position += end - start
        last = logits.reshape(-1, logits.shape[-1])[-1]
        if last.shape != (self.vocabulary,) or not np.isfinite(last).all():
            raise RunFailed(
                f"the model's output of shape {logits.shape} is not a finite logit for each of "
                f"its {self.vocabulary} tokens"
            )
        return np.array(last, np.float32)

    @abstractmethod
    def _call(self, tokens: Tokens) -> npt.NDArray[Any]:
        """Run the model once at the present position.

        Args:
            tokens: ``[n]``, where ``n`` is a size that it takes.

        Returns:
            floats ``[..., vocabulary]``, those after the last token at the end.
        """

    def _checked(self, tokens: Sequence[int]) -> Tokens:
        if len(tokens) == 0:
            raise BadInput("there is no token to continue by", mend="give a prompt that has text")
        numbers = np.asarray(tokens)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise BadInput(f"{str(tokens)[:60]} is not a list of token numbers")
        left = self.cache_length - self.position
        if len(numbers) > left:
            raise BadInput(
                f"{len(numbers)} tokens do not fit: the cache has {self.cache_length} positions, "
                f"of which {self.position} are taken",
                mend="shorten the prompt, start anew, or export with a longer cache",
            )
        wrong = numbers[(numbers < 0) | (numbers >= self.vocabulary)]
        if wrong.size:
            raise BadInput(
                f"the token {wrong[0]} is out of range",
                mend=f"the model knows 0 to {self.vocabulary - 1}",
            )
        return numbers.astype(np.int64)


class ArtifactConversation(Conversation):
    """A conversation with an artifact, whose limits are in its bundle."""

    def __init__(self, bundle: LanguageBundle) -> None:
        super().__init__(bundle.vocabulary, bundle.cache_length, bundle.prefill)
        self.bundle = bundle


def chunks(count: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut ``count`` tokens into calls: the largest first.

    Args:
        count: at least 1.
        sizes: that a call may have, falling, with 1 in it; empty: any.

    Yields:
        Start and end of each.
    """
    start = 0
    while start < count:
        left = count - start
        size = next((size for size in sizes if size <= left), left)
        yield start, start + size
        start += size
