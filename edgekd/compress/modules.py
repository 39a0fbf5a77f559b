"""The torch modules of this room. Imported only where torch is in use already."""

from __future__ import annotations

from typing import Any, Self, cast

import torch
from torch import nn
from torch.fx import GraphModule

RANGE_BATCHES = 20


class FixedGraph(nn.Module):
    """A captured graph. ``train()`` and ``eval()`` are accepted, but its operators stay.

    A graph of ``torch.export`` refuses both calls, which every trainer makes.
    """

    def __init__(self, graph: GraphModule) -> None:
        """Hold a graph of ``torch.export``."""
        super().__init__()
        self.graph = graph

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``[N, *sample_shape]`` to ``[N, classes]``, any N."""
        return cast(torch.Tensor, self.graph(inputs))

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and leave the graph alone."""
        self.training = mode
        return self


class QuantizationAwareGraph(FixedGraph):
    """A graph with fake quantizers whose ranges follow the activations while it is trained.

    The range of an activation is its smallest and largest value over the last few batches, as
    calibration will take it later. A moving average would lag behind the weights, and would mix
    the ranges of tensors that share a quantizer, such as the input and output of a pooling.
    The scale of a weight is that of the weight itself, in evaluation too.
    """

    def __init__(self, graph: GraphModule) -> None:
        """Start from the ranges that the graph's observers have seen."""
        from torchao.quantization.pt2e import FakeQuantize

        super().__init__(graph)
        self._batches = 0
        modules = (module for module in graph.modules() if isinstance(module, FakeQuantize))
        self._activations = [module for module in modules if not module.is_per_channel]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``[N, *sample_shape]`` to ``[N, classes]``, any N."""
        if self.training:
            if self._batches % RANGE_BATCHES == RANGE_BATCHES - 1:
                for fake_quantizer in self._activations:
                    fake_quantizer.activation_post_process.reset_min_max_vals()
            self._batches += 1
        return super().forward(inputs)

    def train(self, mode: bool = True) -> Self:
        """Let the ranges of activations move (training) or hold them (evaluation)."""
        for fake_quantizer in self._activations:
            fake_quantizer.enable_observer(mode)
        return super().train(mode)


class FakeQuantizedGroups(nn.Module):
    """A parametrization of a weight ``[out, in]`` that quantizes it in groups of inputs.

    Args:
        fake_quantizer: per channel over axis 0; sees the weight as ``[groups, group_size]``.
        group_size: inputs in a group; divides ``in``.
    """

    def __init__(self, fake_quantizer: Any, group_size: int) -> None:
        """Hold the fake quantizer."""
        super().__init__()
        self.fake_quantizer = fake_quantizer
        self.group_size = group_size

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight on its grid; gradients pass straight through."""
        groups = self.fake_quantizer(weight.reshape(-1, self.group_size))
        return cast(torch.Tensor, groups).reshape(weight.shape)
