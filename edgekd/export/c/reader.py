"""Reads a full-integer TFLite file of any origin into a graph.

Whatever this returns keeps every rule that the rest of the generator relies on: operators in an
order in which they can run, shapes that follow from each other, constants of the right size, and
the quantization that TensorFlow Lite's kernels assume.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekd.errors import BadInput
from edgekd.export.c.graph import ABSENT, Graph, Operator
from edgekd.export.c.reading.operators import OperatorReader
from edgekd.export.c.reading.tensors import TensorReader
from edgekd.export.flatbuffer import FlatBuffer, Table

_IDENTIFIER = b"TFL3"
_VERSION = 3
# The largest flash of the boards that we know is a quarter of it.
_LARGEST_FILE = 64 * 1024 * 1024
_MOST_OPERATORS = 4096


def read_graph(path: Path) -> Graph:
    """The graph of a TFLite file.

    Raises:
        BadInput: it cannot be read, is not a TFLite file, is damaged, is not full-integer, or uses
            what C cannot be generated for; the message names the operator or tensor.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise BadInput(
                f"{size} bytes are too many for a microcontroller",
                where=str(path),
                mend=f"at most {_LARGEST_FILE} are read",
            )
        with path.open("rb") as stream:
            # One byte more than allowed shows a file that has grown since.
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    return parse_graph(content[:_LARGEST_FILE], str(path))


def parse_graph(content: bytes, where: str) -> Graph:
    """The graph of a TFLite file's content.

    Args:
        content: of the whole file.
        where: name of the file, for messages.

    Raises:
        BadInput: as ``read_graph``.
    """
    if len(content) < 8 or content[4:8] != _IDENTIFIER:
        raise BadInput("is not a TFLite file (no TFL3 identifier)", where=where)
    buffer = FlatBuffer(content, where)
    model = buffer.root()
    version = model.integer(0, "I")
    if version != _VERSION:
        raise BadInput(f"has the schema version {version}, not {_VERSION}", where=where)
    subgraph = _only_subgraph(model, buffer)
    tensors = TensorReader(buffer, subgraph.tables(0), model.tables(4))
    operators = _operators(model, subgraph, buffer, tensors)
    inputs, outputs = subgraph.integers(1, "i"), subgraph.integers(2, "i")
    _check_order(operators, inputs, outputs, tensors, buffer)
    return Graph(dict(tensors.used), operators, inputs, outputs)


def _only_subgraph(model: Table, buffer: FlatBuffer) -> Table:
    """The first subgraph; others would be the branches and bodies of control flow.

    Operators that call a subgraph are not supported, so a file that has them is refused later, and
    further subgraphs of one that has none are never run.
    """
    subgraphs = model.tables(2)
    if not subgraphs:
        raise buffer.damaged("it has no graph")
    return subgraphs[0]


def _operators(
    model: Table, subgraph: Table, buffer: FlatBuffer, tensors: TensorReader
) -> tuple[Operator, ...]:
    tables = subgraph.tables(3)
    if not tables:
        raise BadInput("has no operators", where=buffer.where, mend="export a model that computes")
    if len(tables) > _MOST_OPERATORS:
        raise BadInput(
            f"has {len(tables)} operators",
            where=buffer.where,
            mend=f"at most {_MOST_OPERATORS} are supported",
        )
    reader = OperatorReader(buffer, model.tables(1), tensors)
    return tuple(reader.read(table, number) for number, table in enumerate(tables))


def _check_order(
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
    tensors: TensorReader,
    buffer: FlatBuffer,
) -> None:
    """Make sure that everything is written once, before it is read."""
    _check_inputs(inputs, tensors, buffer)
    written = set(inputs)
    for operator in operators:
        for index in operator.inputs:
            known = index == ABSENT or index in written or tensors[index].data is not None
            if not known:
                raise buffer.damaged(f"{operator.place} reads tensor {index} before it is written")
        for index in operator.outputs:
            if index in written or tensors[index].data is not None:
                raise buffer.damaged(f"{operator.place} writes tensor {index} a second time")
            written.add(index)
    computed = written.difference(inputs)
    for index in outputs:
        if index not in computed:
            raise tensors.refuse(index, "is an output that no operator computes", "leave it out")
    if not outputs or len(set(outputs)) != len(outputs):
        raise buffer.damaged("its outputs are missing or named twice")


def _check_inputs(inputs: Sequence[int], tensors: TensorReader, buffer: FlatBuffer) -> None:
    if not inputs or len(set(inputs)) != len(inputs):
        raise buffer.damaged("its inputs are missing or named twice")
    for index in inputs:
        if tensors[index].data is not None:
            raise tensors.refuse(index, "is an input and a constant", "convert the model again")
        if tensors[index].dtype == "int4":
            raise tensors.refuse(index, "is an input in int4", "use int8")
        tensors.check_fixed(index)
