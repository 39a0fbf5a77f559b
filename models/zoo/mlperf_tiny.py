"""The four networks of MLPerf Tiny, as students of any width.

Source: Banbury et al. 2021, "MLPerf Tiny Benchmark" (https://arxiv.org/abs/2106.07597), and its
trained reference models (https://github.com/mlcommons/tiny). With batch norms folded, each network
has the layers of its reference at the default arguments: same kernels, strides, shapes and padding,
so that the reference's weights give the reference's outputs here.

Padding of strided convolutions is TensorFlow's ``SAME``, which is not symmetric and therefore
stands before the convolution. It costs nothing in ONNX, where it is folded into the convolution,
and one operator inside the delegate in ExecuTorch. In TFLite it is the ``SAME`` of the reference,
where padding inside a torch convolution would become an operator ``PAD`` of its own.

Pooling is ``AdaptiveAvgPool2d(1)``: LiteRT's XNNPACK takes it at int8, which it does not with an
average pool, and so does ExecuTorch's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

# Width of each block of MobileNetV1 in multiples of the first convolution's, and its stride.
_MOBILENET_BLOCKS = (
    *((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)),
    *((16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2), (32, 1)),
)
_MOBILENET_FIRST = 32


def ds_cnn(width: int = 64, classes: int = 12, blocks: int = 4, channels: int = 1) -> nn.Module:
    """Depthwise separable CNN of keyword spotting; 22,604 parameters folded, 2.66 M MACs.

    Source: Zhang et al. 2017, "Hello Edge" (https://arxiv.org/abs/1711.07128).

    Args:
        width: channels of every layer.
        classes: outputs.
        blocks: depthwise separable blocks.
        channels: of the input.

    Returns:
        ``[N, channels, 49, 10]`` (frames, coefficients) to logits ``[N, classes]``. Other sizes
        work too.
    """
    stem = nn.Sequential(
        # SAME for an odd number of frames and an even number of coefficients.
        nn.ZeroPad2d((1, 1, 4, 5)),
        nn.Conv2d(channels, width, (10, 4), stride=2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )
    return _classifier(stem, [_separable(width, width) for _ in range(blocks)], width, classes)


def resnet8(width: int = 16, classes: int = 10, channels: int = 3) -> nn.Module:
    """Residual network of image classification; 77,706 parameters folded, 12.5 M MACs.

    Args:
        width: channels of the first of three stacks; each next one has twice as many.
        classes: outputs.
        channels: of the input.

    Returns:
        ``[N, channels, 32, 32]`` to logits ``[N, classes]``. Other multiples of 4 work too.
    """
    stacks = [
        _Residual(width, width),
        _Residual(width, 2 * width, stride=2),
        _Residual(2 * width, 4 * width, stride=2),
    ]
    return _classifier(_convolution(channels, width), stacks, 4 * width, classes)


def mobilenet_v1(width: float = 0.25, classes: int = 2, channels: int = 3) -> nn.Module:
    """MobileNetV1 of visual wake words; 210,850 parameters folded, 7.49 M MACs.

    Source: Howard et al. 2017, "MobileNets" (https://arxiv.org/abs/1704.04861).

    Args:
        width: the paper's width multiplier: the first layer has 32 times as many channels.
        classes: outputs.
        channels: of the input.

    Returns:
        ``[N, channels, 96, 96]`` to logits ``[N, classes]``. Other multiples of 32 work too.
    """
    first = inputs = round(_MOBILENET_FIRST * width)
    blocks = []
    for multiple, stride in _MOBILENET_BLOCKS:
        blocks.append(_separable(inputs, multiple * first, stride))
        inputs = multiple * first
    return _classifier(_convolution(channels, first, stride=2), blocks, inputs, classes)


def autoencoder(inputs: int = 640, hidden: int = 128, bottleneck: int = 8) -> nn.Module:
    """Dense autoencoder of anomaly detection; 265,864 parameters folded, 0.26 M MACs.

    Args:
        inputs: features of a sample, such as 5 frames of 128 log-mel energies.
        hidden: width of the four layers before the bottleneck and the four after it.
        bottleneck: width of the narrowest layer.

    Returns:
        ``[N, inputs]`` to the reconstruction ``[N, inputs]``; the anomaly score is the mean
        squared error between the two.
    """
    widths = [inputs, *[hidden] * 4, bottleneck, *[hidden] * 4]
    layers = [
        nn.Sequential(nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU())
        for before, after in pairwise(widths)
    ]
    return nn.Sequential(
        OrderedDict(
            encoder=nn.Sequential(*layers[:5]),
            decoder=nn.Sequential(*layers[5:]),
            reconstruction=nn.Linear(hidden, inputs),
        )
    )


def _classifier(
    stem: nn.Module, blocks: Sequence[nn.Module], features: int, classes: int
) -> nn.Module:
    """Named parts, so that a recipe can tap ``blocks.0``."""
    return nn.Sequential(
        OrderedDict(
            stem=stem,
            blocks=nn.Sequential(*blocks),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=nn.Linear(features, classes),
        )
    )


def _convolution(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A 3x3 convolution with SAME padding, batch norm and ReLU."""
    layers = [
        nn.Conv2d(
            *(inputs, outputs, 3),
            stride=stride,
            padding=1 if stride == 1 else 0,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
    # SAME for an even height and width, at stride 2.
    return nn.Sequential(*layers) if stride == 1 else nn.Sequential(_pad_end(), *layers)


def _pad_end() -> nn.Module:
    return nn.ZeroPad2d((0, 1, 0, 1))


def _separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(inputs, inputs, stride, groups=inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class _Residual(nn.Module):
    """Two convolutions beside an identity, or beside a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, stride),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        # The reference has no batch norm here.
        self.shortcut = (
            nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride=stride)
        )
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        summed: torch.Tensor = self.relu(self.body(x) + self.shortcut(x))
        return summed
