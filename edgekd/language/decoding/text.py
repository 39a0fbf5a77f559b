"""Text to tokens, and tokens to text as they come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekd.data.tokenizer import load_tokenizer
from edgekd.language.decoding.contract import LanguageBundle


class TextCodec:
    """The tokenizer of an artifact.

    Args:
        tokenizer: of Hugging Face ``tokenizers``; gives the model's own numbers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, with the special ones that the tokenizer adds."""
        tokens: list[int] = self.tokenizer.encode(text).ids
        return tokens

    def encode_as_is(self, text: str) -> list[int]:
        """The tokens of a text that names its special tokens itself."""
        tokens: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; special ones are left out."""
        text: str = self.tokenizer.decode(list(tokens))
        return text


class TextStream:
    """The text of tokens that come one by one: only whole characters are given out.

    A byte-level token may end in the middle of a UTF-8 character; its text is kept back until the
    character is whole.
    """

    def __init__(self, codec: TextCodec) -> None:
        from tokenizers.decoders import DecodeStream

        self._codec = codec
        self._stream = DecodeStream(skip_special_tokens=True)
        self._tokens: list[int] = []
        self._given = ""

    def add(self, token: int) -> str:
        """What can be shown now that this token has come; often its text, sometimes nothing."""
        self._tokens.append(token)
        piece = self._stream.step(self._codec.tokenizer, token) or ""
        self._given += piece
        return piece

    def finish(self) -> str:
        """What was kept back: a character that never became whole, as U+FFFD."""
        return self._codec.decode(self._tokens)[len(self._given) :]


def open_text(folder: Path, bundle: LanguageBundle) -> TextCodec:
    """Read the tokenizer of an artifact whose bundle was checked.

    Raises:
        BadInput: it is too large, damaged or none that always cuts a text in the same way.
        MissingPackage: ``tokenizers`` is not installed.
    """
    tokenizer = load_tokenizer(folder / bundle.tokenizer)
    # A model was trained on whole texts: nothing of a prompt may be cut off or added as padding.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TextCodec(tokenizer)
