"""TFLite files that would unpack to many times their size are refused; honest ones are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekd.errors import BadInput
from edgekd.export.model_description import ModelDescription
from edgekd.export.tflite_metadata import write_metadata
from edgekd.export.tflite_sharing import check_sharing
from tests.export.mean_colour import mean_colour


class _Named:
    """A table that is packed once, however often it is named."""

    def __init__(self, place: int) -> None:
        self._place = place

    def Pack(self, builder: Any) -> int:  # noqa: N802 - as flatbuffers calls it
        return self._place


def shared(field: str, rows: int) -> bytes:
    """A model with a vector of one table, which holds a vector of one table."""
    model = schema.ModelT.InitFromPackedBuf(mean_colour(), 0)
    builder = flatbuffers.Builder(1024)
    if field == "signatures":
        inner, outer = schema.TensorMapT(), schema.SignatureDefT()
        outer.inputs = [_Named(inner.Pack(builder))] * rows
        model.signatureDefs = [_Named(outer.Pack(builder))] * rows
    elif field == "tensors":
        inner, outer = schema.TensorT(), schema.SubGraphT()
        outer.tensors = [_Named(inner.Pack(builder))] * rows
        model.subgraphs = [_Named(outer.Pack(builder))] * rows
    else:
        data = schema.BufferT()
        data.data = bytes(64 * rows)
        model.buffers = [_Named(data.Pack(builder))] * rows
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("field", ["signatures", "tensors", "buffers"])
def test_a_few_kilobytes_that_unpack_to_gigabytes_are_refused(field: str, tmp_path: Path) -> None:
    content = shared(field, rows=3000)
    assert len(content) < 300_000
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="names the same tables too often"):
        write_metadata(path, ModelDescription("any", ""), tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.parametrize("field", ["signatures", "tensors", "buffers"])
def test_some_sharing_passes(field: str) -> None:
    check_sharing(shared(field, rows=5), "model")


def test_another_file_is_refused() -> None:
    with pytest.raises(BadInput, match="is not a TFLite file"):
        check_sharing(b"PK", "model")
