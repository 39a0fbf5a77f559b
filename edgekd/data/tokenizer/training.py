"""Learns a small tokenizer from the training texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgekd.data.tokenizer.encoding import from_document
from edgekd.errors import BadInput
from edgekd.recipe import Text
from edgekd.third_party import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN, START, END = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")

_PREFIX = "##"
# A word seen once would be learned by heart, and the unknown token never trained.
_LEAST_USES = 2


def train_tokenizer(texts: Sequence[str], spec: Text) -> Tokenizer:
    """Learn a tokenizer from texts; the same texts give the same one.

    Tokens 0 to 3 are padding, unknown, start and end.

    Args:
        texts: of the training part.
        spec: its kind, size and case.

    Raises:
        BadInput: the characters of the texts alone are more than ``spec.vocabulary``.
        MissingPackage: tokenizers is not installed.
    """
    require("text", "tokenizers")
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

    model, make_trainer = _model_and_trainer(spec)
    made = Tokenizer(model)
    made.normalizer = normalizers.BertNormalizer(
        lowercase=spec.lowercase, strip_accents=spec.lowercase
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers pieces from inside words as it meets them in a hash map, and breaks ties
    # by these numbers; given to it as special tokens, they are numbered beforehand
    # (huggingface/tokenizers issue 1794).
    pieces = _inner_pieces(made, texts) if spec.kind == "word-piece" else []
    trainer = make_trainer(
        vocab_size=spec.vocabulary,
        min_frequency=_LEAST_USES,
        special_tokens=[*SPECIAL, *pieces],
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer, length=len(texts))
    if made.get_vocab_size() > spec.vocabulary:
        raise too_small(spec, made.get_vocab_size())
    made.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(token, SPECIAL.index(token)) for token in (START, END)],
    )
    document = json.loads(made.to_str())
    document["added_tokens"] = document["added_tokens"][: len(SPECIAL)]
    return from_document(document, "data.text")


def _model_and_trainer(spec: Text) -> tuple[Any, Callable[..., Any]]:
    from tokenizers import models, trainers

    if spec.kind == "word-piece":
        return models.WordPiece(unk_token=UNKNOWN), trainers.WordPieceTrainer
    if spec.kind == "bpe":
        return models.BPE(unk_token=UNKNOWN), trainers.BpeTrainer
    return models.WordLevel(unk_token=UNKNOWN), trainers.WordLevelTrainer


def _inner_pieces(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """Characters that follow another one in a word, with the prefix of such pieces."""
    chunks = " ".join(sorted({chunk for text in texts for chunk in text.split(" ")}))
    words = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(chunks))
    return sorted({f"{_PREFIX}{character}" for word, _ in words for character in word[1:]})


def too_small(spec: Text, needed: int) -> BadInput:
    """The error for a vocabulary that does not even hold the characters."""
    return BadInput(
        f"{spec.vocabulary} tokens are too few",
        where="data.text.vocabulary",
        mend=f"the characters of the training texts alone need {needed}",
    )
