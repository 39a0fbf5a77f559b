"""How large the numbers of tokens may be that a file takes: the rows of its embedding tables.

A file says nothing of it, and native kernels stop at, or read past, a number without a row. So
the inputs are followed through the graph to the tables in which they are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgekd.export.executorch_program import Kernel, read_method
from edgekd.records import Format

_METHOD = "forward"
# By operator: which of its inputs is the table, and which the numbers of rows.
_LOOKUPS = {
    "EMBEDDING_LOOKUP": (1, 0),
    "GATHER": (0, 1),
    "Gather": (0, 1),
    "GatherBlockQuantized": (0, 1),
    "aten::embedding": (0, 1),
    "quantized_decomposed::embedding_byte": (0, 5),
    "quantized_decomposed::embedding_4bit": (0, 5),
}
# What gives on the values, or the rows, that it gets.
_PASSIVE = {
    "RESHAPE",
    "CAST",
    "SQUEEZE",
    "EXPAND_DIMS",
    "DEQUANTIZE",
    "Reshape",
    "Cast",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "DequantizeLinear",
    "aten::view_copy",
    "dim_order_ops::_to_dim_order_copy",
}


class _Step(NamedTuple):
    """An operator and the tensors that it reads and writes, by name or by number."""

    kind: str
    reads: Sequence[Any]
    writes: Sequence[Any]


def token_limits(path: Path, format_: Format) -> list[int | None]:
    """For each input, the number of rows of the smallest table that it is looked up in.

    ``None`` where it is looked up in none, or the format cannot be followed.

    Args:
        path: a file that its inspector has taken (:func:`edgekd.export.find_inspector`).
        format_: of the file.
    """
    if format_ == "tflite":
        return _limits(*_read_tflite(path))
    if format_ == "onnx":
        return _limits(*_read_onnx(path))
    if format_ == "executorch":
        return _limits(*_read_executorch(path))
    return []


_Graph = tuple[Sequence[Any], Mapping[Any, int], Iterable[_Step]]


def _limits(
    inputs: Sequence[Any], tables: Mapping[Any, int], steps: Iterable[_Step]
) -> list[int | None]:
    """Follow each input.

    Args:
        inputs: the graph's.
        tables: rows of each constant.
        steps: in the order in which they run.
    """
    rows = {name: size for name, size in tables.items() if name not in inputs}
    origins = {name: index for index, name in enumerate(inputs)}
    found: list[int | None] = [None] * len(inputs)
    for step in steps:
        if step.kind in _PASSIVE and step.reads:
            source = step.reads[0]
            for name in step.writes:
                if source in origins:
                    origins[name] = origins[source]
                if source in rows:
                    rows[name] = rows[source]
        elif step.kind in _LOOKUPS and len(step.reads) > max(_LOOKUPS[step.kind]):
            table, tokens = (step.reads[slot] for slot in _LOOKUPS[step.kind])
            if tokens in origins and table in rows:
                index = origins[tokens]
                found[index] = min(rows[table], found[index] or rows[table])
    return found


def _read_tflite(path: Path) -> _Graph:
    from ai_edge_litert.schema_py_generated import BuiltinOperator, ModelT

    kinds = {code: name for name, code in vars(BuiltinOperator).items() if name.isupper()}
    model = ModelT.InitFromPackedBuf(path.read_bytes())
    graph = model.subgraphs[0]
    # What neither comes in nor is computed is a constant, wherever in the file its data lie.
    computed = {int(index) for operator in graph.operators for index in operator.outputs}
    tables = {
        index: int(tensor.shape[0])
        for index, tensor in enumerate(graph.tensors)
        if index not in computed and tensor.shape is not None and len(tensor.shape)
    }
    steps = (
        _Step(
            kinds.get(model.operatorCodes[operator.opcodeIndex].builtinCode, ""),
            [int(index) for index in operator.inputs],
            [int(index) for index in operator.outputs],
        )
        for operator in graph.operators
    )
    return [int(index) for index in graph.inputs], tables, steps


def _read_onnx(path: Path) -> _Graph:
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    tables = {tensor.name: int(tensor.dims[0]) for tensor in graph.initializer if tensor.dims}
    inputs = [value.name for value in graph.input if value.name not in tables]
    steps = (_Step(node.op_type, list(node.input), list(node.output)) for node in graph.node)
    return inputs, tables, steps


def _read_executorch(path: Path) -> _Graph:
    method = read_method(path.read_bytes(), _METHOD, str(path))
    tables = {
        index: tensor.sizes[0]
        for index, tensor in enumerate(method.values)
        if tensor is not None and tensor.sizes
    }
    # An operator's last value is its output.
    steps = (
        _Step(call.operator.partition(".")[0], call.values[:-1], call.values[-1:])
        for call in method.calls
        if isinstance(call, Kernel)
    )
    return method.inputs, tables, steps
