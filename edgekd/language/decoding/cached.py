"""A language model that remembers: keys and values of past tokens in a cache of fixed length.

Both decoders compute what :class:`~edgekd.language.network.CausalLanguageModel` computes, for the
tokens of one conversation a few at a time. They differ in where the cache lives, and in how two
small steps are written so that the runtime's accelerated path takes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.network import (
    Attention,
    CausalLanguageModel,
    DecoderLayer,
    RootMeanSquareNorm,
    rotary_angles,
)

# What a score loses for a position that must not be seen: nothing of it is left after the softmax,
# and float16 holds it.
_FAR = 3e4

# Puts keys and values ``[S, heads, head_width]`` of a layer at positions ``[S]`` into its caches,
# and gives these.
_Store = Callable[
    [int, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]
]


class _CachedModel(nn.Module, ABC):
    """The parts of a model, and its arithmetic over a cache.

    Args:
        model: its modules are shared, not copied.
        cache_length: positions that one conversation may fill.
    """

    cosine: torch.Tensor
    sine: torch.Tensor
    slots: torch.Tensor

    def __init__(self, model: CausalLanguageModel, cache_length: int) -> None:
        super().__init__()
        self.architecture = model.architecture
        self.cache_length = cache_length
        self.embedding, self.layers = model.embedding, model.layers
        self.norm, self.output = model.norm, model.output
        cosine, sine = rotary_angles(model.architecture, torch.arange(cache_length))
        self.register_buffer("cosine", cosine[:, None].contiguous(), persistent=False)
        self.register_buffer("sine", sine[:, None].contiguous(), persistent=False)
        slots = torch.arange(cache_length, dtype=torch.float32)[None]
        self.register_buffer("slots", slots, persistent=False)

    def _last_logits(
        self, tokens: torch.Tensor, position: torch.Tensor, store: _Store
    ) -> torch.Tensor:
        """Logits ``[1, vocabulary]`` after the last of ``tokens`` ``[1, S]``."""
        if not torch.compiler.is_compiling():
            _check_fits(tokens, position, self.cache_length)
        positions = position + torch.arange(tokens.shape[1], dtype=position.dtype)
        angles = self.cosine[positions], self.sine[positions]
        # Zero up to the position of the query, and far below behind it.
        slots = self.slots
        unseen = (positions.to(slots.dtype)[:, None] - slots).clamp(-1, 0) * _FAR
        hidden = self.embedding(tokens.view(-1))
        for index, module in enumerate(self.layers):
            layer = cast(DecoderLayer, module)
            normed = self._normalized(hidden, layer.attention_norm)
            query, key, value = self._projected(layer.attention, normed, *angles)
            keys, values = store(index, key, value, positions)
            mixed = self._attend(query, keys, values, unseen)
            hidden = hidden + layer.attention.output(mixed)
            normed = self._normalized(hidden, layer.feed_forward_norm)
            hidden = hidden + layer.feed_forward(normed)
        logits: torch.Tensor = self.output(self._normalized(hidden[-1:], self.norm))
        return logits

    def _normalized(self, hidden: torch.Tensor, norm: RootMeanSquareNorm) -> torch.Tensor:
        scale = torch.rsqrt(self._mean(hidden * hidden) + norm.epsilon)
        return hidden * scale * norm.weight

    def _projected(
        self, attention: Attention, hidden: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query, key and value, each ``[S, heads, head_width]``; the first two turned."""
        # No size of a view is S: XNNPACK's delegate takes one inferred size and no symbolic one.
        query, key, value = (
            projection(hidden).view(-1, heads, attention.head_width)
            for projection, heads in (
                (attention.query, attention.heads),
                (attention.key, attention.key_value_heads),
                (attention.value, attention.key_value_heads),
            )
        )
        query = query * cosine + self._half_turned(query) * sine
        key = key * cosine + self._half_turned(key) * sine
        return query * attention.head_width**-0.5, key, value

    def _attend(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, unseen: torch.Tensor
    ) -> torch.Tensor:
        """``softmax(QK)V``: the queries of one group meet their key and value head together.

        Args:
            query: ``[S, heads, head_width]``, scaled.
            keys: ``[key_value_heads, head_width, cache]``.
            values: ``[key_value_heads, cache, head_width]``.
            unseen: ``[S, cache]``, added to the scores.

        Returns:
            ``[S, heads * head_width]``.
        """
        shared, width, length = keys.shape
        group = query.shape[1] // shared
        grouped = query.view(-1, shared, group, width).permute(1, 2, 0, 3).contiguous()
        scores = torch.bmm(grouped.view(shared, -1, width), keys)
        weights = (scores.view(shared, group, -1, length) + unseen).softmax(-1)
        mixed = torch.bmm(weights.view(shared, -1, length), values)
        by_position = mixed.view(shared, group, -1, width).permute(2, 0, 1, 3).contiguous()
        return by_position.view(-1, shared * group * width)

    @abstractmethod
    def _mean(self, values: torch.Tensor) -> torch.Tensor:
        """``[S, width]`` to ``[S, 1]``."""

    @abstractmethod
    def _half_turned(self, heads: torch.Tensor) -> torch.Tensor:
        """``[..., head_width]``: the second half negated, before the first."""


class CachedDecoder(_CachedModel):
    """A model with its cache in mutable buffers, for ExecuTorch.

    A mean over one axis and a slice of a tensor of unknown length stay outside XNNPACK's delegate,
    so both are products with constants here.
    """

    average: torch.Tensor
    turn: torch.Tensor

    def __init__(self, model: CausalLanguageModel, cache_length: int) -> None:
        super().__init__(model, cache_length)
        sizes = self.architecture
        average = torch.full((1, sizes.width), 1 / sizes.width)
        self.register_buffer("average", average, persistent=False)
        half = sizes.head_width // 2
        turn = torch.zeros(2 * half, 2 * half)
        turn[:half, half:], turn[half:, :half] = -torch.eye(half), torch.eye(half)
        self.register_buffer("turn", turn, persistent=False)
        for name, shape in cache_shapes(model, cache_length).items():
            self.register_buffer(name, torch.zeros(shape), persistent=False)

    def forward(self, tokens: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Continue the conversation.

        Args:
            tokens: int32 or int64 ``[1, S]``, S at least 1.
            position: the same type, ``[1]``: where the first of them stands. The cache is right
                up to there; what it holds behind is not looked at.

        Returns:
            float ``[1, vocabulary]``: the logits after the last of the tokens.

        Raises:
            BadInput: the tokens do not fit in the cache. An exported program does not check that.
        """
        # The kernels of ExecuTorch that look something up take int64 alone.
        return self._last_logits(tokens.long(), position.long(), self._stored)

    def _stored(
        self, index: int, key: torch.Tensor, value: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self.get_buffer(f"key_{index}"), self.get_buffer(f"value_{index}")
        keys[:, :, positions] = key.permute(1, 2, 0)
        values[:, positions] = value.permute(1, 0, 2)
        return keys, values

    def _mean(self, values: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(values, self.average)

    def _half_turned(self, heads: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(heads, self.turn)


class ExplicitCacheDecoder(_CachedModel):
    """A model whose caches go in and come out, for TFLite; its state is the caller's."""

    def forward(
        self, tokens: torch.Tensor, position: torch.Tensor, **caches: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Continue the conversation; see :meth:`CachedDecoder.forward`.

        Args:
            tokens: int32 ``[1, S]``.
            position: int32 ``[1]``.
            caches: of :func:`cache_shapes`.

        Returns:
            ``logits``, float ``[1, vocabulary]``, and the caches under their names.
        """
        grown: dict[str, torch.Tensor] = {}

        def store(
            index: int, key: torch.Tensor, value: torch.Tensor, positions: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            names = f"key_{index}", f"value_{index}"
            keys = self._updated(caches[names[0]], key.permute(1, 2, 0), positions, 2)
            values = self._updated(caches[names[1]], value.permute(1, 0, 2), positions, 1)
            grown.update(zip(names, (keys, values), strict=True))
            return keys, values

        logits = self._last_logits(tokens, position, store)
        return {"logits": logits, **grown}

    def _updated(
        self, cache: torch.Tensor, new: torch.Tensor, positions: torch.Tensor, axis: int
    ) -> torch.Tensor:
        """A copy of a cache with new entries at positions of an axis."""
        return cache.index_copy(axis, positions.long(), new)

    def _mean(self, values: torch.Tensor) -> torch.Tensor:
        return values.mean(-1, keepdim=True)

    def _half_turned(self, heads: torch.Tensor) -> torch.Tensor:
        first, second = heads.chunk(2, dim=-1)
        return torch.cat((-second, first), dim=-1)


def cache_shapes(model: CausalLanguageModel, cache_length: int) -> dict[str, tuple[int, int, int]]:
    """Name and shape of each cache.

    Keys are ``[key_value_heads, head_width, cache_length]``, so that a product with the queries
    needs no transpose; values are ``[key_value_heads, cache_length, head_width]``.
    """
    sizes = model.architecture
    heads, width = sizes.key_value_heads, sizes.head_width
    shapes: dict[str, tuple[int, int, int]] = {}
    for index in range(sizes.layers):
        shapes[f"key_{index}"] = (heads, width, cache_length)
        shapes[f"value_{index}"] = (heads, cache_length, width)
    return shapes


def _check_fits(tokens: torch.Tensor, position: torch.Tensor, cache_length: int) -> None:
    count, start = tokens.shape[1], int(position)
    if not 0 <= start <= start + count <= cache_length or count == 0:
        raise BadInput(
            f"{count} tokens at position {start} do not fit in a cache of {cache_length}",
            mend="shorten the prompt or make the cache longer",
        )
