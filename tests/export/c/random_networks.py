"""Random networks of the form that people train: wide enough for every block of the fast kernels.

Scales are chosen so that sums spread over the output's range: most outputs differ from each other,
some saturate, and some networks hold outliers that a fast way of requantizing does not take.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.export.c import model_operators as ops
from tests.export.c import models
from tests.export.c.models import ModelBuilder, Pair

CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 23, 24, 31, 32, 33, 40)
# Standard deviation of a uniform stored value.
_SPREAD = 74.0


class RandomNetwork:
    """Layers with weights and what lies between them, each decision drawn from one generator."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.model = ModelBuilder()
        self.blocks: dict[str, Callable[[int], int]] = {
            "pointwise": self._pointwise,
            "convolution": self._convolution,
            "dilated": self._dilated,
            "depthwise": self._depthwise,
            "multiplied": self._multiplied,
            "separable": self._separable,
            "residual": self._residual,
            "pool": self._pool,
            "squeeze": self._squeeze,
        }

    def build(self, *chains: list[str]) -> bytes:
        """Networks of these blocks, each with its input; a head makes some of them classifiers."""
        return self.model.build([self._chain(blocks) for blocks in chains])

    def _chain(self, blocks: list[str]) -> int:
        size = tuple(int(n) for n in self.draw.integers(1, 11, 2))
        shape = (1, *size, int(self.draw.choice(CHANNELS)))
        current = self.model.input(shape, 0.02, self._zero_point())
        for block in blocks:
            current = self.blocks[block](current)
        if self.draw.random() < 0.5:
            current = self._head(current)
        return current

    def _zero_point(self) -> int:
        return int(self.draw.choice([-128, -128, 0, 127, int(self.draw.integers(-128, 128))]))

    def _layer(self, fused: str | None = None) -> dict[str, Any]:
        """Zero point and activation: mostly ReLU, whose least value is the zero point."""
        if fused is None:
            choices = ("RELU", "RELU", "NONE", "NONE", "RELU6", "RELU_N1_TO_1")
            fused = str(self.draw.choice(choices))
        lowest = fused in ("RELU", "RELU6") and self.draw.random() < 0.8
        return {"zero_point": -128 if lowest else self._zero_point(), "fused": fused}

    def _weights(self, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
        lowest = -128 if self.draw.random() < 0.15 else -127
        weights = self.draw.integers(lowest, 127, shape, np.int8, endpoint=True)
        kind = self.draw.random()
        if kind < 0.15:
            weights = np.where(self.draw.random(shape) < 0.6, 0, weights).astype(np.int8)
        elif kind < 0.25:
            weights = np.full(shape, int(self.draw.choice([-127, 127, 0])), np.int8)
        return weights

    def _scales(self, channels: int) -> list[float]:
        """Of each channel's weights, some far from the others."""
        spread = np.exp(self.draw.uniform(-1, 1, channels))
        if self.draw.random() < 0.15:
            spread[int(self.draw.integers(0, channels))] *= float(
                self.draw.choice([1e-6, 1e-3, 50])
            )
        return [float(np.float32(0.01 * value)) for value in spread]

    def _bias(self, channels: int, window: int) -> npt.NDArray[np.int32]:
        reach = _SPREAD * _SPREAD * math.sqrt(window) * float(self.draw.choice([0.1, 1, 1, 10]))
        return self.draw.normal(0, reach, channels).astype(np.int32)

    def _scale(self, image: int, window: int) -> float:
        """Of an output: sums fill its range, a part of it, or saturate."""
        source = float(self.model.graph.tensors[image].quantization.scale[0])
        spread = source * 0.01 * _SPREAD * math.sqrt(window)
        return float(np.float32(spread * float(self.draw.choice([0.25, 1, 1, 1, 4]))))

    def _convolve(
        self,
        image: int,
        channels: int,
        kernel: Pair,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        fused: str | None = None,
    ) -> int:
        _, height, width, inputs = self.model.shape(image)
        window = math.prod(kernel) * inputs
        return models.conv_2d(
            self.model,
            image,
            self._weights((channels, *kernel, inputs)),
            self._scales(channels),
            self._bias(channels, window),
            scale=self._scale(image, window),
            **self._layer(fused),
            stride=stride,
            dilation=dilation,
            padding=self._padding(kernel, dilation, (height, width)),
        )

    def _padding(self, kernel: Pair, dilation: Pair, size: Pair) -> str:
        fits = all((k - 1) * d + 1 <= n for k, d, n in zip(kernel, dilation, size, strict=True))
        return "VALID" if fits and self.draw.random() < 0.3 else "SAME"

    def _channels(self) -> int:
        return int(self.draw.choice(CHANNELS))

    def _kernel(self) -> Pair:
        common: list[Pair] = [(3, 3), (3, 3), (2, 2), (5, 5), (1, 3), (3, 1), (10, 4), (1, 1)]
        return common[int(self.draw.integers(0, len(common)))]

    def _stride(self) -> Pair:
        choices: list[Pair] = [(1, 1), (1, 1), (2, 2), (2, 1), (1, 2), (3, 3)]
        return choices[int(self.draw.integers(0, len(choices)))]

    def _pointwise(self, image: int) -> int:
        stride = self._stride() if self.draw.random() < 0.3 else (1, 1)
        return self._convolve(image, self._channels(), (1, 1), stride)

    def _convolution(self, image: int) -> int:
        return self._convolve(image, self._channels(), self._kernel(), self._stride())

    def _dilated(self, image: int) -> int:
        dilation = (int(self.draw.integers(1, 4)), int(self.draw.integers(1, 4)))
        return self._convolve(image, self._channels(), self._kernel(), dilation=dilation)

    def _depthwise(self, image: int, multiplier: int = 1) -> int:
        kernel = (3, 3) if self.draw.random() < 0.6 else self._kernel()
        # LiteRT's kernel takes one stride for both axes.
        stride = (int(self.draw.choice([1, 1, 2, 2, 3])),) * 2
        dilated = stride == (1, 1) and self.draw.random() < 0.15
        dilation = (2, 2) if dilated else (1, 1)
        _, height, width, inputs = self.model.shape(image)
        return models.depthwise_conv_2d(
            self.model,
            image,
            self._weights((1, *kernel, inputs * multiplier)),
            self._scales(inputs * multiplier),
            self._bias(inputs * multiplier, math.prod(kernel)),
            scale=self._scale(image, math.prod(kernel)),
            **self._layer(),
            stride=(stride[0], stride[1]),
            dilation=dilation,
            padding=self._padding(kernel, dilation, (height, width)),
        )

    def _multiplied(self, image: int) -> int:
        return self._depthwise(image, int(self.draw.integers(2, 5)))

    def _separable(self, image: int) -> int:
        return self._pointwise(self._depthwise(image))

    def _residual(self, image: int) -> int:
        channels = self.model.shape(image)[3]
        inner = self._convolve(image, self._channels(), (3, 3))
        # Padding VALID makes it smaller.
        size = self._size(image)
        if self._size(inner) != size:
            inner = ops.resize(self.model, "RESIZE_NEAREST_NEIGHBOR", inner, size)
        branch = self._convolve(inner, channels, (1, 1), fused="NONE")
        scale = float(self.model.graph.tensors[branch].quantization.scale[0])
        kind = "SUB" if self.draw.random() < 0.2 else "ADD"
        return ops.binary(self.model, kind, image, branch, scale=scale * 1.4, **self._layer())

    def _pool(self, image: int) -> int:
        kind = str(self.draw.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        height, width = (min(n, 2 + int(self.draw.random() < 0.3)) for n in self._size(image))
        return ops.pool_2d(self.model, kind, image, (height, width), stride=(height, width))

    def _squeeze(self, image: int) -> int:
        """One value a channel scales it: squeeze and excitation."""
        channels = self.model.shape(image)[3]
        mean = ops.reduction(self.model, "MEAN", image, [1, 2], keep_dims=True, scale=0.02)
        gate = ops.unary(self.model, "LOGISTIC", self._convolve(mean, channels, (1, 1)))
        return ops.binary(self.model, "MUL", image, gate, scale=0.01, **self._layer("NONE"))

    def _size(self, image: int) -> Pair:
        _, height, width, _ = self.model.shape(image)
        return height, width

    def _head(self, image: int) -> int:
        """Average, dense layers, softmax."""
        if self.draw.random() < 0.5:
            image = ops.pool_2d(self.model, "AVERAGE_POOL_2D", image, self._size(image))
            vector = ops.reshape(self.model, image, (1, -1))
        else:
            scale = float(self.model.graph.tensors[image].quantization.scale[0])
            vector = ops.reduction(self.model, "MEAN", image, [1, 2], scale=scale)
        for _ in range(int(self.draw.integers(1, 3))):
            vector = self._dense(vector)
        return ops.unary(self.model, "SOFTMAX", vector) if self.draw.random() < 0.5 else vector

    def _dense(self, vector: int) -> int:
        inputs = self.model.shape(vector)[1]
        units = self._channels()
        per_channel = self.draw.random() < 0.5
        return models.fully_connected(
            self.model,
            vector,
            self._weights((units, inputs)),
            self._scales(units) if per_channel else 0.01,
            self._bias(units, inputs),
            scale=self._scale(vector, inputs),
            **self._layer(),
        )


BLOCKS = tuple(RandomNetwork(0).blocks)
