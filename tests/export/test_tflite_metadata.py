"""Metadata by tflite-support's own writers, read back by its own reader and its Task Library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekd.errors import BadInput, RunFailed
from edgekd.export.model_description import ModelDescription, Normalization
from edgekd.export.tflite_metadata import classify_in_task_library, write_metadata
from tests.export.mean_colour import LABELS, mean_colour

MEAN, STD = (100.0, 150.0, 200.0), (10.0, 20.0, 40.0)
IMAGE = ModelDescription("m", "d", "me", LABELS, Normalization(MEAN, STD))


def annotated(folder: Path, content: bytes, about: ModelDescription) -> Path:
    model, out = folder / "m.tflite", folder / "out.tflite"
    model.write_bytes(content)
    write_metadata(model, about, out)
    return out


def test_the_task_library_normalises_as_it_is_told(tmp_path: Path) -> None:
    """Scores below 0 and above 1, in its own order: none of them is cut off or left out."""
    out = annotated(tmp_path, mean_colour(), IMAGE)
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    expected = ((image.astype(np.float64) - MEAN) / STD).mean(axis=(0, 1))
    found = classify_in_task_library(out, image)
    assert [score for _, _, score in found] == sorted((s for _, _, s in found), reverse=True)
    for index, label, score in found:
        assert label == LABELS[index]
        assert score == pytest.approx(expected[index], abs=1e-4)
    assert sorted(index for index, _, _ in found) == [0, 1, 2]
    assert expected.min() < 0 < expected.max()


def test_the_task_library_says_why_it_does_not_take_a_file(tmp_path: Path) -> None:
    out = annotated(tmp_path, mean_colour("int8"), IMAGE)
    with pytest.raises(RunFailed, match=r"Type mismatch for input tensor .* got INT8"):
        classify_in_task_library(out, np.zeros((4, 4, 3), np.uint8))


def test_a_file_that_has_metadata_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    first = annotated(tmp_path, mean_colour(softmax=True), IMAGE)
    out = tmp_path / "again.tflite"
    with pytest.raises(BadInput, match="has metadata already"):
        write_metadata(first, IMAGE, out)
    assert not out.exists()
    said = ModelDescription('\u00e9 "quoted"\n2', "", input_files={"how.json": b"{}"})
    written = write_metadata(first, said, out, replace=True)
    assert written.writer == "tensors"
    assert written.files == ("how.json",)


@pytest.mark.parametrize("content", [b"", b"labels", mean_colour()[:200]])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"m\.tflite: (is|the runtime refuses)"):
        annotated(tmp_path, content, IMAGE)
    assert not (tmp_path / "out.tflite").exists()
