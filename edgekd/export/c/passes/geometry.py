"""Sizes of windows: what SAME would pad, and how many multiply-accumulates an operator takes."""

from __future__ import annotations

from edgekd.export.c.graph import Graph, Operator, Padding

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")


def same_padding(operator: Operator, graph: Graph) -> Padding | None:
    """The padding that TensorFlow Lite's SAME gives to this window, ``None`` where SAME cannot be.

    SAME cannot be where the output has another size than SAME gives it. As
    ``ComputePaddingHeightWidth`` in ``tensorflow/lite/kernels/padding.h``. A transposed
    convolution pads its output as a convolution back to its input would.
    """
    window = operator.window
    assert window is not None
    image, result = (
        graph.tensors[operator.inputs[0]].shape,
        graph.tensors[operator.outputs[0]].shape,
    )
    kernel = window.kernel
    if operator.kind in CONVOLUTIONS:
        _, height, width, _ = graph.tensors[operator.inputs[1]].shape
        kernel = (height, width)
    if operator.kind == "TRANSPOSE_CONV":
        image, result = result, graph.tensors[operator.inputs[2]].shape
    totals: list[int] = []
    for axis in range(2):
        stride, dilation = window.stride[axis], window.dilation[axis]
        size, steps = image[1 + axis], result[1 + axis]
        if steps != -(-size // stride):
            return None
        totals.append(max(0, (steps - 1) * stride + (kernel[axis] - 1) * dilation + 1 - size))
    rows, columns = totals
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)


def multiply_accumulates(operator: Operator, graph: Graph) -> int:
    """Of one inference; 0 for operators that do not multiply by weights. Padding counts too."""
    output = graph.tensors[operator.outputs[0]]
    if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        outer, height, width, inner = graph.tensors[operator.inputs[1]].shape
        each = height * width * (inner if operator.kind == "CONV_2D" else 1)
        return output.elements * each
    if operator.kind == "TRANSPOSE_CONV":
        outer, height, width, _ = graph.tensors[operator.inputs[1]].shape
        return graph.tensors[operator.inputs[2]].elements * height * width * outer
    if operator.kind == "FULLY_CONNECTED":
        return output.elements * graph.tensors[operator.inputs[1]].shape[-1]
    return 0
