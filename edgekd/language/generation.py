"""Text that a model writes: sampling with a key-value cache, and files of written texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.network import (
    CausalLanguageModel,
    DecoderLayer,
    attend,
    repeat_heads,
    rotary_angles,
    rotate,
)
from edgekd.language.sharding import is_sharded

Step = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: the logits are divided by it; 0 takes the most likely token.
        top_p: only the most likely tokens that have this mass together (Holtzman et al. 2020).
    """

    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.temperature < 100 and 0 < self.top_p <= 1):
            raise BadInput(
                f"temperature {self.temperature} and top_p {self.top_p} choose no token",
                where="sampling",
                mend="temperature from 0 on, top_p above 0 and at most 1",
            )


class _Past(NamedTuple):
    keys: torch.Tensor
    values: torch.Tensor


def generate(
    model: nn.Module,
    prompts: torch.Tensor,
    length: int,
    sampling: Sampling,
    generator: torch.Generator,
    end_tokens: Sequence[int] = (),
) -> torch.Tensor:
    """Continue token sequences.

    Args:
        model: int ``[B, T]`` to logits; our own network keeps keys and values, any other one reads
            all again for each token.
        prompts: int64 ``[B, P]``, P at least 1.
        length: how many tokens to add.
        sampling: how to choose them.
        generator: of the model's device.
        end_tokens: after one of these a row only repeats it; it ends where all rows do.

    Returns:
        int64 ``[B, P + added]``.

    Raises:
        BadInput: an empty prompt.
    """
    if prompts.shape[1] == 0:
        raise BadInput("a prompt without tokens cannot be continued", where="prompt")
    was_training = model.training
    model.eval()
    # The cached steps go past the gathering of a model in shards.
    step: Step = _Whole(model)
    if isinstance(model, CausalLanguageModel) and not is_sharded(model):
        step = _CachedSteps(model)
    ends = torch.tensor(list(end_tokens), dtype=torch.long, device=prompts.device)
    tokens = prompts.long()
    ended = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
    try:
        with torch.no_grad():
            new = tokens
            for _ in range(length):
                chosen = choose(step(new), sampling, generator)
                chosen = torch.where(ended, tokens[:, -1], chosen)
                ended |= torch.isin(chosen, ends)
                new = chosen[:, None]
                tokens = torch.cat((tokens, new), dim=1)
                if len(ends) and bool(ended.all()):
                    break
    finally:
        model.train(was_training)
    return tokens


def choose(logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> torch.Tensor:
    """The next token of each row: float ``[B, V]`` to int64 ``[B]``."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    probabilities = (logits.float() / sampling.temperature).softmax(-1)
    if sampling.top_p < 1:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        # A token stays where the ones before it do not have the mass yet; so the first always does.
        ordered = ordered.masked_fill(ordered.cumsum(-1) - ordered >= sampling.top_p, 0)
        probabilities = torch.zeros_like(ordered).scatter(-1, order, ordered)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


class _Whole:
    """The next logits of any model: all tokens are read again."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._tokens: torch.Tensor | None = None

    def __call__(self, new: torch.Tensor) -> torch.Tensor:
        seen = self._tokens
        self._tokens = new if seen is None else torch.cat((seen, new), dim=1)
        last: torch.Tensor = self._model(self._tokens)[:, -1]
        return last


class _CachedSteps:
    """The next logits of our own network: keys and values of the past are kept."""

    def __init__(self, model: CausalLanguageModel) -> None:
        self._model = model
        self._past: list[_Past] = []
        self._length = 0

    def __call__(self, new: torch.Tensor) -> torch.Tensor:
        model, start = self._model, self._length
        self._length += new.shape[1]
        positions = torch.arange(self._length, device=new.device)
        cosine, sine = rotary_angles(model.architecture, positions[start:])
        future = positions[start:, None] < positions[None, :]
        hidden = model.embedding(new)
        present = []
        for number, layer in enumerate(model.decoder_layers):
            past = self._past[number] if self._past else None
            mixed, kept = _attend(layer, hidden, past, (cosine, sine), future)
            present.append(kept)
            hidden = hidden + mixed
            hidden = hidden + layer.feed_forward(layer.feed_forward_norm(hidden))
        self._past = present
        logits: torch.Tensor = model.output(model.norm(hidden[:, -1]))
        return logits


def _attend(
    layer: DecoderLayer,
    hidden: torch.Tensor,
    past: _Past | None,
    angles: tuple[torch.Tensor, torch.Tensor],
    future: torch.Tensor,
) -> tuple[torch.Tensor, _Past]:
    """What attention adds, and keys and values up to now."""
    attention = layer.attention
    normed = layer.attention_norm(hidden)
    query = rotate(attention.split(attention.query(normed)), *angles)
    keys = rotate(attention.split(attention.key(normed)), *angles)
    values = attention.split(attention.value(normed))
    if past is not None:
        keys = torch.cat((past.keys, keys), dim=2)
        values = torch.cat((past.values, values), dim=2)
    group = attention.heads // attention.key_value_heads
    mixed = attend(query, repeat_heads(keys, group), repeat_heads(values, group), future)
    return attention.output(mixed.transpose(1, 2).flatten(2)), _Past(keys, values)
