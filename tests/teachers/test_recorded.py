"""Recorded answers: real ``.npz`` and Parquet files, right and wrong."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from edgekd.errors import BadInput
from edgekd.recipe import Teacher
from edgekd.teachers import recorded_files
from edgekd.teachers.recorded import RecordedAnswers, align_answers, read_answers

SPEC = Teacher(kind="recorded", path="answers")
LOGITS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
CLASSES = ["ant", "bee", "cat", "dog"]
FORMATS = ["npz", "parquet"]


def write(folder: Path, file_format: str, **arrays: Any) -> Path:
    """The same arrays in either format."""
    path = folder / f"answers.{file_format}"
    if file_format == "npz":
        np.savez(path, **arrays)
        return path
    names = arrays.pop("class_names", None)
    columns = {"id" if name == "ids" else name: list(value) for name, value in arrays.items()}
    table = pa.table(columns)
    if names is not None:
        table = table.replace_schema_metadata({"class_names": json.dumps(list(names))})
    parquet.write_table(table, path)
    return path


def softmax(logits: Any) -> Any:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("file_format", FORMATS)
def test_logits(tmp_path: Path, file_format: str) -> None:
    path = write(tmp_path, file_format, logits=LOGITS, class_names=CLASSES)
    answers = read_answers(path, SPEC, 4)
    np.testing.assert_array_equal(answers.logits, LOGITS)
    assert answers.logits.dtype == np.float32
    assert answers.class_names == tuple(CLASSES)
    assert answers.keys is None
    np.testing.assert_array_equal(align_answers(answers, None, 6), LOGITS)


@pytest.mark.parametrize("file_format", FORMATS)
def test_probabilities(tmp_path: Path, file_format: str) -> None:
    path = write(tmp_path, file_format, probabilities=PROBABILITIES, ids=np.arange(6)[::-1])
    answers = read_answers(path, SPEC, 4)
    aligned = align_answers(answers, None, 8)
    np.testing.assert_allclose(softmax(aligned[:6]), PROBABILITIES[::-1], atol=1e-6)
    assert np.isnan(aligned[6:]).all()
    assert answers.class_names is None


@pytest.mark.parametrize("file_format", FORMATS)
def test_names_of_samples(tmp_path: Path, file_format: str) -> None:
    ids = [f"sample {number}" for number in range(6)]
    path = write(tmp_path, file_format, logits=LOGITS, ids=ids)
    answers = read_answers(path, SPEC, 4)
    assert answers.keys == tuple(ids)
    aligned = align_answers(answers, ("other", *reversed(ids)), 7)
    np.testing.assert_array_equal(aligned[1:], LOGITS[::-1])
    assert np.isnan(aligned[0]).all()


@pytest.mark.parametrize("file_format", FORMATS)
def test_top_probabilities(tmp_path: Path, file_format: str) -> None:
    """0.1 is left for two classes; of 0.7 none gets more than the least that was given."""
    path = write(
        tmp_path,
        file_format,
        top_probabilities=np.array([[0.6, 0.3], [0.2, 0.1]]),
        indices=np.array([[2, 0], [1, 3]]),
    )
    logits = read_answers(path, SPEC, 4).logits
    expected = [[0.3, 0.05, 0.6, 0.05], [0.1, 0.2, 0.1, 0.1]]
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-5)


@pytest.mark.parametrize("file_format", FORMATS)
def test_top_logits(tmp_path: Path, file_format: str) -> None:
    path = write(
        tmp_path,
        file_format,
        top_logits=np.array([[5.0, 3.0]]),
        indices=np.array([[4, 1]]),
        class_names=[*CLASSES, "elk"],
    )
    answers = read_answers(path, SPEC, 4)
    rest = 3 - np.log(3)
    np.testing.assert_allclose(answers.logits, [[rest, 3, rest, rest, 5]], rtol=1e-6)
    # Together the others weigh as much as the least that was given.
    assert np.exp(answers.logits[0, [0, 2, 3]]).sum() == pytest.approx(np.exp(3), rel=1e-5)


def test_all_classes_given_as_top(tmp_path: Path) -> None:
    order = np.argsort(-LOGITS, axis=1)
    path = write(tmp_path, "npz", top_logits=np.take_along_axis(LOGITS, order, 1), indices=order)
    np.testing.assert_array_equal(read_answers(path, SPEC, 4).logits, LOGITS)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_top_probabilities_stay_a_distribution(k: int, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(5, 0.7), size=3)
    order = np.argsort(-shares, axis=1)[:, :k]
    top = np.take_along_axis(shares, order, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "npz", top_probabilities=top, indices=order)
        logits = read_answers(path, SPEC, 5).logits
    filled = np.exp(logits)
    np.testing.assert_allclose(filled.sum(1), 1, atol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(filled, order, 1), top, atol=1e-6)


def test_values_need_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, "npz", values=[[0.6, 0.3]], indices=[[2, 0]])
    with pytest.raises(BadInput, match="nothing tells what its values are"):
        read_answers(path, SPEC, 3)
    for outputs, expected in (("logits", 0.3), ("probabilities", np.log(0.1))):
        spec = SPEC.model_copy(update={"outputs": outputs})
        assert read_answers(path, spec, 3).logits[0, 1] == pytest.approx(expected, rel=1e-5)


def test_the_recipe_names_the_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "npz", logits=LOGITS, class_names=CLASSES)
    spec = SPEC.model_copy(update={"classes": ["w", "x", "y", "z"]})
    assert read_answers(path, spec, 4).class_names == ("w", "x", "y", "z")
    spec = SPEC.model_copy(update={"classes": ["x", "y", "z"]})
    with pytest.raises(BadInput, match="3 class names for 4 classes"):
        read_answers(path, spec, 4)


def changed(row: int, column: int, value: float, array: Any = PROBABILITIES) -> Any:
    copy = np.array(array, dtype=np.float64)
    copy[row, column] = value
    return copy


TOP = {"top_probabilities": [[0.6, 0.3], [0.5, 0.2]], "indices": [[0, 1], [2, 3]]}


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"ids": [1, 2]}, "holds no answers"),
        ({"logits": LOGITS, "probabilities": PROBABILITIES}, "holds logits and probabilities"),
        ({"logits": changed(3, 1, np.nan, LOGITS)}, "row 3 of logits holds NaN"),
        ({"logits": changed(3, 1, np.inf, LOGITS)}, "row 3 of logits holds NaN"),
        ({"logits": PROBABILITIES}, "not logits .set teacher.outputs: probabilities"),
        ({"logits": [1.0, 2.0]}, r"logits has shape \[2\]"),
        ({"logits": [["a", "b"]]}, r"logits has shape \[1, 2\] of"),
        ({"probabilities": changed(2, 0, 1.5)}, "row 2 does not hold .*outside 0 to 1"),
        ({"probabilities": changed(2, 0, -0.1)}, "row 2 does not hold .*outside 0 to 1"),
        ({"probabilities": PROBABILITIES * 1.1}, "row 0 does not hold .*above 1"),
        ({**TOP, "indices": [[0, 1], [2, 4]]}, "row 1 of indices names class 4 of 4"),
        ({**TOP, "indices": [[0, 1], [2, -1]]}, "row 1 of indices names class -1 of 4"),
        ({**TOP, "indices": [[0, 1], [2, 2]]}, "row 1 of indices names a class twice"),
        ({**TOP, "indices": [[0], [2]]}, r"indices for values \[2, 2\]"),
        ({**TOP, "indices": [[0.0, 1.0], [2.0, 3.0]]}, "holds float64"),
        ({"top_probabilities": TOP["top_probabilities"]}, "holds no indices for values"),
        ({**TOP, "top_probabilities": [[0.6, 0.3], [0.9, 0.2]]}, "row 1 does not hold .*above 1"),
        ({"logits": LOGITS, "ids": [0, 1, 2, 1, 4, 5]}, "row 3 has the id '1' of an earlier row"),
        ({"logits": LOGITS, "ids": list("abcdda")}, "row . has the id '.' of an earlier row"),
        ({"logits": LOGITS, "ids": np.arange(6) / 2}, r"ids has shape \[6\] of float64"),
        ({"logits": LOGITS, "class_names": [1, 2, 3, 4]}, "class_names is not a list of names"),
        ({"logits": LOGITS, "class_names": CLASSES[:3]}, "3 class names for 4 classes"),
    ],
)
def test_wrong_answers(tmp_path: Path, file_format: str, arrays: dict[str, Any], what: str) -> None:
    path = write(tmp_path, file_format, **arrays)
    with pytest.raises(BadInput, match=what) as caught:
        read_answers(path, SPEC, 4)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_kind_contradicts_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, "npz", logits=LOGITS)
    spec = SPEC.model_copy(update={"outputs": "probabilities"})
    with pytest.raises(BadInput, match="holds logits, but the recipe says probabilities"):
        read_answers(path, spec, 4)


def test_rows_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    parquet.write_table(pa.table({"logits": [[1.0, 2.0], [1.0]]}), path)
    with pytest.raises(BadInput, match="row 1 of logits has 1 values, row 0 has 2"):
        read_answers(path, SPEC, 2)
    parquet.write_table(pa.table({"logits": [[1.0, 2.0], None]}), path)
    with pytest.raises(BadInput, match="row 1 of logits is empty"):
        read_answers(path, SPEC, 2)
    parquet.write_table(pa.table({"logits": [[1.0, 2.0], [1.0, None]]}), path)
    with pytest.raises(BadInput, match="a row of logits has an empty value"):
        read_answers(path, SPEC, 2)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(LOGITS.ravel()), 4)
    parquet.write_table(pa.table({"logits": fixed}), path, row_group_size=2)
    np.testing.assert_array_equal(read_answers(path, SPEC, 4).logits, LOGITS)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.npz"
    np.savez(path, logits=LOGITS, ids=np.array(["a", 1, None], dtype=object))
    with pytest.raises(BadInput, match=r"cannot be read as \.npz without pickle"):
        read_answers(path, SPEC, 4)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_truncated(tmp_path: Path, file_format: str, share: float) -> None:
    path = write(tmp_path, file_format, logits=LOGITS)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput) as caught:
        read_answers(path, SPEC, 4)
    assert "\n" not in str(caught.value)


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("1,2,3\n")
    with pytest.raises(BadInput, match=r"is neither \.npz nor Parquet"):
        read_answers(path, SPEC, 4)
    with pytest.raises(BadInput, match="there is no such file"):
        read_answers(tmp_path / "absent.npz", SPEC, 4)


def test_a_header_that_claims_too_much(tmp_path: Path) -> None:
    path = tmp_path / "answers.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }"
    header = header.ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("logits.npy", content)
    with pytest.raises(BadInput, match="cannot be read as"):
        read_answers(path, SPEC, 4)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_that_swells(
    tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes that unpack to megabytes, against a limit of one."""
    monkeypatch.setattr(recorded_files, "MAX_UNPACKED_BYTES", 2**20)
    path = tmp_path / f"answers.{file_format}"
    if file_format == "npz":
        np.savez_compressed(path, logits=np.zeros((100_000, 4)))
    else:
        zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(400_000)), 4)
        parquet.write_table(pa.table({"logits": zeros}), path, compression="zstd")
    assert path.stat().st_size < 2**18
    with pytest.raises(BadInput, match="unpacks to more than"):
        read_answers(path, SPEC, 4)


def answers(keys: Any) -> RecordedAnswers:
    return RecordedAnswers(keys, LOGITS, None)


def test_answers_about_samples_that_are_not_there() -> None:
    with pytest.raises(BadInput, match="6 recorded answers without ids for 7 samples"):
        align_answers(answers(None), None, 7)
    with pytest.raises(BadInput, match="row 5 answers about sample 5 of 5"):
        align_answers(answers(np.arange(6)), None, 5)
    with pytest.raises(BadInput, match="row 0 answers about sample -1 of 5"):
        align_answers(answers(np.arange(-1, 5)), None, 5)
    with pytest.raises(BadInput, match="the data's samples have no names"):
        align_answers(answers(tuple("abcdef")), None, 6)
    names = ("one.wav", *"bcdefgh")
    with pytest.raises(BadInput, match=r"does not have: 'one\.waw' \(near: 'one\.wav'\)"):
        align_answers(answers(("one.waw", *"bcdef")), names, 8)
