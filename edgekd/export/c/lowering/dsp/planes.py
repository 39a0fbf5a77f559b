"""How an image's channels lie in planes of 16-bit values, for the DSP depthwise kernels."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.export.c.graph import Graph, Operator, Window
from edgekd.export.c.step import Overlay

_SCRATCH = 4096  # bytes for two planes, above which an image is worked on in strips of rows


@dataclass(frozen=True)
class Planes:
    """Two planes, each with the rows of one strip; those of a turned image lie along its height.

    Attributes:
        span: rows of the plane that one row of output needs.
        strip: rows of output that are computed at once.
        pitch: bytes of a row.
        advance: bytes from the end of a row to the next one that is read.
        scratch: bytes of two planes.
        cost: rough number of instructions, to choose by.
    """

    transposed: bool
    span: int
    strip: int
    pitch: int
    advance: int
    scratch: int
    cost: int


def planes_of(operator: Operator, graph: Graph, *, turnable: bool) -> Planes:
    """The cheaper way; outputs are computed in pairs along a row.

    Args:
        operator: DEPTHWISE_CONV_2D.
        graph: that it is in.
        turnable: whether it is for the 3x3 kernel, which may work on columns.
    """
    weights, output = graph.tensors[operator.inputs[1]], graph.tensors[operator.outputs[0]]
    window = operator.window
    assert window is not None
    height, width = weights.shape[1:3]
    # The kernel for any size reads an even number of values.
    kernel = (height, width) if turnable else (height, width + width % 2)
    upright = _layout(output.shape[1], output.shape[2], kernel, window, transposed=False)
    across = _layout(output.shape[2], output.shape[1], kernel, window, transposed=True)
    # Strips of columns would overwrite rows that are still needed.
    whole = across.strip == output.shape[2]
    return across if turnable and whole and across.cost < upright.cost else upright


def plane_sizes(operator: Operator, graph: Graph, planes: Planes) -> dict[str, int]:
    """Sizes and steps along a row (width) and across rows (height) of the planes."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    window = operator.window
    assert window is not None
    _, height, width, channels = source.shape
    _, output_height, output_width, _ = output.shape
    top, left = window.padding.top, window.padding.left
    steps = [channels, width * channels, channels, output_width * channels]
    sizes = [width, height, output_width, output_height, top, left]
    if planes.transposed:
        steps = [steps[1], steps[0], steps[3], steps[2]]
        sizes = [height, width, output_height, output_width, left, top]
    return {
        "input_step": steps[0],
        "input_row": steps[1],
        "output_step": steps[2],
        "output_row": steps[3],
        # What lies beyond the last window is not read.
        "input_width": min(sizes[0], planes.pitch // 2 - sizes[5]),
        "input_height": sizes[1],
        "output_width": sizes[2],
        "output_height": sizes[3],
        "padding_top": sizes[4],
        "padding_left": sizes[5],
    }


def plane_overlay(operator: Operator, graph: Graph, planes: Planes) -> Overlay:
    """A channel's outputs lie over the same channel's inputs, which were read before."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    window = operator.window
    assert window is not None
    distance = 0
    for written in range(planes.strip, output.shape[1], planes.strip):
        read = (written - 1) * window.stride[0] + planes.span - window.padding.top
        distance = max(distance, written * output.shape[2] - max(read, 0) * source.shape[2])
    return Overlay(distance * source.shape[3], source.shape[3])


def _layout(
    height: int, width: int, kernel: tuple[int, int], window: Window, *, transposed: bool
) -> Planes:
    stride = window.stride[0]
    pairs = -(-width // 2)
    # Rows are read by words: one value more than the last window of an odd width has.
    pitch = 4 * -(-((2 * pairs - 1) * stride + kernel[1]) // 2)
    span = (kernel[0] - 1) * window.dilation[0] + 1
    rows = max(span, _SCRATCH // (2 * pitch))
    strip = min(height, (rows - span) // stride + 1)
    return Planes(
        transposed,
        span,
        strip,
        pitch,
        advance=pitch * stride - 4 * stride * pairs,
        scratch=2 * pitch * ((strip - 1) * stride + span),
        cost=height * (pairs * 28 + 20),
    )
