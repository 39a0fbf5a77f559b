"""What a pass did, in one line with figures."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.export.c.graph import Graph
from edgekd.export.c.passes.geometry import CONVOLUTIONS, multiply_accumulates

NOTHING = "nothing to do"
_LAYERS = (*CONVOLUTIONS, "FULLY_CONNECTED")


@dataclass(frozen=True)
class PassReport:
    """What one pass did to a graph.

    Attributes:
        name: of the pass.
        summary: ``removed 612 of 1,234 channels, ...``; ``nothing to do`` where it changed nothing.
    """

    name: str
    summary: str

    def __str__(self) -> str:
        return f"{self.name}: {self.summary}"


@dataclass(frozen=True)
class Size:
    """Figures of a graph.

    Attributes:
        operators: how many.
        channels: output channels of all layers with weights.
        macs: multiply-accumulates of one inference.
        weights: values in all layers' weights, without biases.
    """

    operators: int
    channels: int
    macs: int
    weights: int


def size(graph: Graph) -> Size:
    """Count a graph."""
    layers = [operator for operator in graph.operators if operator.kind in _LAYERS]
    return Size(
        operators=len(graph.operators),
        channels=sum(graph.tensors[layer.outputs[0]].shape[-1] for layer in layers),
        macs=sum(multiply_accumulates(operator, graph) for operator in graph.operators),
        weights=sum(graph.tensors[layer.inputs[1]].elements for layer in layers),
    )


def summary(before: Size, after: Size) -> str:
    """The difference of two graphs in one line."""
    parts = [
        _removed(before.operators, after.operators, "operators"),
        _removed(before.channels, after.channels, "channels"),
        _removed(before.macs, after.macs, "multiply-accumulates"),
        _removed(before.weights, after.weights, "weights"),
    ]
    done = [part for part in parts if part]
    return f"removed {', '.join(done)}" if done else "rewrote operators"


def _removed(before: int, after: int, what: str) -> str:
    return f"{_figure(before - after)} of {_figure(before)} {what}" if after < before else ""


def _figure(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count >= 1_000_000 else f"{count:,}"
