"""Arithmetic that all signals share."""

from __future__ import annotations

import torch


def full_precision(values: torch.Tensor) -> torch.Tensor:
    """Half-precision values (float16, bfloat16) as float32; all others as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def unit_rows(values: torch.Tensor) -> torch.Tensor:
    """Each row of ``[N, F]`` divided by its Euclidean norm; a row of zeros stays one.

    The gradient of a row of zeros is finite too, unlike that of ``functional.normalize``, which
    divides it by 1e-12.
    """
    norms: torch.Tensor = torch.linalg.vector_norm(values, dim=1, keepdim=True)
    return values / norms.where(norms > torch.finfo(values.dtype).tiny, 1)
