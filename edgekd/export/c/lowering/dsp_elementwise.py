"""ADD and SUB by the DSP kernels: one straight line over both inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import quantize_multiplier
from edgekd.export.c.graph import Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.overlays import IN_PLACE
from edgekd.export.c.step import Flash, Parameters, Step

_LEFT_SHIFT = 20
_SEARCHED = 6  # steps of each slope in both directions
_SHIFTS = range(23, 15, -1)
Int64 = npt.NDArray[np.int64]


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
        sums(left, right, output, sign),
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


def sums(left: Tensor, right: Tensor, output: Tensor, sign: int) -> Int64:
    """``[256, 256]``: the stored sum of each stored left and right value, from -128 up.

    Source: TensorFlow Lite's ``reference/add.h`` and the preparation of its ADD and SUB.
    """
    larger = 2.0 * max(left.scale, right.scale)
    stored = np.arange(-128, 128, dtype=np.int64)
    scaled = [
        _rescale((stored - one.zero_point) << _LEFT_SHIFT, one.scale / larger)
        for one in (left, right)
    ]
    total = scaled[0][:, None] + sign * scaled[1][None, :]
    factor = larger / float(np.float32(2**_LEFT_SHIFT) * np.float32(output.scale))
    return (_rescale(total, factor) + output.zero_point).clip(-128, 127)


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


def _rescale(values: Int64, real: float) -> Int64:
    """``rescale_twice`` of :mod:`edgekd.export.c.fixed_point`, over an array."""
    multiplier, shift = quantize_multiplier(real)
    left, right = max(shift, 0), max(-shift, 0)
    high = ((values << left) * multiplier + (1 << 30)) >> 31
    if right == 0:
        return high
    return (high + (1 << (right - 1)) - (high < 0)) >> right
