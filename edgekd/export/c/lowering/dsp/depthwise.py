"""DEPTHWISE_CONV_2D by the DSP kernels: each channel a plane of 16-bit values."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Graph, Operator, Tensor, Window
from edgekd.export.c.lowering.dsp.planes import Planes, plane_overlay, plane_sizes, planes_of
from edgekd.export.c.lowering.dsp.requantization import (
    Requantization,
    channels_of,
    requantization,
    signed_requantizations,
)
from edgekd.export.c.lowering.requantization import packed_weights
from edgekd.export.c.step import Constant, Flash, Parameters, Step

_RELU_SHIFT = 10
_TAPS = 64  # words of two weights that the kernel for any size has room for
_LARGEST = 2**13 - 1  # of the sizes in the kernel's parameters
Kind = Literal["relu_1", "relu_2", "signed_1", "signed_2", "any"]


def depthwise(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """One output for each of two or more input channels; 3x3 with stride 1 or 2 fastest.

    ``None`` for other multipliers, columns dilated or strides that differ, and where no short
    requantization is exact.
    """
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    window = operator.window
    assert window is not None
    if not _fits(source, weights, output, window):
        return None
    assert weights.data is not None
    kernels = np.moveaxis(weights.data[0], 2, 0).astype(np.int64)
    found = _requantizations(operator, graph, kernels)
    if found is None:
        return None
    kind, each = found
    planes = planes_of(operator, graph, turnable=kind != "any")
    kernels = kernels.swapaxes(1, 2) if planes.transposed else kernels
    return Step(
        operator,
        (f"dsp/plane_{kind}", "dsp/depthwise"),
        "edgekd_dsp_depthwise({parameters}, {input0}, {output0}, {scratch}, "
        f"edgekd_dsp_plane_{kind});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": _stored(replace(weights, data=kernels)),
            "outputs": Constant("bias", _outputs(kind, each)),
        },
        parameters={"parameters": _parameters(operator, graph, planes)},
        scratch_bytes=planes.scratch,
        overlays={0: plane_overlay(operator, graph, planes)},
        macs=output.elements * kernels[0].size,
        variant=f"dsp, planes{' of columns' if planes.transposed else ''}, {kind}",
    )


def _fits(source: Tensor, weights: Tensor, output: Tensor, window: Window) -> bool:
    _, height, width, channels = weights.shape
    return (
        (source.dtype, output.dtype) == ("int8", "int8")
        and (weights.dtype == "int8" or (weights.dtype == "int4" and (height, width) == (3, 3)))
        and source.shape[0] == 1
        and source.shape[3] == channels > 1
        and height * -(-width // 2) <= _TAPS
        and window.stride[0] == window.stride[1]
        and window.dilation[1] == 1
        and max(*source.shape, *output.shape) <= _LARGEST
    )


def _requantizations(
    operator: Operator, graph: Graph, kernels: npt.NDArray[np.int64]
) -> tuple[Kind, list[Requantization]] | None:
    """The kernel for a layer, and what it takes for each channel."""
    window, output = operator.window, graph.tensors[operator.outputs[0]]
    assert window is not None
    channels = channels_of(operator, graph, kernels.reshape(len(kernels), -1))
    found = requantization(operator, graph, channels, shifts=range(2, 9), relu_shift=_RELU_SHIFT)
    if found is None:
        return None
    rounding, each = found
    if kernels.shape[1:] == (3, 3) and window.dilation[0] == 1 and window.stride[0] in (1, 2):
        kinds: dict[tuple[str, int], Kind] = {
            ("relu", 1): "relu_1",
            ("relu", 2): "relu_2",
            ("signed", 1): "signed_1",
            ("signed", 2): "signed_2",
        }
        return kinds[rounding, window.stride[0]], each
    signed = signed_requantizations(channels, output.zero_point)
    return None if signed is None else ("any", signed)


def _stored(weights: Tensor) -> Constant:
    """Bytes, or two weights to a byte; the kernel reads by words, one byte beyond the last."""
    packed = packed_weights(weights)
    return replace(packed, values=np.append(packed.values.view(np.int8), np.int8(0)))


def _outputs(kind: Kind, each: list[Requantization]) -> npt.NDArray[np.int32]:
    """For each channel bias, multiplier, addend, and as halfwords factor and shift."""
    words = []
    for one in each:
        left, right = (one.shift, 0) if kind.startswith("relu") else (1, one.shift)
        words.append((one.bias << left, one.multiplier, one.addend, (1 << left) | (right << 16)))
    return np.array(words, np.int64).astype(np.uint32).view(np.int32).reshape(-1)


def _parameters(operator: Operator, graph: Graph, planes: Planes) -> Parameters:
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    window = operator.window
    assert window is not None
    fields: dict[str, int | float | str] = {
        "weights": "weights",
        "outputs": "outputs",
        **plane_sizes(operator, graph, planes),
        "channels": source.shape[3],
        "stride": window.stride[0],
        "kernel_height": weights.shape[1],
        "kernel_width": weights.shape[2],
        "dilation_height": window.dilation[0],
        "zero_point": source.zero_point,
        "strip": planes.strip,
        "pitch": planes.pitch,
        "packed": int(weights.dtype == "int4"),
        "advance": planes.advance,
    }
    return Parameters("edgekd_dsp_depthwise", fields)
