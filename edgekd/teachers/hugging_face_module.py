"""The torch module of a Hugging Face model. Imported only where torch is in use already."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn


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

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``[N, ...]`` (images ``[N, C, H, W]``, token numbers ``[N, T]``) to logits."""
        if self._input_name == "input_ids":
            inputs = inputs.long()
        return cast(torch.Tensor, self.model(**{self._input_name: inputs}).logits)
