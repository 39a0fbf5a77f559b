"""A small text with its tokenizer, and its tokens on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekd.language.corpus import Excerpt, tokenize
from edgekd.language.tokens import Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WORDS = "the quick brown foxes were jumping over lazy dogs and naïve kittens, singing of 1234 suns"


def sample_text(seed: int, words: int) -> str:
    """Lines of words, some of them empty, some indented."""
    draw = np.random.default_rng(seed)
    parts = []
    for word in draw.choice(_WORDS.split(), words):
        parts.append(str(word))
        parts.append(str(draw.choice([" ", " ", " ", "\n", "\n\n", "\n  "])))
    return "".join(parts)


def byte_level_tokenizer(
    text: str, vocabulary: int = 400, special: Sequence[str] = ("<|end|>", "<|user|>")
) -> Tokenizer:
    """A byte-pair encoder of any text; its special tokens are the first."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def make_tokens(text: str, tokenizer: Tokenizer, folder: Path, **options: int) -> Tokens:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8", newline="")
    whole = Excerpt(path, 0, path.stat().st_size)
    tokenize([whole], tokenizer, folder / "tokens", lambda *_: None, **options)
    return Tokens(folder / "tokens")
