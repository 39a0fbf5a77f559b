"""The bounds-checked access to FlatBuffers, against flatbuffers' own writer and against damage."""

from __future__ import annotations

import struct

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekd.errors import BadInput
from edgekd.export.flatbuffer import FlatBuffer


def packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(64)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def model_with_tensor() -> schema.ModelT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "a\x07b\u00e9", [1, -2, 3], schema.TensorType.INT8
    tensor.isVariable = True
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5, 0.25], [-(2**40), 7]
    graph = schema.SubGraphT()
    graph.tensors = [tensor]
    model = schema.ModelT()
    model.version, model.subgraphs = 3, [graph]
    return model


def shared(rows: int) -> bytes:
    """A table with a vector of tables that are all the same one.

    Offsets are unsigned, so no table can lead back to itself; only sharing makes a file large.
    """
    places = [4 * (rows - row) for row in range(rows)]
    head = struct.pack("<I4s", 16, b"TFL3")
    vtable = struct.pack("<HHHxx", 6, 8, 4)
    table = struct.pack("<iI", 16 - 8, 4)
    vector = struct.pack(f"<I{rows}I", rows, *places)
    # The shared table has no fields: its own size is all that is left of its vtable.
    empty = struct.pack("<iHH", -4, 4, 4)
    return head + vtable + table + vector + empty


def test_reads_what_flatbuffers_wrote() -> None:
    root = FlatBuffer(packed(model_with_tensor()), "m").root()
    assert root.integer(0, "I") == 3
    [graph] = root.tables(2)
    [tensor] = graph.tables(0)
    assert tensor.integers(0, "i") == (1, -2, 3)
    assert tensor.integer(1, "b") == schema.TensorType.INT8
    assert tensor.flag(5)
    quantization = tensor.table(4)
    assert quantization is not None
    assert quantization.reals(2) == (0.5, 0.25)
    assert quantization.integers(3, "q") == (-(2**40), 7)


def test_missing_fields_have_their_defaults() -> None:
    root = FlatBuffer(packed(schema.ModelT()), "m").root()
    assert root.tables(2) == []
    assert root.table(2) is None
    assert root.integers(5, "i") == ()
    assert root.extent(3) == (0, 0)
    assert root.integer(99, "i", -4) == -4
    assert root.text(3) == ""


def test_text_is_printable_and_short() -> None:
    model = model_with_tensor()
    root = FlatBuffer(packed(model), "m").root()
    assert root.tables(2)[0].tables(0)[0].text(3) == "a?b\u00e9"
    model.subgraphs[0].tensors[0].name = b"\xff\x1b[31m" + b"x" * 1000
    text = FlatBuffer(packed(model), "m").root().tables(2)[0].tables(0)[0].text(3)
    assert len(text) == 80
    assert text.isprintable()


@pytest.mark.parametrize("length", range(40))
def test_short_files_are_bad_input(length: int) -> None:
    content = packed(model_with_tensor())[:length]
    with pytest.raises(BadInput, match="is a damaged TFLite file"):
        FlatBuffer(content, "m").root().tables(2)[0].tables(0)[0].integers(0, "i")


@pytest.mark.parametrize("offset", [0, 2**31 - 1, 2**32 - 1])
def test_an_offset_outside_the_file_is_bad_input(offset: int) -> None:
    content = struct.pack("<I", offset) + packed(model_with_tensor())[4:]
    with pytest.raises(BadInput, match=r"^m: is a damaged TFLite file: the offset at byte 0"):
        FlatBuffer(content, "m").root()


def test_a_vector_longer_than_the_file_is_bad_input() -> None:
    content = bytearray(packed(model_with_tensor()))
    at = content.index(struct.pack("<Iiii", 3, 1, -2, 3))
    content[at : at + 4] = struct.pack("<I", 2**30)
    tensor = FlatBuffer(bytes(content), "m").root().tables(2)[0].tables(0)[0]
    with pytest.raises(BadInput, match="longer than the file"):
        tensor.integers(0, "i")


def test_tables_that_are_named_too_often_spend_the_budget() -> None:
    content = shared(1000)
    assert len(FlatBuffer(content, "m").root().tables(0)) == 1000
    with pytest.raises(BadInput, match="names the same tables too often"):
        FlatBuffer(content, "m", steps=100).root().tables(0)


def test_the_budget_counts_elements_of_vectors() -> None:
    content = packed(model_with_tensor())
    buffer = FlatBuffer(content, "m", steps=5)
    tensor = buffer.root().tables(2)[0].tables(0)[0]
    with pytest.raises(BadInput, match="names the same tables too often"):
        tensor.integers(0, "i")
