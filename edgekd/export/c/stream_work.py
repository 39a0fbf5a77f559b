"""Estimates how many more instructions layers take when they run on a few rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekd.export.c.graph import Graph
from edgekd.export.c.step import Instructions, Step
from edgekd.export.c.streaming import Call, Move, StreamedGroup, row_bytes

_DEPTHWISE = "DEPTHWISE_CONV_2D"
_WINOGRAD_KERNEL = "dsp/winograd"
_WINOGRAD = 0.45  # instructions for a multiply-accumulate; three tiles of 2x2 pixels at a time
_MOVE = 50
_MOVED_BYTE = 0.7


@dataclass(frozen=True)
class _Costs:
    """In instructions. The figures were fitted to emulated runs of the MLPerf Tiny models.

    Attributes:
        convolution: each multiply-accumulate, with all that the layer does for it.
        depthwise: likewise.
        pixels: that a convolution computes together; a call's last ones may be fewer.
        call: of any kernel.
        value: of sorting an input value of a depthwise layer into its channel's plane.
        channel: of a depthwise layer, in each call.
    """

    convolution: float
    depthwise: float
    pixels: int
    call: int
    value: float
    channel: int


_COSTS: dict[Instructions, _Costs] = {
    "plain": _Costs(12, 40, pixels=1, call=100, value=0, channel=0),
    "dsp": _Costs(0.9, 3, pixels=3, call=100, value=3, channel=40),
    "mve": _Costs(0.15, 1.3, pixels=4, call=160, value=1, channel=500),
}


def usual_work(steps: Sequence[Step], instructions: Instructions) -> float:
    """Instructions of whole layers."""
    costs = _COSTS[instructions]
    return sum(step.macs * _each(step, costs) for step in steps)


def _each(step: Step, costs: _Costs) -> float:
    if _WINOGRAD_KERNEL in step.kernels:
        return _WINOGRAD
    return costs.depthwise if step.operator.kind == _DEPTHWISE else costs.convolution


def extra_work(group: StreamedGroup, graph: Graph, instructions: Instructions) -> float:
    """Instructions that streaming a group adds."""
    costs = _COSTS[instructions]
    work = 0.0
    for one in group.schedule:
        step = group.steps[one.layer]
        if isinstance(one, Move):
            kept = group.strips[one.layer] - one.rows
            work += _MOVE + _MOVED_BYTE * kept * row_bytes(graph, step.writes[0])
        else:
            work += costs.call + _overhead(step, one, graph, costs)
    for layer, step in enumerate(group.steps):
        source, output = (graph.tensors[one] for one in (step.reads[0], step.writes[0]))
        whole = Call(layer, output.shape[1], source.shape[1], 0, 0, 0)
        work -= costs.call + _overhead(step, whole, graph, costs)
    return max(0.0, work)


def _overhead(step: Step, call: Call, graph: Graph, costs: _Costs) -> float:
    """Of a call, beyond its multiply-accumulates and what any call costs."""
    _, height, width, channels = graph.tensors[step.writes[0]].shape
    if _WINOGRAD_KERNEL in step.kernels:
        tiles = -(-call.rows // 2) * -(-width // 2)
        missing = 12 * -(-tiles // 3) - call.rows * width
        return missing * _WINOGRAD * step.macs / (height * width)
    if step.operator.kind == "CONV_2D":
        missing = -(call.rows * width) % costs.pixels
        return missing * costs.convolution * step.macs / (height * width)
    if step.operator.kind == _DEPTHWISE:
        values = call.height * row_bytes(graph, step.reads[0])
        return costs.value * values + costs.channel * channels
    return 0.0
