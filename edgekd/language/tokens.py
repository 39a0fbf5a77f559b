"""The tokens of a corpus, read through memory maps, and windows over them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from edgekd.errors import BadInput
from edgekd.files import digest, sha256_of
from edgekd.language.array_files import map_array
from edgekd.language.record_file import read_record
from edgekd.records.base import Record

MANIFEST = "tokens.json"

_COUNT_AT_ONCE = 2**22


class Shard(Record):
    """One file of tokens."""

    file: str = Field(pattern=r"^tokens-\d{5,9}\.npy$")
    length: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class TokensManifest(Record):
    """What a folder of tokens holds, and what it was made from.

    Attributes:
        text_sha256: of the text's bytes.
        tokenizer_sha256: of the tokenizer's JSON.
        text_bytes: length of the text.
        vocabulary: number of tokens of the tokenizer.
        end_token: follows each file; null: none.
        dtype: of the files.
        shards: in order.
    """

    text_sha256: str
    tokenizer_sha256: str
    text_bytes: int = Field(ge=0)
    vocabulary: int = Field(ge=1, le=2**22)
    end_token: int | None
    dtype: Literal["uint16", "uint32"]
    shards: list[Shard]


class Tokens:
    """A long row of token numbers.

    Args:
        folder: of :func:`edgekd.language.corpus.tokenize`.

    Attributes:
        manifest: what it holds.
        identity: hex sha256; equal for equal tokens of equal text.

    Raises:
        BadInput: damaged; every file is read once and compared with its hash.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = read_record(folder / MANIFEST, TokensManifest)
        self.identity = digest(self.manifest.model_dump())
        self._parts = []
        for shard in self.manifest.shards:
            path = folder / shard.file
            self._parts.append(map_array(path, self.manifest.dtype, (shard.length,)))
            if sha256_of(path) != shard.sha256:
                raise BadInput("was changed or damaged", where=str(path), mend="tokenize anew")
        lengths = [shard.length for shard in self.manifest.shards]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Tokens ``start`` to ``stop`` as int64.

        Raises:
            IndexError: they are not all there.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"{start}:{stop} of {len(self)} tokens")
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = [np.empty(0, dtype=np.int64)]
        for part, before in zip(self._parts[first:], self._starts[first:], strict=False):
            if before >= stop:
                break
            parts.append(part[max(start - before, 0) : stop - before].astype(np.int64))
        return np.concatenate(parts)

    def counts(self) -> npt.NDArray[np.int64]:
        """How often each token occurs, int64 ``[vocabulary]``; read in parts.

        Raises:
            BadInput: a token is outside of the vocabulary.
        """
        size = self.manifest.vocabulary
        total = np.zeros(size, dtype=np.int64)
        for start in range(0, len(self), _COUNT_AT_ONCE):
            part = self.read(start, min(start + _COUNT_AT_ONCE, len(self)))
            if part.max() >= size:
                raise BadInput(f"token {part.max()} of a vocabulary of {size}", where=MANIFEST)
            total += np.bincount(part, minlength=size)
        return total


class Windows:
    """Windows of equal length, side by side, each with the token that follows it.

    Window ``i`` is the tokens ``i * context`` to ``(i + 1) * context``, both included: inputs are
    all but the last, targets all but the first. So each token but the first is predicted once.

    Args:
        tokens: the corpus.
        context: tokens that a model reads in a window.

    Raises:
        BadInput: there is not even one window.
    """

    def __init__(self, tokens: Tokens, context: int) -> None:
        self.tokens = tokens
        self.context = context
        self.count = (len(tokens) - 1) // context
        if self.count < 1:
            raise BadInput(
                f"{len(tokens)} tokens are too few for a window of {context}",
                where="corpus",
                mend="give more text, or a shorter context",
            )

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 ``[len(numbers), context + 1]``."""
        starts = numbers * self.context
        return np.stack([self.tokens.read(int(s), int(s) + self.context + 1) for s in starts])


def rows_of_step(count: int, batch: int, step: int, seed: int) -> npt.NDArray[np.int64]:
    """Which rows a training step takes: every row once in each pass, each pass in a new order.

    A function of its arguments alone, so that a resumed training needs no state of a sampler.

    Args:
        count: number of rows.
        batch: rows of a step.
        step: from 0.
        seed: of the orders.

    Returns:
        int64 ``[batch]``.
    """
    places = np.arange(step * batch, (step + 1) * batch)
    rows = np.empty(batch, dtype=np.int64)
    for turn in np.unique(places // count):
        order = _order(count, seed, int(turn))
        chosen = places // count == turn
        rows[chosen] = order[places[chosen] % count]
    return rows


@lru_cache(maxsize=2)
def _order(count: int, seed: int, turn: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, turn]).permutation(count)
