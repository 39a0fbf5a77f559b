"""A tokenizer cut down to the tokens that a text uses, so that every text stays representable.

What is kept of a byte-pair encoder: the tokens that the text uses, every token on the way of
merging these, every single character or byte, and all special tokens. So

- the text that the tokens were taken from is split just as before: its merges are all there, and
  a merge that is gone was never taken (at each step the first merge in order that applies is
  taken, and taking some away that are not the first changes nothing);
- any other text is still written without loss, in more tokens where a longer one is gone. Teacher
  and student are then scored on this same sequence; figures per byte compare with other
  tokenizers.

Held-out text must not have a say in what is kept.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekd.data.tokenizer.encoding import from_document
from edgekd.data.tokenizer.renumbering import renumbered
from edgekd.errors import BadInput
from edgekd.language.vocabulary import Ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Merge = tuple[str, str]


@dataclass(frozen=True)
class Trimmed:
    """A smaller tokenizer.

    Attributes:
        tokenizer: gives numbers 0 to V - 1.
        token_map: int32 ``[V]``, the number of each in the original tokenizer, ascending.
    """

    tokenizer: Tokenizer
    token_map: Ids


def trim_tokenizer(tokenizer: Tokenizer, used: Iterable[int]) -> Trimmed:
    """Keep the tokens that a text uses; see the module for what else is kept.

    Args:
        tokenizer: a byte-pair encoder.
        used: numbers of the tokens that the training text has.

    Raises:
        BadInput: it is no byte-pair encoder.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    if model["type"] != "BPE":
        raise BadInput(
            f"a tokenizer of the kind {model['type']!r} cannot be trimmed",
            where="vocabulary",
            mend="use a teacher with a byte-pair encoder, or keep its whole vocabulary",
        )
    merges = [_merge(entry) for entry in model["merges"]]
    added = {entry["content"]: entry["id"] for entry in content["added_tokens"]}
    numbers: dict[str, int] = {**model["vocab"], **added}
    names = {number: token for token, number in numbers.items()}
    kept = _closed({names[int(number)] for number in used}, merges, added)
    kept |= {token for token in model["vocab"] if len(token) == 1 or _is_byte(token)} | set(added)
    kept |= {model["unk_token"]} & set(numbers)
    order = sorted(kept, key=numbers.__getitem__)
    new = {token: number for number, token in enumerate(order)}
    model["vocab"] = {token: new[token] for token in order if token in model["vocab"]}
    model["merges"] = [
        list(pair)
        for pair in merges
        if pair[0] in kept and pair[1] in kept and sum_of(pair) in kept
    ]
    for entry in content["added_tokens"]:
        entry["id"] = new[entry["content"]]
    content["post_processor"] = renumbered(content["post_processor"], new)
    trimmed = from_document(content, "vocabulary")
    if trimmed.get_vocab() != new:
        raise BadInput("a tokenizer with gaps in its numbers cannot be trimmed", where="vocabulary")
    return Trimmed(trimmed, np.array([numbers[token] for token in order], dtype=np.int32))


def sum_of(pair: Merge) -> str:
    """The token that a merge makes."""
    return pair[0] + pair[1]


def _closed(used: set[str], merges: list[Merge], added: dict[str, int]) -> set[str]:
    """The used tokens and all that merging each of them from characters goes through."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    kept = set(used)
    for token in used - set(added):
        kept |= _stages(token, ranks)
    return kept


def _stages(token: str, ranks: dict[Merge, int]) -> set[str]:
    """Every symbol that exists while a token is merged from its characters (Sennrich 2016)."""
    symbols = list(token)
    seen = set(symbols)
    while len(symbols) > 1:
        pairs = list(itertools.pairwise(symbols))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged, place = [], 0
        while place < len(symbols):
            if tuple(symbols[place : place + 2]) == best:
                merged.append(sum_of(best))
                place += 2
            else:
                merged.append(symbols[place])
                place += 1
        symbols = merged
        seen |= set(symbols)
    return seen


def _merge(entry: Any) -> Merge:
    # Older files write a merge as one text with a space in between.
    first, second = entry.split(" ") if isinstance(entry, str) else entry
    return first, second


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
