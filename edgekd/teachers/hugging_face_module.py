"""The torch module of a Hugging Face model. Imported only where torch is in use already."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import nn

from edgekd.padding import PADDING


class HuggingFaceModule(nn.Module):
    """A classifier of transformers that takes one tensor and gives its logits.

    Args:
        model: the classifier; the paths of its modules start with ``model.`` here.
        input_name: of the argument that holds the inputs.
        class_names: in the order of the logits; null: the model has none of its own.
    """

    def __init__(
        self, model: nn.Module, input_name: str, class_names: tuple[str, ...] | None
    ) -> None:
        super().__init__()
        self.model = model
        self.class_names = class_names
        self._input_name = input_name
        self._padding = _padding_of(model)
        self.any_length = input_name == "input_ids"

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``[N, ...]`` (images ``[N, C, H, W]``, token numbers ``[N, T]``) to logits."""
        if self._input_name == "input_ids":
            return cast(torch.Tensor, self.model(**_tokens(inputs, self._padding)).logits)
        return cast(torch.Tensor, self.model(**{self._input_name: inputs}).logits)


class EncoderWithHead(nn.Module):
    """An encoder of transformers with a linear classifier on what stands for the text.

    ``pooled`` can be tapped: the sentence embedding, ``[N, width]``.

    Args:
        encoder: token numbers to hidden states; the paths of its modules start with ``model.``.
        pooling: the mean of the tokens, or the first one.
        dropout: before the classifier.
        classes: outputs.
    """

    any_length = True

    def __init__(
        self, encoder: nn.Module, pooling: Literal["mean", "first"], dropout: float, classes: int
    ) -> None:
        super().__init__()
        self.model = encoder
        if getattr(encoder, "pooler", None) is not None:
            # It would be counted and trained, and never used.
            cast(Any, encoder).pooler = None
        self._pooling = pooling
        self._padding = _padding_of(encoder)
        self.pooled = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(cast(Any, encoder).config.hidden_size, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token numbers ``[N, T]`` to logits ``[N, classes]``."""
        inputs = _tokens(tokens, self._padding)
        hidden = self.model(**inputs).last_hidden_state
        if self._pooling == "first":
            pooled = hidden[:, 0]
        else:
            present = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * present).sum(dim=1) / present.sum(dim=1).clamp_min(1)
        return cast(torch.Tensor, self.classifier(self.dropout(self.pooled(pooled))))


def _padding_of(model: nn.Module) -> int:
    number = getattr(cast(Any, model).config, "pad_token_id", None)
    return PADDING if number is None else int(number)


def _tokens(inputs: torch.Tensor, padding: int) -> dict[str, torch.Tensor]:
    """Arguments of an encoder: padding is not attended to."""
    numbers = inputs.long()
    return {"input_ids": numbers, "attention_mask": numbers.ne(padding).long()}
