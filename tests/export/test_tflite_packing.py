"""What is put into a TFLite file takes nothing out of it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekd.errors import BadInput
from edgekd.export.tflite_packing import (
    has_metadata,
    outline,
    packed,
    packed_files,
    parse_model,
    producer_of_output,
)
from tests.export.c.models import ModelBuilder
from tests.export.mean_colour import mean_colour

FILES = {"labels.txt": b"red\ngreen\n", "empty": b""}


def grouped() -> bytes:
    """A layer of int4 weights in groups of 32: newer than the schema of tflite-support."""
    model = ModelBuilder()
    source = model.input((1, 64), dtype="float32")
    weights = model.constant(np.arange(128).reshape(2, 64) % 8, "int4")
    scales = model.constant(np.ones((2, 2)), "float16")
    details = schema.BlockwiseQuantizationT()
    details.scales, details.blockSize = scales, 32
    quantization = schema.QuantizationParametersT()
    quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    quantization.details = details
    model.graph.tensors[weights].quantization = quantization
    result = model.tensor((1, 2), "float32")
    model.operator("FULLY_CONNECTED", [source, weights, -1], [result])
    return model.build([result])


def written(folder: Path, content: bytes, name: str = "m.tflite") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def fields(value: Any) -> Any:
    """A parsed table as plain values."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [fields(one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    return {k: fields(v) for k, v in vars(value).items()} if hasattr(value, "__dict__") else value


@pytest.mark.parametrize("content", [grouped(), mean_colour(), mean_colour("int8", softmax=True)])
def test_all_of_the_model_stays(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    made = written(tmp_path, packed(parse_model(path), b"said", FILES), "made.tflite")
    before, after = fields(parse_model(path)), fields(parse_model(made))
    assert after["buffers"].pop()["data"] == list(b"said")
    assert [entry["name"] for entry in after.pop("metadata")] == [list(b"TFLITE_METADATA")]
    assert not before.pop("metadata")
    assert after == before
    assert packed_files(made) == FILES
    assert has_metadata(made, parse_model(made))
    assert not has_metadata(path, parse_model(path))
    assert packed(parse_model(path), b"said", FILES) == made.read_bytes()


def test_what_was_said_before_is_left_out(tmp_path: Path) -> None:
    first = written(tmp_path, packed(parse_model(written(tmp_path, grouped())), b"old", FILES))
    again = packed(parse_model(first), b"new", {"other": b"1"})
    second = written(tmp_path, again, "second.tflite")
    assert again == packed(parse_model(written(tmp_path, grouped())), b"new", {"other": b"1"})
    assert packed_files(second) == {"other": b"1"}


def test_files_packed_without_metadata_count_as_such(tmp_path: Path) -> None:
    path = written(tmp_path, mean_colour())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "a")
    assert has_metadata(path, parse_model(path))


def test_the_outline_has_the_tensors_and_no_weights(tmp_path: Path) -> None:
    content = grouped()
    model = parse_model(written(tmp_path, content))
    bare = parse_model(written(tmp_path, outline(model)))
    [graph], [before] = bare.subgraphs, model.subgraphs
    assert [t.name for t in graph.tensors] == [t.name for t in before.tensors]
    assert (list(graph.inputs), list(graph.outputs)) == (list(before.inputs), list(before.outputs))
    assert not graph.operators
    assert not any(buffer.data is not None for buffer in bare.buffers)
    # The model itself is as it was.
    assert fields(model) == fields(parse_model(written(tmp_path, content)))


@pytest.mark.parametrize(("softmax", "name"), [(True, "SOFTMAX"), (False, "AVERAGE_POOL_2D")])
def test_the_output_has_its_operator(softmax: bool, name: str, tmp_path: Path) -> None:
    assert producer_of_output(parse_model(written(tmp_path, mean_colour(softmax=softmax)))) == name


def test_a_damaged_zip_is_bad_input(tmp_path: Path) -> None:
    content = packed(parse_model(written(tmp_path, mean_colour())), b"said", FILES)
    damaged = content.replace(b"red\ngreen", b"red\ngrown")
    with pytest.raises(BadInput, match="holds no readable files"):
        packed_files(written(tmp_path, damaged))
    with pytest.raises(BadInput, match="holds no readable files"):
        packed_files(written(tmp_path, mean_colour()))
