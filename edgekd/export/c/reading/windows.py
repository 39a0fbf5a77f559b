"""Windows of convolutions and poolings, with the padding that TensorFlow Lite would use.

Source: ``tensorflow/lite/kernels/padding.h``, ``ComputePaddingHeightWidth``.
"""

from __future__ import annotations

from edgekd.export.c.graph import Padding, Window
from edgekd.export.c.reading.node import Node

# Options that a window takes the place of.
WINDOW_OPTIONS = (
    *("padding", "stride_h", "stride_w", "dilation_h", "dilation_w"),
    *("filter_height", "filter_width"),
)
# Keeps every product of sizes far inside 64 bits.
_LARGEST = 2**15

Pair = tuple[int, int]


def convolution_window(node: Node) -> Window:
    """Of CONV_2D and DEPTHWISE_CONV_2D."""
    return _window(node, node.input(0).shape, _weights_kernel(node))


def transposed_window(node: Node) -> Window:
    """Of TRANSPOSE_CONV: that of the convolution which turns the output into the input."""
    return _window(node, node.output().shape, _weights_kernel(node))


def pooling_window(node: Node) -> Window:
    """Of AVERAGE_POOL_2D and MAX_POOL_2D."""
    kernel = _pair(node, "filter_height", "filter_width")
    return _window(node, node.input(0).shape, kernel, kernel)


def window_output(window: Window, kernel: Pair, height: int, width: int) -> Pair:
    """Height and width of what a window that moves over an image gives."""
    pad = window.padding
    rows = height + pad.top + pad.bottom - (kernel[0] - 1) * window.dilation[0] - 1
    columns = width + pad.left + pad.right - (kernel[1] - 1) * window.dilation[1] - 1
    return rows // window.stride[0] + 1, columns // window.stride[1] + 1


def _weights_kernel(node: Node) -> Pair:
    weights = node.input(1)
    node.check_rank(weights, 4, "weights tensor")
    return weights.shape[1], weights.shape[2]


def _window(node: Node, image: tuple[int, ...], kernel: Pair, pooled: Pair = (1, 1)) -> Window:
    if len(image) != 4:
        raise node.refuse(f"works on an image of {len(image)} dimensions, not 4")
    stride = _pair(node, "stride_h", "stride_w")
    dilated = "dilation_h" in node.operator.options
    dilation = _pair(node, "dilation_h", "dilation_w") if dilated else (1, 1)
    same = node.operator.options["padding"] == "SAME"
    ends = [_ends(node, same, image[1 + i], kernel[i], stride[i], dilation[i]) for i in range(2)]
    return Window(stride, dilation, Padding(*ends[0], *ends[1]), pooled)


def _pair(node: Node, height: str, width: str) -> Pair:
    pair = node.option(height), node.option(width)
    if not all(1 <= size <= _LARGEST for size in pair):
        raise node.refuse(f"has a {height.rsplit('_', 1)[0]} of {pair[0]}x{pair[1]}")
    return pair


def _ends(node: Node, same: bool, size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """Padding before and after one dimension; the odd one goes behind."""
    effective = (kernel - 1) * dilation + 1
    if same:
        total = max((-(-size // stride) - 1) * stride + effective - size, 0)
        return total // 2, total - total // 2
    if effective > size:
        raise node.refuse(f"has a window of {effective} over an image of {size}", "pad it first")
    return 0, 0
