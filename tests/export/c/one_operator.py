"""A model of one operator for each that the reader knows, and one small network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.export.c import model_operators as ops
from tests.export.c.models import (
    ROWS,
    Array,
    ModelBuilder,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    transpose_conv,
)

Built = tuple[ModelBuilder, list[int]]
IMAGE = (1, 7, 6, 4)


def weights(*shape: int) -> Array:
    return np.random.default_rng(1).integers(-7, 8, shape).astype(np.int8)


def biases(count: int) -> Array:
    return np.random.default_rng(2).integers(-999, 999, count).astype(np.int32)


def small_network() -> Built:
    """CONV_2D, MAX_POOL_2D, RESHAPE, FULLY_CONNECTED."""
    model = ModelBuilder()
    image = model.input((1, 7, 6, 2), scale=0.05, zero_point=-3)
    image = conv_2d(model, image, weights(4, 3, 3, 2), [0.01, 0.02, 0.03, 0.04], biases(4))
    image = ops.pool_2d(model, "MAX_POOL_2D", image, (2, 2), stride=(2, 2))
    vector = ops.reshape(model, image, (1, -1))
    return model, [fully_connected(model, vector, weights(5, 36), 0.02, biases(5))]


def _of(add: Callable[[ModelBuilder, int], int | list[int]], dtype: str = "int8") -> Built:
    model = ModelBuilder()
    added = add(model, model.input(IMAGE, 0.05, 3 if dtype != "uint8" else 128, dtype))
    return model, added if isinstance(added, list) else [added]


def _pair(add: Callable[[ModelBuilder, int, int], int]) -> Built:
    model = ModelBuilder()
    return model, [add(model, model.input(IMAGE), model.input((6, 1)))]


def _unary(kind: str, **options: float) -> Callable[[], Built]:
    return lambda: _of(lambda m, x: ops.unary(m, kind, x, **options))  # type: ignore[arg-type]


def _rows(kind: str, dtype: str, *, scaled: bool = False) -> Callable[[], Built]:
    """Rows of a table by numbers that come in; scaled: int8 rows, each with its scale."""

    def build() -> Built:
        model = ModelBuilder()
        scale = [0.01 * row for row in range(1, ROWS + 2)] if scaled else 0.1
        table = model.constant(weights(ROWS + 1, 5), dtype, scale)
        numbers = model.input((3,), dtype="int32")
        found = ops.lookup_rows(model, kind, numbers, table, "float32" if scaled else None)
        if scaled or dtype == "float32":
            found = ops.unary(model, "QUANTIZE", found)
        return model, [found]

    return build


def _root(kind: str) -> Callable[[], Built]:
    def add(model: ModelBuilder, source: int) -> int:
        # LiteRT stops at what is not positive: 1 + 0.1 * relu.
        positive = ops.unary(model, "RELU", source, zero_point=-128)
        one = model.constant(np.array([10], np.int8), "int8", 0.1)
        above = ops.binary(model, "ADD", positive, one, zero_point=-128)
        return ops.unary(model, kind, above)

    return lambda: _of(add)


ONE_OPERATOR: dict[str, Callable[[], Built]] = {
    "CONV_2D": lambda: _of(
        lambda m, x: conv_2d(m, x, weights(3, 3, 2, 4), [0.1, 0.2, 0.3], biases(3), stride=(2, 1))
    ),
    "CONV_2D dilated": lambda: _of(
        lambda m, x: conv_2d(m, x, weights(3, 3, 2, 4), 0.1, biases(3), dilation=(2, 3))
    ),
    "CONV_2D valid": lambda: _of(
        lambda m, x: conv_2d(m, x, weights(3, 3, 2, 4), 0.1, biases(3), padding="VALID")
    ),
    "CONV_2D int4": lambda: _of(
        lambda m, x: conv_2d(m, x, weights(3, 3, 3, 4), 0.1, biases(3), dtype="int4")
    ),
    "DEPTHWISE_CONV_2D": lambda: _of(
        lambda m, x: depthwise_conv_2d(m, x, weights(1, 3, 3, 8), [0.1] * 8, biases(8))
    ),
    "TRANSPOSE_CONV": lambda: _of(
        lambda m, x: transpose_conv(
            m, x, weights(3, 3, 3, 4), [0.1] * 3, biases(3), size=(13, 12), stride=(2, 2)
        )
    ),
    "FULLY_CONNECTED": lambda: _of(
        lambda m, x: fully_connected(m, x, weights(3, 168), 0.1, biases(3))
    ),
    "FULLY_CONNECTED kept": lambda: _of(
        lambda m, x: fully_connected(m, x, weights(3, 4), [0.1] * 3, keep_num_dims=True)
    ),
    "AVERAGE_POOL_2D": lambda: _of(
        lambda m, x: ops.pool_2d(m, "AVERAGE_POOL_2D", x, (3, 2), stride=(2, 2), padding="SAME")
    ),
    "MAX_POOL_2D": lambda: _of(
        lambda m, x: ops.pool_2d(m, "MAX_POOL_2D", x, (3, 2), fused="RELU6")
    ),
    "MEAN": lambda: _of(lambda m, x: ops.reduction(m, "MEAN", x, [1, -2])),
    "SUM": lambda: _of(lambda m, x: ops.reduction(m, "SUM", x, [3], keep_dims=True)),
    "ADD": lambda: _pair(lambda m, x, y: ops.binary(m, "ADD", x, y, scale=0.2, fused="RELU")),
    "SUB": lambda: _pair(lambda m, x, y: ops.binary(m, "SUB", x, y, scale=0.2)),
    "MUL": lambda: _pair(lambda m, x, y: ops.binary(m, "MUL", x, y, scale=0.2)),
    "MAXIMUM": lambda: _pair(lambda m, x, y: ops.extremum(m, "MAXIMUM", x, y)),
    "MINIMUM": lambda: _pair(lambda m, x, y: ops.extremum(m, "MINIMUM", x, y)),
    "CONCATENATION": lambda: _of(lambda m, x: ops.concatenation(m, [x, x], -1)),
    "PAD": lambda: _of(lambda m, x: ops.pad(m, x, [(0, 0), (1, 2), (0, 1), (0, 0)])),
    "PADV2": lambda: _of(lambda m, x: ops.pad(m, x, [(0, 0), (1, 2), (0, 1), (0, 0)], -7)),
    "MIRROR_PAD": lambda: _of(
        lambda m, x: ops.mirror_pad(m, x, [(0, 0), (6, 2), (0, 1), (0, 0)], "REFLECT")
    ),
    "MIRROR_PAD edge": lambda: _of(
        lambda m, x: ops.mirror_pad(m, x, [(0, 0), (7, 2), (0, 1), (0, 0)], "SYMMETRIC")
    ),
    "RESHAPE": lambda: _of(lambda m, x: ops.reshape(m, x, (1, -1, 8))),
    "SQUEEZE": lambda: _of(lambda m, x: ops.squeeze(m, x)),
    "EXPAND_DIMS": lambda: _of(lambda m, x: ops.expand_dims(m, x, 2)),
    "TRANSPOSE": lambda: _of(lambda m, x: ops.transpose(m, x, (0, 3, 1, 2))),
    "SPLIT": lambda: _of(lambda m, x: ops.split(m, x, 2, 3)),
    "SPLIT_V": lambda: _of(lambda m, x: ops.split_v(m, x, 1, [1, 4, 2])),
    "SLICE": lambda: _of(lambda m, x: ops.slice_(m, x, [0, 1, 2, 0], [1, -1, 2, 3])),
    "STRIDED_SLICE": lambda: _of(
        lambda m, x: ops.strided_slice(
            m, x, [0, -1, 5, 0], [1, 0, 0, 4], [1, 1, -2, 1], shrink_axis_mask=2, end_mask=8
        )
    ),
    "PACK": lambda: _of(lambda m, x: ops.pack(m, [x, x, x], 1)),
    "UNPACK": lambda: _of(lambda m, x: ops.unpack(m, x, 2)),
    "EMBEDDING_LOOKUP": _rows("EMBEDDING_LOOKUP", "int8"),
    "EMBEDDING_LOOKUP float": _rows("EMBEDDING_LOOKUP", "float32"),
    "EMBEDDING_LOOKUP scaled": _rows("EMBEDDING_LOOKUP", "int8", scaled=True),
    "GATHER rows": _rows("GATHER", "int8"),
    "GATHER": lambda: _of(lambda m, x: ops.gather(m, x, [[2, 0], [1, 1]], 1)),
    "RESIZE_BILINEAR": lambda: _of(
        lambda m, x: ops.resize(m, "RESIZE_BILINEAR", x, (9, 3), half_pixel_centers=True)
    ),
    "RESIZE_NEAREST_NEIGHBOR": lambda: _of(
        lambda m, x: ops.resize(m, "RESIZE_NEAREST_NEIGHBOR", x, (9, 3), align_corners=True)
    ),
    "LEAKY_RELU": _unary("LEAKY_RELU", alpha=0.2),
    "PRELU": lambda: _of(lambda m, x: ops.prelu(m, x, m.constant(weights(1, 1, 4), "int8", 0.01))),
    "SQRT": _root("SQRT"),
    "RSQRT": _root("RSQRT"),
    "ARG_MAX": lambda: _of(lambda m, x: ops.arg_max(m, x, -1)),
    "ARG_MAX int64": lambda: _of(lambda m, x: ops.arg_max(m, x, 1, "int64")),
    "QUANTIZE float": lambda: _of(lambda m, x: ops.unary(m, "QUANTIZE", x), "float32"),
    "QUANTIZE uint8": lambda: _of(lambda m, x: ops.unary(m, "QUANTIZE", x), "uint8"),
    **{
        kind: _unary(kind)
        for kind in (
            *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ABS", "NEG", "EXP", "LOG"),
            *("GELU", "HARD_SWISH", "LOGISTIC", "TANH", "SOFTMAX", "LOG_SOFTMAX"),
            *("QUANTIZE", "DEQUANTIZE"),
        )
    },
}
