"""A TFLite file without weights: the mean of each channel of an image of 4 x 4 in RGB.

Its scores follow from the normalisation alone: whoever feeds it wrongly gets other scores.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.export.c.models import ModelBuilder

LABELS = ("red", "green", "blue")


def mean_colour(
    dtype: str = "float32", scale: float = 0.02, zero_point: int = 0, softmax: bool = False
) -> bytes:
    """The file; scale and zero point are those of input and output, where quantized."""
    model = ModelBuilder()
    image = model.input((1, 4, 4, 3), scale, zero_point, dtype)
    pooled = model.like(image, (1, 1, 1, 3))
    window = {"filterWidth": 4, "filterHeight": 4, "strideW": 1, "strideH": 1}
    padding = schema.Padding.VALID
    model.operator("AVERAGE_POOL_2D", [image], [pooled], padding=padding, **window)
    flat = model.like(image, (1, 3))
    shape = model.constant(np.array([1, 3], np.int32))
    model.operator("RESHAPE", [pooled, shape], [flat], newShape=[1, 3])
    if not softmax:
        return model.build([flat])
    probabilities = model.tensor((1, 3), dtype, 1 / 256, -128 if dtype == "int8" else 0)
    model.operator("SOFTMAX", [flat], [probabilities], beta=1.0)
    return model.build([probabilities])
