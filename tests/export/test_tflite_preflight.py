"""What LiteRT says of TFLite files, good and malformed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekd.errors import BadInput
from edgekd.export.contract import ExportedModel
from edgekd.export.tflite import TfliteExporter
from edgekd.export.tflite_preflight import inspect_tflite
from tests.export.networks import SHAPES, export, prepared


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return export(
        TfliteExporter(),
        prepared("8x8", "int4"),
        SHAPES["8x8"],
        "int4",
        tmp_path_factory.mktemp("tflite"),
    )


def without_graph() -> bytes:
    """A file that is well formed and has no subgraph: LiteRT crashes on it."""
    import flatbuffers

    builder = flatbuffers.Builder(64)
    builder.Finish(schema.ModelT().Pack(builder), b"TFL3")
    return bytes(builder.Output())


def flipped(content: bytes, seed: int) -> bytes:
    generator = np.random.default_rng(seed)
    damaged = bytearray(content)
    for position in generator.integers(8, len(content), 16):
        damaged[position] ^= 0xFF
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"TFL3",
        lambda content: b"not a model at all",
        lambda content: content[: len(content) // 2],
        lambda content: b"\xff\xff\xff\xff" + content[4:],
        lambda content: without_graph(),
        lambda content: flipped(content, seed=0),
        lambda content: flipped(content, seed=1),
    ],
)
def test_malformed_files_are_one_line_of_bad_input(
    exported: ExportedModel, damage: Any, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damage(exported.path.read_bytes()))
    with pytest.raises(BadInput) as caught:
        inspect_tflite(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        inspect_tflite(tmp_path / "none.tflite")


def test_a_file_is_inspected_without_edgekd_having_made_it(
    exported: ExportedModel, tmp_path: Path
) -> None:
    copy = tmp_path / "any.tflite"
    copy.write_bytes(exported.path.read_bytes())
    assert inspect_tflite(copy) == (exported.inputs, exported.outputs, exported.preflight)
