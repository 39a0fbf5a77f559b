"""What travels with an exported language model, and what an artifact opened by its runtime can do.

The folder of an artifact holds ``language.json`` (a :class:`LanguageBundle`), the model's file,
``tokenizer.json`` and, where the vocabulary was trimmed, a file with the original numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from edgekd.records import Precision, Preflight, Record

LANGUAGE_SCHEMA = 1
LanguageFormat = Literal["executorch", "onnx", "tflite"]
Logits = npt.NDArray[np.float32]

# A name that cannot leave its folder: no separator, and no dot in front.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TokenName = Annotated[str, Field(pattern=r"^[a-z]{1,20}_token$")]
TokenText = Annotated[str, Field(max_length=200)]
# Beyond these no model of this project goes; a damaged file may ask for anything.
MOST_TOKENS = 1 << 20
MOST_POSITIONS = 1 << 17

_OPENERS = {
    "executorch": "edgekd.language.decoding.executorch_decoder",
    "onnx": "edgekd.language.decoding.onnx_decoder",
    "tflite": "edgekd.language.decoding.litert_decoder",
}


class LanguageBundle(Record):
    """``language.json``: all that a decoder needs to know of the files beside it.

    Attributes:
        model: file name of the artifact, with its ``sha256`` (hex) and size in ``bytes``.
        tokenizer: file name of a Hugging Face ``tokenizers`` JSON; it gives the model's numbers.
        vocabulary: the tokens that the model knows; its logits are so many.
        cache_length: positions that one conversation may fill, prompt and answer together.
        prefill: numbers of tokens that the file takes in one call; one token it always takes.
            Empty: any number.
        end_tokens: after any of these an answer is over.
        token_map: file name of what :func:`edgekd.language.vocabulary.write_token_map` wrote:
            the numbers of the tokens in the vocabulary that this one was trimmed from. The
            tokenizer beside it speaks the model's own numbers. ``None``: nothing was trimmed.
        chat_template: file name of the words in which the model is spoken to, a Jinja template.
            ``None``: it continues a text.
        template_tokens: texts of special tokens that the template names, as ``bos_token``.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(min_length=1, max_length=200)
    rung: str = Field(min_length=1, max_length=200)
    format: LanguageFormat
    precision: Precision
    scheme: str = Field(max_length=1000)
    model: FileName
    sha256: Sha256
    bytes: int = Field(ge=1)
    tokenizer: FileName
    tokenizer_sha256: Sha256
    vocabulary: int = Field(ge=2, le=MOST_TOKENS)
    cache_length: int = Field(ge=2, le=MOST_POSITIONS)
    prefill: list[Annotated[int, Field(ge=1, le=MOST_POSITIONS)]] = Field(
        default_factory=list, max_length=64
    )
    end_tokens: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list, max_length=64)
    token_map: FileName | None = None
    token_map_sha256: Sha256 | None = None
    chat_template: FileName | None = None
    chat_template_sha256: Sha256 | None = None
    template_tokens: dict[TokenName, TokenText] = Field(default_factory=dict, max_length=16)
    tools: dict[str, str] = Field(default_factory=dict)
    preflight: Preflight | None = None

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> LanguageBundle:
        if any(token >= self.vocabulary for token in self.end_tokens):
            raise ValueError("an end token lies outside the vocabulary")
        if any(size > self.cache_length for size in self.prefill):
            raise ValueError("a prefill chunk is longer than the cache")
        if (self.token_map is None) != (self.token_map_sha256 is None):
            raise ValueError("token_map and token_map_sha256 belong together")
        if (self.chat_template is None) != (self.chat_template_sha256 is None):
            raise ValueError("chat_template and chat_template_sha256 belong together")
        return self


class TokenDecoder(Protocol):
    """A language model with a cache: one conversation at a time, token by token."""

    @property
    def vocabulary(self) -> int:
        """The tokens that it knows."""
        ...

    @property
    def cache_length(self) -> int:
        """Positions that its cache has."""
        ...

    @property
    def position(self) -> int:
        """Tokens that the cache holds."""
        ...

    def reset(self) -> None:
        """Forget the conversation: the next token is the first."""
        ...

    def feed(self, tokens: Sequence[int]) -> Logits:
        """Continue the conversation by these tokens.

        Args:
            tokens: the model's own numbers, at least one.

        Returns:
            float32 ``[vocabulary]``: the logits after the last of them.

        Raises:
            BadInput: no token, more than the cache still holds, or one out of range; the
                conversation is as before.
            RunFailed: the runtime failed; the conversation has to be reset.
        """
        ...


class Decoder(TokenDecoder, Protocol):
    """An artifact opened by its runtime."""

    @property
    def bundle(self) -> LanguageBundle:
        """What the artifact says of itself."""
        ...


def open_decoder(folder: Path, threads: int = 1) -> Decoder:
    """Open an artifact by the runtime of its format.

    Args:
        folder: with ``language.json``.
        threads: of one inference.

    Raises:
        BadInput: no language model, a damaged one, or one that is not what its bundle says.
        MissingPackage: the runtime is not installed.
    """
    from edgekd.language.decoding.bundle_file import read_language_bundle

    bundle = read_language_bundle(folder)
    opened: Decoder = import_module(_OPENERS[bundle.format]).open_artifact(folder, bundle, threads)
    return opened
