"""ADD and SUB by the DSP kernels: one straight line over both inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekd.export.c.graph import Graph, Operator, activation_limits
from edgekd.export.c.lowering.overlays import IN_PLACE
from edgekd.export.c.lowering.sums import Int64, all_sums
from edgekd.export.c.step import Flash, Parameters, Step

_SEARCHED = 6  # steps of each slope in both directions
_SHIFTS = range(23, 15, -1)


@dataclass(frozen=True)
class Plane:
    """``saturate((left * a + right * b + addend) >> shift)`` over 32 bits."""

    left: int
    right: int
    addend: int
    shift: int


def add(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Two activations of the same shape, where a line agrees for each pair of values."""
    left, right, output = (graph.tensors[i] for i in (*operator.inputs, *operator.outputs))
    tensors = (left, right, output)
    if (
        any(tensor.dtype != "int8" for tensor in tensors)
        or left.data is not None
        or right.data is not None
        or left.shape != right.shape
        or activation_limits(operator.activation, output) != (-128, 127)
    ):
        return None
    sign = -1 if operator.kind == "SUB" else 1
    plane = search_plane(
        all_sums(left, right, output, sign).clip(-128, 127),
        left.scale / output.scale,
        sign * right.scale / output.scale,
    )
    if plane is None:
        return None
    reads = tuple(dict.fromkeys(operator.inputs))
    names = [f"{{input{reads.index(index)}}}" for index in operator.inputs]
    fields = {**vars(plane), "count": output.elements}
    return Step(
        operator,
        ("dsp/add",),
        f"edgekd_dsp_add({{parameters}}, {names[0]}, {names[1]}, {{output0}});",
        reads=reads,
        writes=operator.outputs,
        parameters={"parameters": Parameters("edgekd_dsp_add", fields)},
        overlays=dict.fromkeys(range(len(reads)), IN_PLACE),
        variant="dsp, one line",
    )


def search_plane(wanted: Int64, by_left: float, by_right: float) -> Plane | None:
    """A plane that gives ``wanted`` for each pair; ``None`` where none was found.

    Args:
        wanted: ``[256, 256]``.
        by_left: real factor of the left value.
        by_right: of the right value.
    """
    # As many bits as 32-bit sums allow, with room for the zero points.
    bound = 256 * (abs(by_left) + abs(by_right)) + 256
    for shift in (one for one in _SHIFTS if bound * 2**one < 2**31):
        near = sorted(range(-_SEARCHED, _SEARCHED + 1), key=abs)
        for i in near:
            for j in near:
                left, right = round(by_left * 2**shift) + i, round(by_right * 2**shift) + j
                addend = _addend(wanted, left, right, shift)
                if addend is not None:
                    return Plane(left, right, addend, shift)
    return None


def _addend(wanted: Int64, left: int, right: int, shift: int) -> int | None:
    """An addend with which every pair falls on its value."""
    stored = np.arange(-128, 128, dtype=np.int64)
    products = stored[:, None] * left + stored[None, :] * right
    # What saturates has no bound on that side.
    low = ((wanted << shift) - products)[wanted > -128].max(initial=-(2**40))
    high = (((wanted + 1) << shift) - 1 - products)[wanted < 127].min(initial=2**40)
    if low > high:
        return None
    addend = int(low + high) // 2
    totals = products + addend
    return addend if totals.min() >= -(2**31) and totals.max() < 2**31 else None
