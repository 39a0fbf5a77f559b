"""Compression in torch: what a precision means, and the model that every artifact is held to."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgekd.records import Precision

if TYPE_CHECKING:
    import torch


def quantize(
    model: torch.nn.Module, precision: Precision, calibration: npt.NDArray[np.float32 | np.int32]
) -> torch.nn.Module:
    """The model at a precision, still in torch, made by torchao.

    Args:
        model: float32, batch normalization folded, in eval mode; left as it is.
        precision: ``fp16`` rounds the weights and computes in float32.
        calibration: preprocessed training inputs ``[N, ...]``, float32 or the int32 numbers of
            tokens; static ranges are read from them.

    Returns:
        A module from inputs ``[N, ...]`` of that dtype to float32 logits ``[N, classes]``.
    """
    from edgekd.compress.scheme import scheme_of

    scheme = scheme_of(model, precision)
    if scheme == "float32":
        return model
    if scheme == "float16":
        return copy.deepcopy(model).half().float()
    if scheme == "grouped-int4":
        from edgekd.compress.grouped import quantize_grouped

        return quantize_grouped(model)
    from edgekd.compress.static import quantize_static

    return quantize_static(model, calibration, weight_bits=8 if scheme == "static-int8" else 4)
