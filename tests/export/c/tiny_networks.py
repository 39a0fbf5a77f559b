"""Steps shaped like the four MLPerf Tiny models, as row-wise kernels would declare them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgekd.export.c.graph import Graph, Operator, Padding, Tensor, Window
from edgekd.export.c.step import Overlay, Step
from tests.conftest import MLPERF_TINY


def image(rows: int, columns: int, channels: int, name: str = "") -> Tensor:
    """An int8 image."""
    return Tensor(name, (1, rows, columns, channels), "int8")


def row_distance(source: Tensor, result: Tensor, window: Window) -> int:
    """For a kernel that reads all input rows it needs while it writes one output row."""
    _, _, columns, channels = source.shape
    _, rows, out_columns, out_channels = result.shape
    read, written = columns * channels, out_columns * out_channels
    return max(
        (row + 1) * written - max(0, row * window.stride[0] - window.padding.top) * read
        for row in range(rows)
    )


def pixel_distance(source: Tensor, result: Tensor) -> int:
    """For a kernel that reads a pixel whole before it writes that pixel (1x1, stride 1)."""
    more = result.shape[-1] - source.shape[-1]
    pixels = result.elements // result.shape[-1]
    return max(more, more * (pixels - 1))


def overlay_of(operator: Operator, graph: Graph) -> dict[int, Overlay]:
    """What row-wise kernels allow."""
    [result] = (graph.tensors[index] for index in operator.outputs)
    sources = [graph.tensors[index] for index in _reads(operator, graph)]
    if operator.kind in ("ADD", "SOFTMAX"):
        return {position: Overlay(0) for position, _ in enumerate(sources)}
    if operator.window is None or operator.kind == "AVERAGE_POOL_2D":
        return {}
    if operator.window.kernel == (1, 1) and operator.window.stride == (1, 1):
        return {0: Overlay(pixel_distance(sources[0], result))}
    return {0: Overlay(row_distance(sources[0], result, operator.window))}


def _reads(operator: Operator, graph: Graph) -> tuple[int, ...]:
    return tuple(index for index in operator.inputs if graph.tensors[index].data is None)


def step_of(operator: Operator, graph: Graph) -> Step:
    """One step, without a call: only its memory."""
    reads = _reads(operator, graph)
    if operator.kind == "RESHAPE":
        return Step(operator, (), "", reads, operator.outputs, aliases=0)
    return Step(operator, (), "", reads, operator.outputs, overlays=overlay_of(operator, graph))


def steps_of(graph: Graph) -> list[Step]:
    """One for each operator."""
    return [step_of(operator, graph) for operator in graph.operators]


def with_planes(steps: list[Step], graph: Graph) -> list[Step]:
    """Depthwise layers that copy a channel into scratch before they write it, all in place.

    Channel ``c`` of the output then covers only what was channel ``c`` of the input.
    """
    return [
        _plane(step, graph) if step.operator.kind == "DEPTHWISE_CONV_2D" else step for step in steps
    ]


def _plane(step: Step, graph: Graph) -> Step:
    _, rows, columns, channels = graph.tensors[step.reads[0]].shape
    overlay = Overlay(0, channels)
    return replace(step, overlays={0: overlay}, scratch_bytes=2 * (rows + 2) * (columns + 2))


def read_network(name: str) -> Graph:
    """Shapes of one of the models; its constants are zeros."""
    from ai_edge_litert import schema_py_generated as schema

    data = (MLPERF_TINY / f"{name}_int8.tflite").read_bytes()
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    [part] = model.subgraphs
    activations = {int(i) for i in part.inputs}
    activations |= {int(i) for operator in part.operators for i in operator.outputs}
    tensors = {}
    for index, found in enumerate(part.tensors):
        shape = tuple(int(size) for size in found.shape)
        constant = None if index in activations else np.zeros(shape, np.int8)
        tensors[index] = Tensor(found.name.decode(), shape, "int8", data=constant)
    operators = [_operator(schema, model, operator) for operator in part.operators]
    return Graph(
        tensors, tuple(operators), tuple(map(int, part.inputs)), tuple(map(int, part.outputs))
    )


def _operator(schema: Any, model: Any, found: Any) -> Operator:
    names = {value: key for key, value in vars(schema.BuiltinOperator).items()}
    code = model.operatorCodes[found.opcodeIndex]
    kind = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
    shapes = [model.subgraphs[0].tensors[index].shape for index in found.inputs]
    result = model.subgraphs[0].tensors[found.outputs[0]].shape
    window = None
    options = found.builtinOptions
    if hasattr(options, "strideH"):
        filters = shapes[1][1:3] if len(shapes) > 1 else (options.filterHeight, options.filterWidth)
        kernel, stride = (int(filters[0]), int(filters[1])), (options.strideH, options.strideW)
        padding = Padding()
        if options.padding == schema.Padding.SAME:
            down, across = (
                max(0, (int(result[a + 1]) - 1) * stride[a] + kernel[a] - int(shapes[0][a + 1]))
                for a in (0, 1)
            )
            padding = Padding(down // 2, down - down // 2, across // 2, across - across // 2)
        window = Window(stride, (1, 1), padding, kernel)
    inputs = tuple(int(index) for index in found.inputs)
    outputs = tuple(map(int, found.outputs))
    return Operator(kind, inputs, outputs, f"operator {outputs[0]} ({kind})", window=window)
