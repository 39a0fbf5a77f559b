"""Models small enough for every test."""

from __future__ import annotations

from typing import Any

import torch

from edgekd.language.network import Architecture, CausalLanguageModel


def tiny_architecture(**changes: Any) -> Architecture:
    sizes = {
        "vocabulary": 97,
        "width": 24,
        "layers": 2,
        "heads": 4,
        "key_value_heads": 2,
        "head_width": 8,
        "feed_forward": 40,
        "rope_base": 10_000.0,
        "norm_epsilon": 1e-5,
        "tied_embeddings": True,
        "context": 64,
    }
    return Architecture.model_validate({**sizes, **changes})


def tiny_model(seed: int = 0, **changes: Any) -> CausalLanguageModel:
    """Weights ten times as large as at the start of a training: differences show."""
    torch.manual_seed(seed)
    model = CausalLanguageModel(tiny_architecture(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(10)
    return model
