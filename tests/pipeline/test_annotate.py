"""Annotated files: proven in LiteRT and in the Task Library, or not made at all."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgekd.errors import BadInput, RunFailed
from edgekd.export.contract import Preprocessing
from edgekd.files import sha256_of, write_json
from edgekd.pipeline.foreign.annotate import annotate_file, annotate_folder
from edgekd.pipeline.foreign.descriptions import Given
from tests.export.mean_colour import LABELS, mean_colour
from tests.pipeline.test_descriptions import bundle

PIXELS = Preprocessing(scale=1 / 255, mean=[0.4, 0.5, 0.6], std=[0.2, 0.25, 0.3])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exported artifact."""
    (tmp_path / "model.tflite").write_bytes(mean_colour())
    rewrite(tmp_path, sha256=sha256_of(tmp_path / "model.tflite"))
    return tmp_path


def rewrite(folder: Path, **changes: Any) -> None:
    found = bundle([1, 4, 4, 3], PIXELS, list(LABELS)).model_dump(mode="json", by_alias=True)
    write_json(folder / "bundle.json", {**found, **changes})


def labels_file(folder: Path) -> Path:
    path = folder / "mine.txt"
    path.write_text("\n".join(LABELS), encoding="utf-8")
    return path


def test_an_exported_artifact_is_annotated_beside_the_original(folder: Path) -> None:
    before = (folder / "model.tflite").read_bytes()
    made = annotate_folder(folder, Given(author="me"))
    assert made.path == folder / "model_metadata.tflite"
    assert made.writer == "image classifier"
    assert made.task_library is not None
    assert made.task_library.refusal == ""
    assert made.task_library.difference is not None
    assert made.task_library.difference < 1e-4
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("labels.txt") == b"red\ngreen\nblue\n"
    assert (folder / "model.tflite").read_bytes() == before
    with pytest.raises(BadInput, match="is there already"):
        annotate_folder(folder, Given())
    names = {"bundle.json", "model.tflite", "model_metadata.tflite"}
    assert {path.name for path in folder.iterdir()} == names


def test_the_task_library_takes_no_int8_student(folder: Path) -> None:
    model = folder / "model.tflite"
    model.write_bytes(mean_colour("int8", scale=0.02))
    rewrite(folder, sha256=sha256_of(model))
    made = annotate_folder(folder, Given(), folder / "out.tflite")
    assert made.task_library is not None
    assert "got INT8" in made.task_library.refusal
    assert made.task_library.difference is None


def test_a_uint8_file_of_unknown_origin(tmp_path: Path) -> None:
    model = tmp_path / "any.tflite"
    model.write_bytes(mean_colour("uint8", scale=1 / 64, zero_point=128, softmax=True))
    given = Given(labels=labels_file(tmp_path), mean=(128.0,), std=(64.0,))
    made = annotate_file(model, given, tmp_path / "out.tflite")
    assert made.task_library is not None
    assert made.task_library.difference is not None
    # One step of its output.
    assert made.task_library.difference <= 1 / 256
    with pytest.raises(BadInput, match="mean 120 and std 64 are not those of its uint8 input"):
        annotate_file(model, Given(labels=given.labels, mean=(120.0,), std=(64.0,)))


def test_plain_numbers_have_no_task(tmp_path: Path) -> None:
    model = tmp_path / "any.tflite"
    model.write_bytes(mean_colour())
    made = annotate_file(model, Given())
    assert (made.writer, made.files, made.task_library) == ("tensors", (), None)
    assert made.path == tmp_path / "any_metadata.tflite"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"sha256": "0" * 64}, "was changed since it was exported"),
        ({"model": "other.tflite"}, "is missing or was changed"),
        ({"model": "../model.tflite"}, "is no TFLite artifact"),
        ({"format": "onnx"}, "is no TFLite artifact"),
        ({"format": "none"}, "is not a bundle of edgekd"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(
    folder: Path, changes: dict[str, Any], part: str
) -> None:
    rewrite(folder, **{"sha256": sha256_of(folder / "model.tflite"), **changes})
    with pytest.raises(BadInput, match=part):
        annotate_folder(folder, Given())
    assert not (folder / "model_metadata.tflite").exists()


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no bundle\.json"):
        annotate_folder(tmp_path, Given())
    (tmp_path / "bundle.json").write_text(json.dumps([]))
    with pytest.raises(BadInput, match="is not a bundle of edgekd"):
        annotate_folder(tmp_path, Given())


def test_a_place_that_cannot_be_written_is_one_line(folder: Path) -> None:
    with pytest.raises(RunFailed, match="cannot be written: No such file"):
        annotate_folder(folder, Given(), folder / "none" / "out.tflite")
