"""Convolutions and pooling by the plain kernels."""

from __future__ import annotations

from edgekd.export.c.graph import Graph, Operator, Tensor, Window, activation_limits
from edgekd.export.c.lowering.overlays import window_overlay
from edgekd.export.c.lowering.requantization import bias_of, channel_multipliers, packed_weights
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step


def image_sizes(source: Tensor, output: Tensor) -> dict[str, int]:
    """Members that every window kernel's parameters have."""
    _, height, width, channels = source.shape
    _, output_height, output_width, output_channels = output.shape
    return {
        "input_height": height,
        "input_width": width,
        "input_channels": channels,
        "output_height": output_height,
        "output_width": output_width,
        "output_channels": output_channels,
    }


def convolution(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """CONV_2D, grouped ones included."""
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    outputs, kernel_height, kernel_width, group_channels = weights.shape
    groups = source.shape[3] // group_channels
    fields = {
        **image_sizes(source, output),
        **_movement(_window(operator)),
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "group_channels": group_channels,
        "group_outputs": outputs // groups,
    }
    kernel = "convolution_int4" if weights.dtype == "int4" else "convolution"
    return _weighted(
        operator,
        graph,
        kernel=kernel,
        structure="edgekd_convolution",
        fields=fields,
        channels=outputs,
        overlay=window_overlay(source, output, _window(operator)),
        macs=output.elements * kernel_height * kernel_width * group_channels,
    )


def depthwise(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """DEPTHWISE_CONV_2D with any multiplier."""
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    _, kernel_height, kernel_width, outputs = weights.shape
    fields = {
        **image_sizes(source, output),
        **_movement(_window(operator)),
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "depth_multiplier": outputs // source.shape[3],
        "packed": int(weights.dtype == "int4"),
    }
    return _weighted(
        operator,
        graph,
        kernel="depthwise",
        structure="edgekd_depthwise",
        fields=fields,
        channels=outputs,
        overlay=window_overlay(source, output, _window(operator)),
        macs=output.elements * kernel_height * kernel_width,
    )


def transposed_convolution(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """TRANSPOSE_CONV, whose inputs are output shape, weights, input and bias."""
    _, weights_index, source_index = operator.inputs[:3]
    source, weights = graph.tensors[source_index], graph.tensors[weights_index]
    output = graph.tensors[operator.outputs[0]]
    outputs, kernel_height, kernel_width, _ = weights.shape
    window = _window(operator)
    fields = {
        **image_sizes(source, output),
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
    }
    return _weighted(
        operator,
        graph,
        kernel="transposed_convolution",
        structure="edgekd_transposed_convolution",
        fields=fields,
        channels=outputs,
        overlay=None,
        macs=source.elements * kernel_height * kernel_width * outputs,
        positions=(2, 1, 3),
    )


def pool(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    window = _window(operator)
    minimum, maximum = activation_limits(operator.activation, output)
    sizes = image_sizes(source, output)
    fields = {
        **{name: sizes[name] for name in ("input_height", "input_width")},
        **{name: sizes[name] for name in ("output_height", "output_width")},
        "channels": source.shape[3],
        "kernel_height": window.kernel[0],
        "kernel_width": window.kernel[1],
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
        "minimum": minimum,
        "maximum": maximum,
    }
    name = "average_pool" if operator.kind == "AVERAGE_POOL_2D" else "max_pool"
    return Step(
        operator,
        (f"plain/{name}",),
        f"edgekd_{name}({{parameters}}, {{input0}}, {{output0}});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        parameters={"parameters": Parameters("edgekd_pool", fields)},
        overlays={0: window_overlay(source, output, window)},
    )


def _weighted(
    operator: Operator,
    graph: Graph,
    *,
    kernel: str,
    structure: str,
    fields: dict[str, int],
    channels: int,
    overlay: Overlay | None,
    macs: int,
    positions: tuple[int, int, int] = (0, 1, 2),
) -> Step:
    """A step with weights, biases and multipliers; ``positions`` are those of the operands."""
    source_at, weights_at, bias_at = positions
    source = graph.tensors[operator.inputs[source_at]]
    weights = graph.tensors[operator.inputs[weights_at]]
    output = graph.tensors[operator.outputs[0]]
    minimum, maximum = activation_limits(operator.activation, output)
    multiplier, shift = channel_multipliers(source, weights, output, channels)
    operands = {name: name for name in ("weights", "bias", "multiplier", "shift")}
    limits = {
        "input_zero_point": source.zero_point,
        "output_zero_point": output.zero_point,
        "minimum": minimum,
        "maximum": maximum,
    }
    return Step(
        operator,
        (f"plain/{kernel}",),
        f"edgekd_{kernel}({{parameters}}, {{input0}}, {{output0}});",
        reads=(operator.inputs[source_at],),
        writes=operator.outputs,
        constants={
            "weights": packed_weights(weights),
            "bias": Constant("bias", bias_of(graph, operator, bias_at, channels)),
            "multiplier": Constant("bias", multiplier),
            "shift": Constant("bias", shift),
        },
        parameters={"parameters": Parameters(structure, {**fields, **limits, **operands})},
        overlays={} if overlay is None else {0: overlay},
        macs=macs,
    )


def _window(operator: Operator) -> Window:
    assert operator.window is not None
    return operator.window


def _movement(window: Window) -> dict[str, int]:
    return {
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
        "dilation_height": window.dilation[0],
        "dilation_width": window.dilation[1],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
    }
