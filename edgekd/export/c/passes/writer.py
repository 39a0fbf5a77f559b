"""A graph back to a TFLite file, so that LiteRT itself can run what the passes made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from edgekd.errors import BadInput
from edgekd.export.c.graph import (
    ABSENT,
    Array,
    Graph,
    Operator,
    Padding,
    Quantization,
    Tensor,
    Window,
)
from edgekd.export.c.passes.geometry import same_padding
from edgekd.third_party import require

_IDENTIFIER = b"TFL3"
# Options whose name does not follow from the operator's: ``CONV_2D`` has ``Conv2DOptions``.
_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2D",
    "MAX_POOL_2D": "Pool2D",
    "L2_POOL_2D": "Pool2D",
    "MEAN": "Reducer",
    "SUM": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "REDUCE_PROD": "Reducer",
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "PADV2": "PadV2",
    "L2_NORMALIZATION": "L2Norm",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
}


def write_tflite(graph: Graph) -> bytes:
    """The graph as a TFLite file with one subgraph.

    Paddings that neither SAME nor VALID gives become a PAD before the convolution, our own LOOKUP
    becomes a GATHER from its table, and EMBEDDING_MEAN a lookup and a MEAN. Source of the format:
    TensorFlow Lite's ``schema.fbs``.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: an operator that the format does not know.
    """
    require("tflite", "ai_edge_litert")
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = _expressible(graph)
    model = schema.ModelT()
    model.version, model.subgraphs = 3, [schema.SubGraphT()]
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    position = {index: at for at, index in enumerate(graph.tensors)}
    [subgraph] = model.subgraphs
    subgraph.tensors = [_tensor(tensor, model) for tensor in graph.tensors.values()]
    subgraph.inputs = _positions(graph.inputs, position)
    subgraph.outputs = _positions(graph.outputs, position)
    subgraph.operators = [_operator(o, graph, position, model) for o in graph.operators]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _positions(indices: Iterable[int], position: dict[int, int]) -> Array:
    return np.array([i if i == ABSENT else position[i] for i in indices], np.int32)


def _tensor(tensor: Tensor, model: Any) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    written = schema.TensorT()
    written.name, written.hasRank = tensor.name, True
    written.shape = np.array(tensor.shape, np.int32)
    written.type = getattr(schema.TensorType, tensor.dtype.upper())
    written.quantization = _quantization(tensor.quantization)
    if tensor.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(_stored(tensor), np.uint8)
        written.buffer = len(model.buffers)
        model.buffers.append(buffer)
    return written


def _stored(tensor: Tensor) -> bytes:
    assert tensor.data is not None
    if tensor.dtype != "int4":
        return np.ascontiguousarray(tensor.data, np.dtype(tensor.dtype)).tobytes()
    # Two to the byte, the first in its low half.
    halves = np.append(tensor.data.reshape(-1), [0] * (tensor.elements % 2)).astype(np.uint8) & 15
    packed: Array = halves[0::2] | (halves[1::2] << 4)
    return packed.astype(np.uint8).tobytes()


def _quantization(quantization: Quantization | None) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    written = schema.QuantizationParametersT()
    if quantization is not None:
        written.scale = np.array(quantization.scales, np.float32)
        written.zeroPoint = np.array(quantization.zero_points, np.int64)
        written.quantizedDimension = quantization.axis
    return written


def _operator(operator: Operator, graph: Graph, position: dict[int, int], model: Any) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    code = getattr(schema.BuiltinOperator, operator.kind, None)
    if code is None:
        raise BadInput("TensorFlow Lite has no such operator", where=operator.place)
    codes = [known.builtinCode for known in model.operatorCodes]
    if code not in codes:
        written_code = schema.OperatorCodeT()
        written_code.builtinCode, written_code.deprecatedBuiltinCode = code, min(code, 127)
        model.operatorCodes.append(written_code)
        codes.append(code)
    written = schema.OperatorT()
    written.opcodeIndex = codes.index(code)
    written.inputs = _positions(operator.inputs, position)
    written.outputs = _positions(operator.outputs, position)
    _set_options(written, operator, graph)
    return written


def _set_options(written: Any, operator: Operator, graph: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    words = operator.kind.split("_")
    name = _OPTIONS.get(operator.kind, "".join(word.capitalize() for word in words)) + "Options"
    name = name.replace("2d", "2D")
    if not hasattr(schema.BuiltinOptions, name):
        return  # LOGISTIC and others have none.
    options = getattr(schema, name + "T")()
    values = {**_derived(operator, graph), **_window(operator, graph)}
    for key, value in {**operator.options, **values}.items():
        head, *tail = key.split("_")
        attribute = head + "".join(word.capitalize() for word in tail)
        if hasattr(options, attribute):
            setattr(options, attribute, value)
    written.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    written.builtinOptions = options


def _derived(operator: Operator, graph: Graph) -> dict[str, Any]:
    """Options that the tensors tell."""
    from ai_edge_litert import schema_py_generated as schema

    def dtype(index: int) -> int:
        code: int = getattr(schema.TensorType, graph.tensors[index].dtype.upper())
        return code

    shape = graph.tensors[operator.outputs[0]].shape
    source = graph.tensors[operator.inputs[0]].shape if operator.inputs else ()
    values: dict[str, Any] = {
        "fused_activation_function": getattr(schema.ActivationFunctionType, operator.activation),
        "num_splits": len(operator.outputs),
        "num": len(operator.outputs),
        "values_count": len(operator.inputs),
        "out_data_type": dtype(operator.outputs[0]),
        "output_type": dtype(operator.outputs[0]),
        "out_type": dtype(operator.outputs[0]),
        "keep_num_dims": len(shape) != 2,
        "new_shape": np.array(shape, np.int32),
    }
    if operator.inputs:
        values["in_data_type"] = dtype(operator.inputs[0])
    if operator.kind == "DEPTHWISE_CONV_2D":
        values["depth_multiplier"] = shape[-1] // source[-1]
    if operator.kind == "SQUEEZE" and "squeeze_dims" not in operator.options:
        values["squeeze_dims"] = None
    if operator.kind == "MIRROR_PAD" and isinstance(operator.options.get("mode"), str):
        values["mode"] = getattr(schema.MirrorPadMode, operator.options["mode"])
    return values


def _window(operator: Operator, graph: Graph) -> dict[str, Any]:
    from ai_edge_litert import schema_py_generated as schema

    window = operator.window
    if window is None:
        return {}
    same = window.padding == same_padding(operator, graph)
    return {
        "padding": schema.Padding.SAME if same else schema.Padding.VALID,
        "stride_h": window.stride[0],
        "stride_w": window.stride[1],
        "dilation_h_factor": window.dilation[0],
        "dilation_w_factor": window.dilation[1],
        "filter_height": window.kernel[0],
        "filter_width": window.kernel[1],
    }


def _expressible(graph: Graph) -> Graph:
    """The graph in operators and paddings that the format has."""
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if operator.kind == "LOOKUP":
            operators.extend(_gather(operator, tensors))
        elif operator.kind == "EMBEDDING_MEAN":
            operators.extend(_embedding_mean(operator, tensors))
        elif operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            operators.extend(_padded(operator, graph, tensors))
        else:
            operators.append(operator)
    return replace(graph, tensors=tensors, operators=tuple(operators))


def _add(tensors: dict[int, Tensor], tensor: Tensor) -> int:
    index = max(tensors) + 1
    tensors[index] = tensor
    return index


def _gather(operator: Operator, tensors: dict[int, Tensor]) -> list[Operator]:
    """LOOKUP as CAST, ADD of 128 where the input is signed, and GATHER."""
    [source], [target] = operator.inputs, operator.outputs
    shape, output = tensors[source].shape, tensors[target]
    offset = 128 if tensors[source].dtype == "int8" else 0
    place = operator.place
    wide = _add(tensors, Tensor(f"{output.name};wide", shape, "int32"))
    shift = _add(tensors, Tensor("offset", (1,), "int32", data=np.array([offset], np.int32)))
    entry = _add(tensors, Tensor(f"{output.name};entry", shape, "int32"))
    values = np.asarray(operator.options["table"])
    table = replace(output, name="table", shape=(256,), data=values)
    return [
        Operator("CAST", (source,), (wide,), place),
        Operator("ADD", (wide, shift), (entry,), place),
        Operator("GATHER", (_add(tensors, table), entry), (target,), place, options={"axis": 0}),
    ]


def _embedding_mean(operator: Operator, tensors: dict[int, Tensor]) -> list[Operator]:
    """EMBEDDING_MEAN as EMBEDDING_LOOKUP and MEAN of whole rows, between two reshapes."""
    (numbers, table), [target] = operator.inputs, operator.outputs
    count, width = tensors[numbers].elements, tensors[target].elements
    rows = replace(tensors[table], shape=(tensors[table].shape[0], width))
    assert rows.data is not None
    flat = _add(tensors, replace(tensors[numbers], shape=(count,)))
    matrix = _add(tensors, replace(rows, data=rows.data.reshape(rows.shape)))
    found = _add(tensors, replace(rows, shape=(count, width), data=None))
    axis = _add(tensors, Tensor("axis", (1,), "int32", data=np.zeros(1, np.int32)))
    mean = _add(tensors, replace(tensors[target], shape=(width,)))
    place = operator.place
    return [
        Operator("RESHAPE", (numbers,), (flat,), place),
        Operator("EMBEDDING_LOOKUP", (flat, matrix), (found,), place),
        Operator("MEAN", (found, axis), (mean,), place, options={"keep_dims": False}),
        Operator("RESHAPE", (mean,), (target,), place),
    ]


def _padded(operator: Operator, graph: Graph, tensors: dict[int, Tensor]) -> list[Operator]:
    """A convolution, after a PAD if its padding is neither SAME nor VALID."""
    assert operator.window is not None
    padding = operator.window.padding
    if padding in (Padding(), same_padding(operator, graph)):
        return [operator]
    source = tensors[operator.inputs[0]]
    batch, height, width, channels = source.shape
    rows, columns = padding.top + padding.bottom, padding.left + padding.right
    shape = (batch, height + rows, width + columns, channels)
    pairs = [[0, 0], [padding.top, padding.bottom], [padding.left, padding.right], [0, 0]]
    amounts = Tensor("paddings", (4, 2), "int32", data=np.array(pairs, np.int32))
    inputs = (operator.inputs[0], _add(tensors, amounts))
    padded = _add(tensors, replace(source, name=f"{source.name};padded", shape=shape, data=None))
    window: Window = replace(operator.window, padding=Padding())
    return [
        Operator("PAD", inputs, (padded,), operator.place),
        replace(operator, inputs=(padded, *operator.inputs[1:]), window=window),
    ]
