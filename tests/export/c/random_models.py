"""Random small full-integer models over every operator that microcontrollers can run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tests.export.c import model_operators as ops
from tests.export.c import models
from tests.export.c.models import ModelBuilder

_FUSED = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
_UNARY = (
    *("LOGISTIC", "TANH", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU"),
    *("ABS", "NEG", "QUANTIZE", "GELU", "EXP", "SOFTMAX", "RELU_0_TO_1"),
)


class RandomModel:
    """A chain of random operators on an image, each decision drawn from one generator."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.model = ModelBuilder()
        self.choices: dict[str, Callable[[int], int]] = {
            "conv": self._convolution,
            "depthwise": self._depthwise,
            "transposed": self._transposed,
            "pool": self._pool,
            "dense": self._dense,
            "binary": self._binary,
            "constant": self._with_constant,
            "extremum": self._extremum,
            "unary": self._unary,
            "prelu": self._prelu,
            "mean": self._mean,
            "pad": self._pad,
            "mirror": self._mirror,
            "slice": self._slice,
            "strided": self._strided,
            "transpose": self._transpose,
            "resize": self._resize,
            "split": self._split,
            "stack": self._stack,
            "reshape": self._reshape,
        }

    def build(self, *chains: Sequence[str]) -> bytes:
        """A model of chains of these operators, each with an input and an output of its own."""
        return self.model.build([self.chain(kinds) for kinds in chains])

    def chain(self, kinds: Sequence[str]) -> int:
        """Operators one after the other on a new input; the last one's output."""
        shape = (1, *(int(n) for n in self.draw.integers(1, 8, 2)), int(self.draw.integers(1, 9)))
        floating = self.draw.random() < 0.15
        if floating:
            real = self.model.input(shape, dtype="float32")
            current = models_unary(self, "QUANTIZE", real)
        else:
            current = self.model.input(shape, self._scale(), self._zero_point())
        for kind in kinds:
            current = self.choices[kind](self._image(current))
        return self._last(current)

    def _last(self, index: int) -> int:
        """What only ends a model, as its output is not int8; mostly nothing."""
        which = self.draw.random()
        if which < 0.15:
            return ops.unary(self.model, "DEQUANTIZE", index)
        if which < 0.25:
            return ops.arg_max(self.model, self._image(index), int(self.draw.integers(0, 4)))
        if which < 0.3:
            zero_point = int(self.draw.integers(0, 256))
            return ops.unary(
                self.model,
                "QUANTIZE",
                index,
                scale=self._scale(),
                zero_point=zero_point,
                dtype="uint8",
            )
        return index

    def _image(self, index: int) -> int:
        """Four axes, batch of one, as every operator here takes it."""
        shape = self.model.shape(index)
        if len(shape) == 4 and shape[0] == 1:
            return index
        return ops.reshape(self.model, index, (1, 1, -1, shape[-1] if shape else 1))

    def _scale(self) -> float:
        return float(np.float32(np.exp(self.draw.uniform(-5, -1))))

    def _zero_point(self) -> int:
        return int(self.draw.choice([-128, -1, 0, 5, 127, int(self.draw.integers(-128, 128))]))

    def _output(self) -> dict[str, float | int]:
        return {"scale": self._scale(), "zero_point": self._zero_point()}

    def _fused(self) -> str:
        return str(self.draw.choice(_FUSED))

    def _weights(
        self, shape: tuple[int, ...], channels: int, narrow: bool
    ) -> tuple[npt.NDArray[np.int8], float | list[float]]:
        limit = 7 if narrow else 127
        lowest = -limit - (1 if self.draw.random() < 0.1 else 0)
        weights = self.draw.integers(lowest, limit, shape, np.int8, endpoint=True)
        if self.draw.random() < 0.3:
            return weights, self._scale()
        return weights, [self._scale() for _ in range(channels)]

    def _bias(self, channels: int, optional: bool = False) -> npt.NDArray[np.int32] | None:
        # LiteRT has no reference for CONV_2D without a bias.
        if optional and self.draw.random() < 0.2:
            return None
        return self.draw.integers(-3000, 3000, channels).astype(np.int32)

    def _window(self) -> dict[str, tuple[int, int]]:
        strides = tuple(int(n) for n in self.draw.integers(1, 4, 2))
        dilated = self.draw.random() < 0.3 and strides == (1, 1)
        dilation = tuple(int(n) for n in self.draw.integers(1, 3, 2)) if dilated else (1, 1)
        return {"stride": strides, "dilation": dilation}

    def _kernel(self, image: int, dilation: tuple[int, int]) -> tuple[tuple[int, int], str]:
        """A kernel that fits, and its padding."""
        kernel = tuple(int(n) for n in self.draw.integers(1, 5, 2))
        height, width = self.model.shape(image)[1:3]
        fits = all(
            (k - 1) * d + 1 <= n for k, d, n in zip(kernel, dilation, (height, width), strict=True)
        )
        return kernel, "VALID" if fits and self.draw.random() < 0.5 else "SAME"

    def _convolution(self, image: int) -> int:
        window = self._window()
        kernel, padding = self._kernel(image, window["dilation"])
        outputs = int(self.draw.integers(1, 10))
        narrow = bool(self.draw.random() < 0.2)
        shape = (outputs, *kernel, self.model.shape(image)[3])
        weights, scale = self._weights(shape, outputs, narrow)
        return models.conv_2d(
            self.model,
            image,
            weights,
            scale,
            self._bias(outputs),
            **self._output(),
            **window,
            padding=padding,
            fused=self._fused(),
            dtype="int4" if narrow else "int8",
        )

    def _depthwise(self, image: int) -> int:
        window = self._window()
        window["stride"] = (window["stride"][0],) * 2
        kernel, padding = self._kernel(image, window["dilation"])
        outputs = self.model.shape(image)[3] * int(self.draw.integers(1, 3))
        narrow = bool(self.draw.random() < 0.2)
        weights, scale = self._weights((1, *kernel, outputs), outputs, narrow)
        return models.depthwise_conv_2d(
            self.model,
            image,
            weights,
            scale,
            self._bias(outputs),
            **self._output(),
            **window,
            padding=padding,
            fused=self._fused(),
            dtype="int4" if narrow else "int8",
        )

    def _transposed(self, image: int) -> int:
        stride = tuple(int(n) for n in self.draw.integers(1, 3, 2))
        kernel = tuple(int(n) for n in self.draw.integers(1, 4, 2))
        _, height, width, channels = self.model.shape(image)
        size = (height * stride[0], width * stride[1])
        outputs = int(self.draw.integers(1, 4))
        weights, scale = self._weights((outputs, *kernel, channels), outputs, False)
        return models.transpose_conv(
            self.model,
            image,
            weights,
            scale,
            self._bias(outputs),
            size=size,
            **self._output(),
            stride=stride,
            padding="SAME",
        )

    def _pool(self, image: int) -> int:
        _, height, width, _ = self.model.shape(image)
        kernel = (
            int(self.draw.integers(1, height + 1)),
            int(self.draw.integers(1, width + 1)),
        )
        return ops.pool_2d(
            self.model,
            str(self.draw.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])),
            image,
            kernel,
            stride=tuple(int(n) for n in self.draw.integers(1, 3, 2)),
            padding=str(self.draw.choice(["SAME", "VALID"])),
            fused=self._fused(),
        )

    def _dense(self, image: int) -> int:
        inputs = self.model.shape(image)[-1]
        outputs = int(self.draw.integers(1, 12))
        narrow = bool(self.draw.random() < 0.2)
        weights, scale = self._weights((outputs, inputs), outputs, narrow)
        return models.fully_connected(
            self.model,
            image,
            weights,
            scale,
            self._bias(outputs),
            **self._output(),
            fused=self._fused(),
            keep_num_dims=bool(self.draw.random() < 0.5),
            dtype="int4" if narrow else "int8",
        )

    def _binary(self, image: int) -> int:
        kind = str(self.draw.choice(["ADD", "SUB", "MUL"]))
        other = image
        if self.draw.random() < 0.6:
            other = ops.unary(self.model, "QUANTIZE", image, **self._output())
        return ops.binary(self.model, kind, image, other, **self._output(), fused=self._fused())

    def _operand(self, image: int) -> tuple[int, ...]:
        """A shape that is repeated along some axes."""
        shape = self.model.shape(image)
        return tuple(1 if self.draw.random() < 0.5 else size for size in shape)

    def _with_constant(self, image: int) -> int:
        kind = str(self.draw.choice(["ADD", "SUB", "MUL"]))
        values = self.draw.integers(-128, 128, self._operand(image)).astype(np.int8)
        other = self.model.constant(values, "int8", self._scale(), self._zero_point())
        pair = (image, other) if self.draw.random() < 0.5 else (other, image)
        return ops.binary(self.model, kind, *pair, **self._output(), fused=self._fused())

    def _extremum(self, image: int) -> int:
        values = self.draw.integers(-128, 128, self._operand(image)).astype(np.int8)
        other = self.model.constant(values, "int8")
        self.model.graph.tensors[other].quantization = self.model.graph.tensors[image].quantization
        return ops.extremum(self.model, str(self.draw.choice(["MAXIMUM", "MINIMUM"])), image, other)

    def _unary(self, image: int) -> int:
        return models_unary(self, str(self.draw.choice(_UNARY)), image)

    def _prelu(self, image: int) -> int:
        slopes = self.draw.integers(-128, 128, (1, 1, self.model.shape(image)[3])).astype(np.int8)
        other = self.model.constant(slopes, "int8", self._scale(), self._zero_point())
        return ops.prelu(self.model, image, other, **self._output())

    def _mean(self, image: int) -> int:
        axes = [[1, 2], [2], [1], [3], [2, 3], [1, 2, 3]][int(self.draw.integers(0, 6))]
        quantization = self.model.graph.tensors[image].quantization
        output = self._output()
        if self.draw.random() < 0.4:
            output = {
                "scale": float(quantization.scale[0]),
                "zero_point": int(quantization.zeroPoint[0]),
            }
        keep = bool(self.draw.random() < 0.5)
        return ops.reduction(self.model, "MEAN", image, axes, keep_dims=keep, **output)

    def _pad(self, image: int) -> int:
        pairs = [(0, 0), *(tuple(int(n) for n in self.draw.integers(0, 3, 2)) for _ in range(3))]
        value = int(self.draw.integers(-128, 128)) if self.draw.random() < 0.4 else None
        return ops.pad(self.model, image, pairs, value)

    def _mirror(self, image: int) -> int:
        shape = self.model.shape(image)
        pairs = [tuple(int(n) for n in self.draw.integers(0, min(size, 3), 2)) for size in shape]
        mode = str(self.draw.choice(["REFLECT", "SYMMETRIC"]))
        return ops.mirror_pad(self.model, image, pairs, mode)

    def _slice(self, image: int) -> int:
        shape = self.model.shape(image)
        begin = [int(self.draw.integers(0, size)) for size in shape]
        size = [int(self.draw.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
        return ops.slice_(self.model, image, begin, size)

    def _strided(self, image: int) -> int:
        shape = self.model.shape(image)
        strides = [1, *(int(n) for n in self.draw.integers(1, 4, 3))]
        begin = [int(self.draw.integers(0, size)) for size in shape]
        return ops.strided_slice(
            self.model,
            image,
            begin,
            list(shape),
            strides,
            begin_mask=int(self.draw.integers(0, 16)),
        )

    def _transpose(self, image: int) -> int:
        return ops.transpose(
            self.model, image, [0, *(int(n) for n in self.draw.permutation(3) + 1)]
        )

    def _resize(self, image: int) -> int:
        kind = str(self.draw.choice(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]))
        corners = bool(self.draw.random() < 0.3)
        centres = not corners and bool(self.draw.random() < 0.5)
        size = tuple(int(n) for n in self.draw.integers(1, 9, 2))
        return ops.resize(
            self.model, kind, image, size, align_corners=corners, half_pixel_centers=centres
        )

    def _split(self, image: int) -> int:
        axis = int(self.draw.integers(1, 4))
        size = self.model.shape(image)[axis]
        first = int(self.draw.integers(1, size)) if size > 1 else 0
        if not first:
            parts = ops.unpack(self.model, image, axis)
        else:
            parts = ops.split_v(self.model, image, axis, [first, size - first])
        return parts[int(self.draw.integers(0, len(parts)))]

    def _stack(self, image: int) -> int:
        other = ops.mirror_pad(self.model, image, [(0, 0)] * 4, "SYMMETRIC")
        if self.draw.random() < 0.5:
            return ops.concatenation(
                self.model, [image, other, image], int(self.draw.integers(1, 4))
            )
        return ops.pack(self.model, [image, other], int(self.draw.integers(0, 5)))

    def _reshape(self, image: int) -> int:
        flat = ops.reshape(self.model, image, (1, -1))
        return ops.expand_dims(self.model, flat, 1)


def models_unary(random: RandomModel, kind: str, index: int) -> int:
    """A unary operator with the options that it needs."""
    options = {"LEAKY_RELU": {"alpha": 0.2}, "SOFTMAX": {"beta": 0.7}}.get(kind, {})
    return ops.unary(random.model, kind, index, **random._output(), **options)


KINDS = tuple(RandomModel(0).choices)
