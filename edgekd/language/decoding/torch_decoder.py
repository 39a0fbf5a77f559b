"""The reference: a language model in torch, with a cache that grows by what it is fed."""

from __future__ import annotations

import torch

from edgekd.language.decoding.contract import Logits
from edgekd.language.decoding.conversation import Conversation, Tokens
from edgekd.language.network import (
    Attention,
    CausalLanguageModel,
    DecoderLayer,
    attend,
    repeat_heads,
    rotary_angles,
    rotate,
)

# Keys and values of one layer, each float [B, key_value_heads, positions, head_width].
Cache = tuple[torch.Tensor, torch.Tensor]


class TorchDecoder(Conversation):
    """A model without a file; see :class:`edgekd.language.decoding.contract.TokenDecoder`.

    Args:
        model: in eval mode.
        cache_length: positions of a conversation; ``None``: what the model was made for.
    """

    def __init__(self, model: CausalLanguageModel, cache_length: int | None = None) -> None:
        architecture = model.architecture
        super().__init__(architecture.vocabulary, cache_length or architecture.context)
        self._model = model
        self._caches: list[Cache] | None = None

    def reset(self) -> None:
        """Forget the conversation."""
        super().reset()
        self._caches = None

    @torch.inference_mode()
    def _call(self, tokens: Tokens) -> Logits:
        caches = self._caches or empty_caches(self._model)
        logits, self._caches = continue_from(self._model, torch.from_numpy(tokens)[None], caches)
        found: Logits = logits[0, -1].float().numpy()
        return found


def empty_caches(model: CausalLanguageModel) -> list[Cache]:
    """The caches of a conversation of one that has not begun."""
    sizes = model.architecture
    empty = model.embedding.weight.new_empty(1, sizes.key_value_heads, 0, sizes.head_width)
    return [(empty, empty) for _ in model.layers]


def continue_from(
    model: CausalLanguageModel, tokens: torch.Tensor, caches: list[Cache]
) -> tuple[torch.Tensor, list[Cache]]:
    """Logits of tokens behind those whose keys and values are known.

    Args:
        model: the network.
        tokens: int ``[B, S]``.
        caches: of each layer, of the ``P`` positions before them.

    Returns:
        float ``[B, S, vocabulary]``, and the caches of all ``P + S`` positions.
    """
    before = caches[0][0].shape[2]
    positions = torch.arange(before + tokens.shape[1])
    cosine, sine = rotary_angles(model.architecture, positions[before:])
    future = positions[None, :] > positions[before:, None]
    hidden = model.embedding(tokens)
    grown: list[Cache] = []
    for layer, cache in zip(model.layers, caches, strict=True):
        assert isinstance(layer, DecoderLayer)
        normed = layer.attention_norm(hidden)
        mixed, longer = _attention(layer.attention, normed, cache, (cosine, sine), future)
        hidden = hidden + mixed
        hidden = hidden + layer.feed_forward(layer.feed_forward_norm(hidden))
        grown.append(longer)
    return model.output(model.norm(hidden)), grown


def _attention(
    attention: Attention,
    hidden: torch.Tensor,
    cache: Cache,
    angles: tuple[torch.Tensor, torch.Tensor],
    future: torch.Tensor,
) -> tuple[torch.Tensor, Cache]:
    query = rotate(attention.split(attention.query(hidden)), *angles)
    key = torch.cat((cache[0], rotate(attention.split(attention.key(hidden)), *angles)), dim=2)
    value = torch.cat((cache[1], attention.split(attention.value(hidden))), dim=2)
    group = attention.heads // attention.key_value_heads
    mixed = attend(query, repeat_heads(key, group), repeat_heads(value, group), future)
    return attention.output(mixed.transpose(1, 2).flatten(2)), (key, value)
