"""The residual networks that He et al. drew for CIFAR, with the names of public checkpoints.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2
(https://arxiv.org/abs/1512.03385).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

_STAGES = 3
_LAYERS_OF_A_BLOCK = 2


def cifar_resnet(
    depth: int = 20,
    width: int = 16,
    classes: int = 10,
    channels: int = 3,
    shortcut: Literal["pad", "projection"] = "pad",
) -> nn.Module:
    """ResNet-20, 32, 44, 56, 110 and any other of depth 6n + 2.

    Args:
        depth: layers with weights, from the first convolution to the linear layer.
        width: channels of the first of three stages; each next one has twice as many.
        classes: outputs.
        channels: of the input.
        shortcut: where the shape changes. ``pad`` is the paper's option A: every second pixel,
            and new channels of zeros; the state dict has the names of the checkpoints of
            akamaster/pytorch_resnet_cifar10. ``projection`` is option B: a 1x1 convolution and
            batch norm; the names are those of chenyaofo/pytorch-cifar-models.

    Returns:
        ``[N, channels, 32, 32]`` to logits ``[N, classes]``. Other sizes work too.

    Raises:
        ValueError: there is no such depth or shortcut.
    """
    blocks, rest = divmod(depth - 2, _STAGES * _LAYERS_OF_A_BLOCK)
    if blocks < 1 or rest:
        raise ValueError(f"the depth is 6n + 2 (8, 14, 20, ... 56, ... 110), not {depth}")
    if shortcut not in ("pad", "projection"):
        raise ValueError(f"the shortcut is 'pad' or 'projection', not {shortcut!r}")
    network = nn.Sequential(
        OrderedDict(
            [
                ("conv1", nn.Conv2d(channels, width, 3, padding=1, bias=False)),
                ("bn1", nn.BatchNorm2d(width)),
                ("relu", nn.ReLU()),
                ("layer1", _stage(width, width, blocks, shortcut)),
                ("layer2", _stage(width, 2 * width, blocks, shortcut)),
                ("layer3", _stage(2 * width, 4 * width, blocks, shortcut)),
                ("pool", nn.AdaptiveAvgPool2d(1)),
                ("flatten", nn.Flatten()),
                ("linear" if shortcut == "pad" else "fc", nn.Linear(4 * width, classes)),
            ]
        )
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _stage(inputs: int, outputs: int, blocks: int, shortcut: str) -> nn.Sequential:
    return nn.Sequential(
        _Block(inputs, outputs, shortcut),
        *(_Block(outputs, outputs, shortcut) for _ in range(blocks - 1)),
    )


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; it halves the image where it widens."""

    def __init__(self, inputs: int, outputs: int, shortcut: str) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module
        if stride == 1:
            self.downsample = nn.Identity()
        elif shortcut == "pad":
            self.downsample = _PaddedSubsample(inputs, outputs)
        else:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        body = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        summed: torch.Tensor = self.relu2(body + self.downsample(x))
        return summed


class _PaddedSubsample(nn.Module):
    """Every second pixel, between new channels of zeros, without parameters.

    Written as a 1x1 convolution with constant weights, which gives the same numbers. Slices leave
    the delegate in LiteRT and ExecuTorch, a pool is float or undelegated at int8; convolutions
    are taken by all of them. It adds a MAC for each input and output channel of each pixel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        first = (outputs - inputs) // 2
        weight = torch.zeros(outputs, inputs, 1, 1)
        weight[first : first + inputs, :, 0, 0] = torch.eye(inputs)
        self.weight: torch.Tensor
        # Not persistent: the checkpoints have no such tensor.
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H / 2, W / 2]``."""
        return functional.conv2d(x, self.weight, stride=2)
