"""A small tokenizer that cuts texts as a large one does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.data.tokenizer.encoding import from_document, plain_copy, token_ids
from edgekd.data.tokenizer.files import USUAL_PADDING
from edgekd.data.tokenizer.renumbering import renumbered
from edgekd.data.tokenizer.training import too_small
from edgekd.errors import BadInput
from edgekd.recipe import Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Numbers = npt.NDArray[np.int64]


def trim_tokenizer(
    tokenizer: Tokenizer, texts: Sequence[str], spec: Text
) -> tuple[Tokenizer, Numbers]:
    """Keep the tokens that texts use, the most frequent first; the padding becomes 0.

    Single characters of used tokens are kept as well, so that other words can be spelled. Where
    all used tokens fit, the texts are cut exactly as before: a WordPiece token is the longest that
    matches, and whatever was the longest is still there.

    Args:
        tokenizer: a WordPiece tokenizer, as BERT and its kin have it.
        texts: of the training part.
        spec: ``vocabulary`` bounds the tokens, special ones included.

    Returns:
        The tokenizer, and the old number of each of its tokens, ``[tokens]``.

    Raises:
        BadInput: it is of another kind, or special tokens and characters are too many.
    """
    document = json.loads(tokenizer.to_str())
    model = document["model"]
    if model["type"] != "WordPiece":
        raise BadInput(
            f"is a {model['type']} tokenizer, and only WordPiece ones can be trimmed",
            where="data.text.of",
            mend="leave it out: the student's tokenizer is then trained",
        )
    old = tokenizer.get_vocab()
    used = _by_use(tokenizer, texts)
    first = _special_tokens(document, old) + _characters(used, model, old)
    kept = list(dict.fromkeys([*first, *used]))[: spec.vocabulary]
    if len(set(first)) > len(kept):
        raise too_small(spec, len(set(first)))
    numbers = {token: number for number, token in enumerate(kept)}
    model["vocab"] = numbers
    document["added_tokens"] = [
        {**added, "id": numbers[added["content"]]}
        for added in document["added_tokens"]
        if added["content"] in numbers
    ]
    document["post_processor"] = renumbered(document["post_processor"], numbers)
    document["padding"] = document["truncation"] = None
    return from_document(document, "data.text.of"), np.asarray([old[token] for token in kept])


def _by_use(tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """Tokens that occur in texts, the most frequent first."""
    cutter = plain_copy(tokenizer)
    uses = np.zeros(max(cutter.get_vocab().values()) + 1, dtype=np.int64)
    for ids in token_ids(cutter, texts, special=False):
        np.add.at(uses, ids, 1)
    order = np.argsort(-uses, kind="stable")
    tokens = [cutter.id_to_token(int(number)) for number in order[: np.count_nonzero(uses)]]
    return [token for token in tokens if token is not None]


def _special_tokens(document: dict[str, Any], vocabulary: dict[str, int]) -> list[str]:
    """Padding, unknown, and what surrounds a text."""
    own = (document["padding"] or {}).get("pad_token")
    padding = next((token for token in (own, *USUAL_PADDING) if token in vocabulary), None)
    if padding is None:
        raise BadInput("no token is for padding", where="data.text.of")
    post = document["post_processor"] or {"type": None}
    if post["type"] == "TemplateProcessing":
        around = [token for one in post["special_tokens"].values() for token in one["tokens"]]
    elif post["type"] == "BertProcessing":
        around = [post["cls"][0], post["sep"][0]]
    elif post["type"] is None:
        around = []
    else:
        raise BadInput(f"{post['type']} is not supported here", where="data.text.of")
    special = [padding, document["model"]["unk_token"], *around]
    missing = [token for token in special if token not in vocabulary]
    if missing:
        raise BadInput(f"{missing[0]} is no token", where="data.text.of")
    return special


def _characters(
    used: Iterable[str], model: dict[str, Any], vocabulary: dict[str, int]
) -> list[str]:
    """The tokens of a single character that used tokens can be spelled with."""
    prefix = model["continuing_subword_prefix"]
    characters = {character for token in used for character in token.removeprefix(prefix)}
    forms = {form for one in characters for form in (one, prefix + one)}
    return sorted(forms & vocabulary.keys())
