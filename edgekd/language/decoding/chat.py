"""A conversation in text with a language model: prompts in, answers as they come."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import Literal

from edgekd.language.decoding.chat_template import ChatTemplate, Message
from edgekd.language.decoding.contract import TokenDecoder
from edgekd.language.decoding.sampling import Sampling, chooser, generate
from edgekd.language.decoding.text import TextCodec, TextStream


@dataclass(frozen=True)
class Told:
    """What there is to say of an answer.

    Attributes:
        tokens: of it.
        first_token_seconds: from the prompt to its first token; ``None``: it has none.
        tokens_per_second: of those behind the first; ``None`` where there is none.
        ended: by an end token, because it was long enough, because the cache was full, or because
            nobody listened any more.
        anew: the conversation had to start anew for this prompt.
    """

    tokens: int
    first_token_seconds: float | None
    tokens_per_second: float | None
    ended: Literal["end", "length", "full", "stopped"]
    anew: bool


class Chat:
    """One conversation; what was said stays in the model's cache until that is full.

    Args:
        decoder: of the model.
        codec: its tokenizer.
        sampling: how tokens are chosen.
        most: tokens of an answer.
        end_tokens: of the model.
        template: the words in which the model is spoken to; ``None``: it continues a text.
    """

    def __init__(
        self,
        decoder: TokenDecoder,
        codec: TextCodec,
        sampling: Sampling,
        most: int,
        end_tokens: Collection[int] = (),
        template: ChatTemplate | None = None,
    ) -> None:
        self._decoder = decoder
        self._codec = codec
        self._choose = chooser(sampling)
        self._most = most
        self._end_tokens = frozenset(end_tokens)
        self._template = template
        self._said: list[Message] = []
        # Of the whole conversation; the cache holds the first of them.
        self._tokens: list[int] = []
        self.told: Told | None = None

    def answer(self, prompt: str) -> Generator[str, None, None]:
        """The model's continuation of the conversation and this prompt.

        One that no longer fits the cache starts the conversation anew.

        Args:
            prompt: with at least one token.

        Yields:
            For each token the text that became whole, which may be empty. Afterwards ``told``
            describes the answer, also where the iteration was given up.

        Raises:
            BadInput: the prompt is empty, or longer than the whole cache.
        """
        self.told = None
        tokens, anew = self._with(prompt), False
        if self._tokens and len(tokens) > self._decoder.cache_length:
            self._said, self._tokens = [], []
            tokens, anew = self._with(prompt), True
        position = self._decoder.position
        # A template may change what was said before, and a text may be cut otherwise.
        if tokens[:position] != self._tokens[:position]:
            self._decoder.reset()
        yield from self._answer(prompt, tokens, anew)

    def _with(self, prompt: str) -> list[int]:
        """The tokens of the conversation and a prompt."""
        if not prompt:
            return self._tokens[: self._decoder.position]
        if self._template is not None:
            said: list[Message] = [*self._said, {"role": "user", "content": prompt}]
            return self._codec.encode_as_is(self._template.render(said))
        separator = "\n" if self._tokens else ""
        return [*self._tokens, *self._codec.encode(f"{separator}{prompt}")]

    def _answer(self, prompt: str, read: list[int], anew: bool) -> Generator[str, None, None]:
        stream = TextStream(self._codec)
        start = time.perf_counter()
        marks: list[float] = []
        answer: list[int] = []
        tokens = generate(
            self._decoder,
            read[self._decoder.position :],
            self._choose,
            most=self._most,
            end_tokens=self._end_tokens,
        )
        whole = False
        try:
            for token in tokens:
                marks.append(time.perf_counter())
                answer.append(token)
                yield stream.add(token)
            whole = True
            yield stream.finish()
        finally:
            # An answer that failed before its first token leaves the conversation as it was.
            if marks or whole:
                self._tokens = [*read, *answer]
                self._said += [
                    {"role": "user", "content": prompt},
                    {"role": "assistant", "content": self._codec.decode(answer)},
                ]
                self.told = self._tell(start, marks, whole, anew)

    def _tell(self, start: float, marks: list[float], whole: bool, anew: bool) -> Told:
        if not whole:
            ended: Literal["end", "length", "full", "stopped"] = "stopped"
        elif len(marks) == self._most:
            ended = "length"
        elif self._decoder.position == self._decoder.cache_length:
            ended = "full"
        else:
            ended = "end"
        took = marks[-1] - marks[0] if len(marks) > 1 else 0.0
        return Told(
            tokens=len(marks),
            first_token_seconds=marks[0] - start if marks else None,
            tokens_per_second=(len(marks) - 1) / took if took > 0 else None,
            ended=ended,
            anew=anew,
        )
