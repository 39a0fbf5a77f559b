"""The network of the language models: the Llama family, written so that every exporter takes it.

Pre-norm decoder layers with RMSNorm, rotary embeddings (Su et al. 2021, in the half-split layout
of Hugging Face's Llama), grouped-query attention (Ainslie et al. 2023) and SwiGLU (Shazeer 2020).
Attention is a plain ``softmax(QK/sqrt(d))V``: the fused operator of torch is taken apart by
exporters into pieces that no backend accepts.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import nn

from edgekd.files import write_json
from edgekd.language.record_file import read_record
from edgekd.language.tensor_files import read_shaped, write_tensors
from edgekd.records.base import Record

_ARCHITECTURE = "architecture.json"
_WEIGHTS = "model.safetensors"
_TIED = "output.weight"


class Architecture(Record):
    """Sizes of a language model. The bounds keep a damaged file from asking for all memory.

    Attributes:
        vocabulary: number of tokens.
        width: of the residual stream.
        layers: number of decoder layers.
        heads: number of query heads.
        key_value_heads: number of key and value heads; it divides ``heads``.
        head_width: of one head, even.
        feed_forward: hidden width of the SwiGLU block.
        rope_base: base of the rotary frequencies.
        norm_epsilon: what RMSNorm adds to the mean square.
        tied_embeddings: the output layer is the embedding.
        context: longest sequence that the model was made for, in tokens.
    """

    vocabulary: int = Field(ge=1, le=2**22)
    width: int = Field(ge=1, le=2**16)
    layers: int = Field(ge=1, le=1024)
    heads: int = Field(ge=1, le=1024)
    key_value_heads: int = Field(ge=1, le=1024)
    head_width: int = Field(ge=2, le=4096, multiple_of=2)
    feed_forward: int = Field(ge=1, le=2**19)
    rope_base: float = Field(gt=0)
    norm_epsilon: float = Field(gt=0)
    tied_embeddings: bool
    context: int = Field(ge=1, le=2**24)

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.heads % self.key_value_heads:
            raise ValueError(
                f"{self.heads} heads cannot share {self.key_value_heads} key and value heads"
            )
        return self


class CausalLanguageModel(nn.Module):
    """A decoder that predicts the next token at every position."""

    # Read by accelerate: a decoder layer stays whole where a model is sharded.
    _no_split_modules: ClassVar[list[str]] = ["DecoderLayer"]

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        width, vocabulary = architecture.width, architecture.vocabulary
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(DecoderLayer(architecture) for _ in range(architecture.layers))
        self.norm = RootMeanSquareNorm(width, architecture.norm_epsilon)
        self.output = nn.Linear(width, vocabulary, bias=False)
        self._initialize()
        self.tie()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the next token.

        Args:
            tokens: int32 or int64 ``[B, T]``.

        Returns:
            float ``[B, T, vocabulary]``.
        """
        hidden = self.embedding(tokens)
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        cosine, sine = rotary_angles(self.architecture, positions)
        future = positions[:, None] < positions[None, :]
        for layer in self.layers:
            hidden = layer(hidden, cosine, sine, future)
        logits: torch.Tensor = self.output(self.norm(hidden))
        return logits

    @property
    def decoder_layers(self) -> list[DecoderLayer]:
        """``layers`` with their type."""
        return [layer for layer in self.layers if isinstance(layer, DecoderLayer)]

    def tie(self) -> None:
        """Let the output layer be the embedding, where the architecture says so."""
        if self.architecture.tied_embeddings:
            self.output.weight = self.embedding.weight

    def _initialize(self) -> None:
        """Normal weights of deviation 0.02, as the Llama family starts from."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)


class DecoderLayer(nn.Module):
    """Attention and feed-forward, each behind its norm and added to the residual stream."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, epsilon = architecture.width, architecture.norm_epsilon
        self.attention_norm = RootMeanSquareNorm(width, epsilon)
        self.attention = Attention(architecture)
        self.feed_forward_norm = RootMeanSquareNorm(width, epsilon)
        self.feed_forward = FeedForward(width, architecture.feed_forward)

    def forward(
        self, hidden: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, future: torch.Tensor
    ) -> torch.Tensor:
        """float ``[B, T, width]`` to the same; see :meth:`Attention.forward`."""
        hidden = hidden + self.attention(self.attention_norm(hidden), cosine, sine, future)
        out: torch.Tensor = hidden + self.feed_forward(self.feed_forward_norm(hidden))
        return out


class Attention(nn.Module):
    """Grouped-query attention with rotary embeddings and without biases."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.heads = architecture.heads
        self.key_value_heads = architecture.key_value_heads
        self.head_width = architecture.head_width
        width = architecture.width
        queries, shared = self.heads * self.head_width, self.key_value_heads * self.head_width
        self.query = nn.Linear(width, queries, bias=False)
        self.key = nn.Linear(width, shared, bias=False)
        self.value = nn.Linear(width, shared, bias=False)
        self.output = nn.Linear(queries, width, bias=False)

    def forward(
        self, hidden: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, future: torch.Tensor
    ) -> torch.Tensor:
        """Mix positions.

        Args:
            hidden: float ``[B, T, width]``, already normalized.
            cosine: float ``[T, head_width]``, of :func:`rotary_angles`.
            sine: likewise.
            future: bool ``[T, T]``, true where a position must not look.
        """
        query = rotate(self.split(self.query(hidden)), cosine, sine)
        key = rotate(self.split(self.key(hidden)), cosine, sine)
        value = self.split(self.value(hidden))
        group = self.heads // self.key_value_heads
        mixed = attend(query, repeat_heads(key, group), repeat_heads(value, group), future)
        out: torch.Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return out

    def split(self, projected: torch.Tensor) -> torch.Tensor:
        """``[B, T, heads * head_width]`` to ``[B, heads, T, head_width]``."""
        batch, length, _ = projected.shape
        return projected.view(batch, length, -1, self.head_width).transpose(1, 2)


class FeedForward(nn.Module):
    """SwiGLU: ``down(silu(gate(x)) * up(x))``, without biases."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """float ``[..., width]`` to the same."""
        out: torch.Tensor = self.down(nn.functional.silu(self.gate(hidden)) * self.up(hidden))
        return out


class RootMeanSquareNorm(nn.Module):
    """RMSNorm (Zhang and Sennrich 2019), of elementary operators; computed in float32."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """float ``[..., width]`` to the same."""
        wide = hidden.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        out: torch.Tensor = self.weight * (wide * scale).to(hidden.dtype)
        return out


def rotary_angles(
    architecture: Architecture, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of the rotary angles.

    Args:
        architecture: tells head width and base.
        positions: integers ``[T]``.

    Returns:
        Two of float32 ``[T, head_width]``.
    """
    width = architecture.head_width
    steps = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32)
    frequencies = 1.0 / (architecture.rope_base ** (steps / width))
    angles = positions.float()[:, None] * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(heads: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn ``[B, heads, T, head_width]`` by its positions' angles ``[T, head_width]``."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cosine + torch.cat((-second, first), dim=-1) * sine


def repeat_heads(heads: torch.Tensor, times: int) -> torch.Tensor:
    """``[B, heads, T, head_width]`` to ``[B, heads * times, T, head_width]``, neighbours equal."""
    if times == 1:
        return heads
    return heads.unsqueeze(2).expand(-1, -1, times, -1, -1).flatten(1, 2)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, unseen: torch.Tensor
) -> torch.Tensor:
    """``softmax(QK/sqrt(d))V``.

    Args:
        query: float ``[B, heads, T, head_width]``.
        key: float ``[B, heads, S, head_width]``.
        value: likewise.
        unseen: bool, broadcast to ``[B, heads, T, S]``; true where a query must not look.
    """
    scores = (query @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5
    shares = scores.masked_fill(unseen, float("-inf")).softmax(-1).to(value.dtype)
    mixed: torch.Tensor = shares @ value
    return mixed


def save_language_model(
    model: CausalLanguageModel, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write ``architecture.json`` and ``model.safetensors``; shared weights are written once.

    Args:
        model: what to write.
        folder: made where it is missing.
        weights: its state dict, where its own holds only a part of a sharded model; null: its own.

    Raises:
        RunFailed: the folder cannot be written.
    """
    whole = model.state_dict() if weights is None else weights
    state = {name: value.detach().cpu() for name, value in whole.items()}
    if model.architecture.tied_embeddings:
        del state[_TIED]
    write_tensors(folder / _WEIGHTS, state)
    write_json(folder / _ARCHITECTURE, model.architecture.model_dump())


def load_language_model(folder: Path) -> CausalLanguageModel:
    """Read what :func:`save_language_model` wrote, in eval mode.

    Raises:
        BadInput: missing, damaged, or names and shapes are not those of its architecture.
    """
    architecture = read_record(folder / _ARCHITECTURE, Architecture)
    with torch.device("meta"):
        model = CausalLanguageModel(architecture)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if architecture.tied_embeddings:
        del expected[_TIED]
    # Weights kept as float16 or bfloat16 are computed with as float32.
    weights = read_shaped(folder / _WEIGHTS, expected)
    state = {name: value.float() for name, value in weights.items()}
    model.load_state_dict(state, strict=False, assign=True)
    model.tie()
    return model.requires_grad_(True).eval()
