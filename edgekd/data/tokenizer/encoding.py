"""Texts to token numbers, whatever the tokenizer; it may be a stranger's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILE = "tokenizer.json"
_BATCH = 4096

Result = TypeVar("Result")


def encode_texts(
    tokenizer: Tokenizer, texts: Sequence[str], length: int, padding: int = 0
) -> npt.NDArray[np.int32]:
    """Token numbers ``[N, length]``; a long text is cut so that its closing token stays.

    Args:
        tokenizer: what it has of truncation and padding is not looked at.
        texts: N of them.
        length: tokens of each, special ones included.
        padding: fills what a text leaves at the end.

    Raises:
        BadInput: the length leaves no room beside special tokens, or the tokenizer fails.
    """
    cutter = plain_copy(tokenizer)
    special = cutter.num_special_tokens_to_add(False)
    if length <= special:
        raise BadInput(
            f"{length} tokens leave no room beside {special} special ones",
            where="data.text.length",
            mend="raise it",
        )
    cutter.enable_truncation(length)
    tokens = np.full((len(texts), length), padding, dtype=np.int32)
    for row, ids in enumerate(token_ids(cutter, texts, special=True)):
        tokens[row, : len(ids)] = ids
    return tokens


def from_document(document: dict[str, Any], where: str) -> Tokenizer:
    """A tokenizer from what its JSON file holds.

    Raises:
        BadInput: the library does not take it.
    """
    from tokenizers import Tokenizer

    return _guarded(partial(Tokenizer.from_str, json.dumps(document)), where)


def plain_copy(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer without truncation and padding."""
    copy = from_document(json.loads(tokenizer.to_str()), FILE)
    copy.no_truncation()
    copy.no_padding()
    return copy


def token_ids(
    tokenizer: Tokenizer, texts: Sequence[str], *, special: bool, where: str = FILE
) -> Iterator[list[int]]:
    """Token numbers of each text.

    Args:
        tokenizer: truncates and pads as it says itself.
        texts: to cut.
        special: whether special tokens are put around each.
        where: for errors.

    Raises:
        BadInput: the tokenizer fails.
    """
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        cut = _guarded(
            partial(tokenizer.encode_batch_fast, batch, add_special_tokens=special), where
        )
        yield from (one.ids for one in cut)


def _guarded(action: Callable[[], Result], where: str) -> Result:
    """Do it; whatever the library makes of a strange file becomes one line."""
    try:
        return action()
    except BaseException as error:
        # Its panics are no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BadInput("the tokenizer does not work", where=where, mend=str(error)[:200]) from error
