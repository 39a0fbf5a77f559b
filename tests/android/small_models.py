"""Models of a few operators, for what digits do not show: dtypes, several inputs, no memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHAPE = (2, 3)
DTYPES = ("float32", "float16", "float64", "int8", "uint8", "int32", "int64")
# ONNX Runtime's Java interface takes these too, ExecuTorch's does not.
ONNX_DTYPES = (*DTYPES, "int16", "bool")
TFLITE_DTYPES = ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")


def samples_of(dtype: str, count: int) -> npt.NDArray[Any]:
    """``[count, *SHAPE]``, the ends of the range among them."""
    generator = np.random.default_rng(0)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return generator.standard_normal((count, *SHAPE)).astype(kind)
    if kind.kind == "b":
        return generator.integers(0, 2, (count, *SHAPE)).astype(kind)
    limits = np.iinfo(kind)
    values = generator.integers(limits.min, limits.max, (count, *SHAPE), kind, endpoint=True)
    values[0, 0, :2] = limits.min, limits.max
    return values


def onnx_copies(path: Path, dtypes: tuple[str, ...]) -> Path:
    """An ONNX model that gives back each of its inputs."""
    from onnx import helper

    names = [f"of_{dtype}" for dtype in dtypes]
    nodes = [helper.make_node("Identity", [name], [f"{name}_copy"]) for name in names]
    types = [helper.np_dtype_to_tensor_dtype(np.dtype(dtype)) for dtype in dtypes]
    inputs = [
        helper.make_tensor_value_info(name, type_, (1, *SHAPE))
        for name, type_ in zip(names, types, strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info(f"{name}_copy", type_, (1, *SHAPE))
        for name, type_ in zip(names, types, strict=True)
    ]
    return _save_onnx(path, nodes, inputs, outputs)


def onnx_huge_output(path: Path) -> Path:
    """An ONNX model of a few bytes whose output takes 4 TB."""
    from onnx import TensorProto, helper

    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2**20, 2**20])
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2**20, 2**20])]
    return _save_onnx(path, nodes, inputs, outputs, [shape])


def onnx_large_input(path: Path, numbers: int) -> Path:
    """An ONNX model that gives back one large input."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, numbers])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, numbers])]
    return _save_onnx(path, nodes, inputs, outputs)


def onnx_of_texts(path: Path) -> Path:
    """An ONNX model whose input is no number."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.STRING, [1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.STRING, [1])]
    return _save_onnx(path, nodes, inputs, outputs)


def executorch_copies(path: Path, dtypes: tuple[str, ...]) -> Path:
    """An ExecuTorch program that gives back each of its inputs, flipped twice."""
    import torch
    from executorch.exir import to_edge

    class Copies(torch.nn.Module):
        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(one.flip(1).flip(1) for one in inputs)

    examples = tuple(torch.from_numpy(samples_of(dtype, 1)) for dtype in dtypes)
    program = to_edge(torch.export.export(Copies(), examples)).to_executorch()
    path.write_bytes(program.buffer)
    return path


def tflite_copies(dtypes: tuple[str, ...], shape: tuple[int, ...] = SHAPE) -> bytes:
    """A TFLite model that gives back each of its inputs."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []
    for place, dtype in enumerate(dtypes):
        for name in (f"of_{dtype}", f"{dtype}_copy"):
            tensor = schema.TensorT()
            tensor.name, tensor.shape = name, [1, *shape]
            tensor.type = getattr(schema.TensorType, dtype.upper())
            graph.tensors.append(tensor)
        copy = schema.OperatorT()
        copy.inputs, copy.outputs = [2 * place], [2 * place + 1]
        copy.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
        copy.builtinOptions = schema.ReshapeOptionsT()
        copy.builtinOptions.newShape = [1, *shape]
        graph.operators.append(copy)
    graph.inputs = list(range(0, 2 * len(dtypes), 2))
    graph.outputs = list(range(1, 2 * len(dtypes), 2))
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _save_onnx(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: Any = ()
) -> Path:
    import onnx
    from onnx import helper

    graph = helper.make_graph(nodes, "small", inputs, outputs, list(constants))
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path
