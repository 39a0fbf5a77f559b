"""What a language model costs, in numbers that follow from its sizes: parameters, FLOPs, bytes.

The formulas count our own network (:mod:`edgekd.language.network`); tests compare them with what
torch counts and keeps.
"""

from __future__ import annotations

from typing import Literal

from edgekd.language.network import Architecture

Precision = Literal["no", "bf16"]

WIDE, HALF = 4, 2
# AdamW keeps a first and a second moment of each parameter (Kingma and Ba 2015).
MOMENTS = 2


def layer_parameters(sizes: Architecture) -> int:
    """Of one decoder layer."""
    queries = sizes.heads * sizes.head_width
    shared = sizes.key_value_heads * sizes.head_width
    attention = sizes.width * (2 * queries + 2 * shared)
    return attention + 3 * sizes.width * sizes.feed_forward + 2 * sizes.width


def root_parameters(sizes: Architecture) -> int:
    """Of embedding, last norm and output layer; shared ones count once."""
    tables = 1 if sizes.tied_embeddings else 2
    return tables * sizes.vocabulary * sizes.width + sizes.width


def parameters(sizes: Architecture) -> int:
    """Of the whole model; shared ones count once."""
    return sizes.layers * layer_parameters(sizes) + root_parameters(sizes)


def forward_flops(sizes: Architecture, context: int) -> int:
    """Floating-point operations of the matrix products for each token of a window.

    2 for each weight that is multiplied (Kaplan et al. 2020, "Scaling Laws for Neural Language
    Models", section 2.1), the embedding being looked up and not multiplied, and 4 a layer for each
    pair of positions and each number of the heads: our attention computes the whole square.
    """
    queries = sizes.heads * sizes.head_width
    weights = sizes.layers * (layer_parameters(sizes) - 2 * sizes.width)
    weights += sizes.vocabulary * sizes.width
    return 2 * weights + sizes.layers * 4 * context * queries


def training_flops(sizes: Architecture, context: int) -> int:
    """Likewise of forward and backward: each product has two in the backward pass (6N)."""
    return 3 * forward_flops(sizes, context)


def saved_bytes(sizes: Architecture, context: int, precision: Precision) -> int:
    """Bytes that the decoder layers keep for the backward pass for each token of a window.

    Counted after Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer
    Models", section 4.1, for our layer. At float32: residual stream, its normalized and its scaled
    form for each of two norms; rotated queries, keys and values repeated for each query head, and
    what attention gives; the square of attention weights; four tensors of SwiGLU. At bf16 autocast
    casts what enters a product, once for each product, and keeps norms and (on GPUs) the softmax at
    float32.
    """
    width, hidden = sizes.width, sizes.feed_forward
    queries = sizes.heads * sizes.head_width
    square = sizes.heads * context
    if precision == "no":
        return sizes.layers * WIDE * (6 * width + 4 * queries + square + 4 * hidden)
    norms = 2 * 2 * WIDE * width
    products = HALF * (5 * width + 4 * queries + 4 * hidden)
    return sizes.layers * (norms + products + (WIDE + HALF) * square)


def passing_bytes(sizes: Architecture, context: int) -> int:
    """Bytes of one decoder layer's tensors for each token of a window that is only read.

    Three squares of attention beside what they are made from, or three tensors of SwiGLU.
    """
    queries = sizes.heads * sizes.head_width
    attention = 3 * sizes.heads * context + 4 * queries
    return WIDE * (2 * sizes.width + max(attention, 3 * sizes.feed_forward))


def logits_bytes(sizes: Architecture, rows: int) -> int:
    """Bytes of some float32 rows of logits, for each token."""
    return rows * WIDE * sizes.vocabulary


def gathered_bytes(sizes: Architecture, bytes_each: int) -> int:
    """Bytes of what FSDP holds whole at its peak: two layers, the next one being fetched, and root.

    The root (embedding, last norm, output layer) stays whole from forward to backward.
    """
    return bytes_each * (2 * layer_parameters(sizes) + root_parameters(sizes))


def cache_bytes(sizes: Architecture, length: int, bytes_each: int = WIDE) -> int:
    """Bytes of the keys and values of one conversation of so many tokens."""
    return 2 * sizes.layers * sizes.key_value_heads * sizes.head_width * length * bytes_each
