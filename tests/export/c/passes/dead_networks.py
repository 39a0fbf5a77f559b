"""Random small networks in which many channels saturate, as deep separable ones do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.export.c import model_operators as ops
from tests.export.c.models import Array, ModelBuilder, conv_2d, depthwise_conv_2d, fully_connected

# A channel with a bias as large as this holds one value whatever its inputs are.
_SATURATING = 2_000_000


class DeadNetwork:
    """A random chain of layers on an image; some channels are constant, some are never read."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.model = ModelBuilder()
        self.layers: list[Callable[[int], int]] = [
            self._convolution,
            self._convolution,
            self._depthwise,
            self._depthwise,
            self._pool,
            self._pad,
            self._residual,
            self._concatenation,
            self._unary,
            self._scaled,
        ]

    def build(self, depth: int) -> tuple[ModelBuilder, list[int]]:
        """The model, and its outputs."""
        shape = (1, *self.draw.integers(2, 7, 2).tolist(), int(self.draw.integers(1, 5)))
        current = self._convolution(self.model.input(shape, 0.05, -3))
        for _ in range(depth):
            layer = self.layers[int(self.draw.integers(len(self.layers)))]
            current = layer(current)
        return self.model, [self._head(current)]

    def _bias(self, count: int) -> Array:
        dead = self.draw.random(count) < 0.4
        sign = self.draw.choice([-1, -1, -1, 1], count)
        small = self.draw.integers(-3000, 3000, count)
        return np.where(dead, sign * _SATURATING, small).astype(np.int32)

    def _weights(self, *shape: int) -> Array:
        weights = self.draw.integers(-127, 128, shape)
        # Of some input channels every weight is zero.
        read = self.draw.random(shape[-1]) < 0.9 if shape[0] > 1 else np.ones(shape[-1], bool)
        return (weights * read).astype(np.int8)

    def _output(self) -> dict[str, float | int | str]:
        rectified = bool(self.draw.random() < 0.7)
        return {
            "scale": 0.1,
            "zero_point": -128 if rectified else int(self.draw.integers(-128, 128)),
            "fused": str(self.draw.choice(["RELU", "RELU6"])) if rectified else "NONE",
        }

    def _convolution(self, image: int) -> int:
        count = int(self.draw.integers(1, 9))
        kernel = int(self.draw.choice([1, 1, 3]))
        weights = self._weights(count, kernel, kernel, self.model.shape(image)[3])
        output: dict[str, object] = {**self._output()}
        return conv_2d(self.model, image, weights, [0.01] * count, self._bias(count), **output)  # type: ignore[arg-type]

    def _depthwise(self, image: int) -> int:
        count = self.model.shape(image)[3] * int(self.draw.choice([1, 1, 2]))
        weights = self._weights(1, 3, 3, count)
        output: dict[str, object] = {**self._output()}
        scales = [0.01] * count
        return depthwise_conv_2d(self.model, image, weights, scales, self._bias(count), **output)  # type: ignore[arg-type]

    def _pool(self, image: int) -> int:
        kind = str(self.draw.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        return ops.pool_2d(self.model, kind, image, (2, 2), padding="SAME")

    def _pad(self, image: int) -> int:
        pairs = [(0, 0), *(tuple(self.draw.integers(0, 3, 2).tolist()) for _ in range(2)), (0, 0)]
        return ops.pad(self.model, image, pairs)

    def _residual(self, image: int) -> int:
        count = self.model.shape(image)[3]
        weights = self._weights(count, 1, 1, count)
        bias = self._bias(count)
        branch = conv_2d(self.model, image, weights, 0.01, bias, zero_point=-128, fused="RELU")
        kind = str(self.draw.choice(["ADD", "MUL", "SUB"]))
        return ops.binary(self.model, kind, image, branch, zero_point=-100)

    def _concatenation(self, image: int) -> int:
        count = int(self.draw.integers(1, 4))
        weights = self._weights(count, 1, 1, self.model.shape(image)[3])
        branches = [
            conv_2d(self.model, image, weights, 0.01, self._bias(count), zero_point=-128)
            for _ in range(2)
        ]
        return ops.concatenation(self.model, branches, 3)

    def _unary(self, image: int) -> int:
        kind = str(self.draw.choice(["LOGISTIC", "RELU", "QUANTIZE", "HARD_SWISH", "ABS"]))
        return ops.unary(self.model, kind, image, zero_point=int(self.draw.integers(-128, 128)))

    def _scaled(self, image: int) -> int:
        factors = self.draw.integers(-128, 128, (1, 1, 1, self.model.shape(image)[3]))
        operand = self.model.constant(factors.astype(np.int8), "int8", 0.05, 3)
        return ops.binary(self.model, "MUL", image, operand, zero_point=4)

    def _head(self, image: int) -> int:
        if self.draw.random() < 0.5:
            vector = ops.reduction(self.model, "MEAN", image, [1, 2])
        else:
            vector = ops.reshape(self.model, image, (1, -1))
        weights = self._weights(3, self.model.shape(vector)[1])
        return fully_connected(self.model, vector, weights, 0.01, self._bias(3) // 1000)
