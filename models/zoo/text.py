"""Classifiers of short texts: a small transformer, and a bag of embeddings for microcontrollers.

Both take token numbers ``[N, T]``, int32, 0 where a text has ended, and need no operator that the
formats cannot quantize to eight bits.
"""

from __future__ import annotations

import math

import torch
from torch import nn

# Added to the score of a key that is padding. Minus infinity would be exact, but eight bits must
# cover the range of the scores; next to other scores e^-16 is as good as nothing.
_PADDING_SCORE = -16.0


class _Attention(nn.Module):
    """Self-attention written out, so that every format takes it whole.

    ``query``, ``key`` and ``value`` can be tapped for relations, ``weights`` for attention maps.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.weights = nn.Softmax(dim=-1)
        self.output = nn.Linear(width, width)

    def forward(self, hidden: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """``[N, T, width]`` to the same; ``padding`` is added to the scores ``[N, h, T, T]``."""
        samples, tokens, width = hidden.shape
        query, key, value = (
            layer(hidden).reshape(samples, tokens, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)
        mixed = self.weights(scores + padding) @ value
        return self.output(mixed.transpose(1, 2).reshape(samples, tokens, width))


class _Layer(nn.Module):
    """Attention and feed-forward, each on normalized inputs and added to them."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = _Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """``[N, T, width]`` to the same."""
        attended = self.attention(self.attention_norm(hidden), padding)
        hidden = hidden + self.dropout(attended)
        return hidden + self.dropout(self.feed_forward(self.feed_forward_norm(hidden)))


class _Transformer(nn.Module):
    any_length = True

    def __init__(
        self,
        vocabulary: int,
        length: int,
        classes: int,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.embedding_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pooled = nn.Identity()
        self.classifier = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token numbers ``[N, T]``, T at most the length, to logits ``[N, classes]``."""
        samples, length = tokens.shape
        present = tokens.ne(0).to(self.positions.dtype)
        padding = ((1 - present) * _PADDING_SCORE).reshape(samples, 1, 1, length)
        hidden = self.embedding_norm(self.embedding(tokens) + self.positions[:length])
        hidden = self.dropout(hidden)
        for layer in self.layers:
            hidden = layer(hidden, padding)
        # The first token stands for the text, as in BERT.
        return self.classifier(self.pooled(self.norm(hidden[:, 0])))


class _BagOfEmbeddings(nn.Module):
    any_length = True

    def __init__(
        self, vocabulary: int, length: int, classes: int, width: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self._length = length
        # Padding is a row of zeros, which adds nothing.
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.ReLU())
        self.pooled = nn.Identity()
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token numbers ``[N, T]``, T at most the length, to logits ``[N, classes]``."""
        bag = self.embedding(tokens).mean(dim=1)
        if tokens.shape[1] != self._length:
            bag = bag * (tokens.shape[1] / self._length)
        return self.classifier(self.pooled(self.hidden(self.dropout(bag))))


def transformer(
    vocabulary: int,
    length: int,
    classes: int,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.1,
) -> nn.Module:
    """An encoder in the manner of BERT with the norms first (Xiong et al. 2020).

    Args:
        vocabulary: tokens, padding included.
        length: tokens of the longest text.
        classes: outputs.
        width: of the hidden states; a multiple of ``heads``.
        layers: attention and feed-forward.
        heads: of each attention.
        dropout: while it is trained.
    """
    return _Transformer(vocabulary, length, classes, width, layers, heads, dropout)


def bag_of_embeddings(
    vocabulary: int,
    length: int,
    classes: int,
    width: int = 32,
    hidden: int = 64,
    dropout: float = 0.1,
) -> nn.Module:
    """The mean of the tokens' embeddings, one hidden layer, the classes; order is not seen.

    Args:
        vocabulary: tokens, padding included.
        length: tokens of the longest text.
        classes: outputs.
        width: of an embedding.
        hidden: units of the hidden layer.
        dropout: of the mean, while it is trained.
    """
    return _BagOfEmbeddings(vocabulary, length, classes, width, hidden, dropout)
