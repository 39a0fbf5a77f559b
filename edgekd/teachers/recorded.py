"""Answers of a teacher that is only an API: recorded before, in ``.npz`` or Parquet.

Just one of these is in the file (an array of the ``.npz``, a list column of the Parquet file):

| name | shape | holds |
|---|---|---|
| ``logits`` | [M, C] | one for each class |
| ``probabilities`` | [M, C] | likewise |
| ``top_logits`` | [M, k] | of the classes in ``indices`` |
| ``top_probabilities`` | [M, k] | likewise |
| ``values`` | [M, k] | likewise; the recipe's ``teacher.outputs`` tells which of the two |

Beside the last three, ``indices`` ``[M, k]`` holds the class of each value. ``ids`` (Parquet:
``id``) tells the sample of each row: integers are positions in the order of the source, text is
the sample's name; without it row i is sample i. ``class_names`` names the classes (Parquet: a JSON
list in the metadata of the schema).

What top-k answers leave out is filled in so:

- probabilities: the rest of the mass is spread evenly over the other classes, but none of them
  gets more than the least that was given, as it was not among the first k;
- logits: how much mass is left is not known. The others get ``least given - log(number of them)``
  each, so that all of them together weigh as much as the least that was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.recipe import Teacher
from edgekd.teachers.names import listed_with_near
from edgekd.teachers.probabilities import FLOOR, check_probabilities, to_logits
from edgekd.teachers.recorded_files import read_arrays

Floats = npt.NDArray[np.float32]

_FULL = ("logits", "probabilities")
_TOP = {"top_logits": "logits", "top_probabilities": "probabilities", "values": None}
_SUM_TOLERANCE = 1e-3
_MAX_CELLS = 2**31


@dataclass(frozen=True)
class RecordedAnswers:
    """What a teacher said about some samples.

    Attributes:
        keys: of each row: names, or int64 ``[M]`` positions; null: row i is sample i.
        logits: float32 ``[M, classes of the teacher]``.
        class_names: in the order of the logits; null: neither the recipe nor the file tells.
    """

    keys: tuple[str, ...] | npt.NDArray[np.int64] | None
    logits: Floats
    class_names: tuple[str, ...] | None


def read_answers(path: Path, spec: Teacher, classes: int) -> RecordedAnswers:
    """Read a file of answers; nothing is unpickled.

    Args:
        path: ``.npz`` or ``.parquet``.
        spec: its ``outputs`` and ``classes`` go before what the file tells.
        classes: of the data; of the teacher too where nothing else tells.

    Raises:
        BadInput: damaged, too large, or not as the module describes; the first bad row is named.
        MissingPackage: a Parquet file, and pyarrow is not installed.
    """
    arrays = read_arrays(path)
    name, kind = _answers(arrays, spec, path)
    values = _finite(arrays[name], name, path)
    names = tuple(spec.classes) if spec.classes else _class_names(arrays, path)
    if name in _FULL:
        logits = _logits(values, kind, path)
    else:
        count = classes if names is None else len(names)
        logits = _filled(values, _indices(arrays, values.shape, count, path), count, kind, path)
    if names is not None and len(names) != logits.shape[1]:
        raise BadInput(f"{len(names)} class names for {logits.shape[1]} classes", where=str(path))
    return RecordedAnswers(_keys(arrays, len(logits), path), logits, names)


def align_answers(
    answers: RecordedAnswers, names: tuple[str, ...] | None, samples: int
) -> npt.NDArray[np.float32]:
    """Bring answers to the order of the data's source.

    Args:
        answers: as read.
        names: of the samples; null: the source has none.
        samples: how many the source has.

    Returns:
        float32 ``[samples, classes of the teacher]``; NaN where nothing was recorded.

    Raises:
        BadInput: an answer about a sample that is not there, or as many answers as there are not
            samples where no ids tell whose they are.
    """
    if answers.keys is None:
        if len(answers.logits) != samples:
            raise BadInput(
                f"{len(answers.logits)} recorded answers without ids for {samples} samples",
                where="teacher.path",
                mend="record the array ids too",
            )
        return answers.logits
    rows = _positions(answers.keys, names, samples)
    aligned = np.full((samples, answers.logits.shape[1]), np.nan, dtype=np.float32)
    aligned[rows] = answers.logits
    return aligned


def _answers(
    arrays: dict[str, Any], spec: Teacher, path: Path
) -> tuple[str, Literal["logits", "probabilities"]]:
    """Which array holds the answers, and of which kind they are."""
    told = {**{name: name for name in _FULL}, **_TOP}
    present = [name for name in told if name in arrays]
    if len(present) != 1:
        raise BadInput(
            f"holds {' and '.join(present) or 'no answers'}",
            where=str(path),
            mend=f"one of these: {', '.join(told)}",
        )
    kind = told[present[0]] or spec.outputs
    if kind is None:
        raise BadInput(
            "nothing tells what its values are",
            where=str(path),
            mend="set teacher.outputs, or name them top_logits or top_probabilities",
        )
    if spec.outputs not in (None, kind):
        raise BadInput(
            f"holds {present[0]}, but the recipe says {spec.outputs}",
            where=str(path),
            mend="set teacher.outputs: null",
        )
    return present[0], "logits" if kind == "logits" else "probabilities"


def _finite(values: npt.NDArray[Any], name: str, path: Path) -> Floats:
    if values.ndim != 2 or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise BadInput(
            f"{name} has shape {list(values.shape)} of {values.dtype}",
            where=str(path),
            mend="give numbers [M, classes], or [M, k]",
        )
    numbers = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad):
        raise BadInput(f"row {bad[0]} of {name} holds NaN or infinity", where=str(path))
    return numbers


def _logits(values: Floats, kind: Literal["logits", "probabilities"], path: Path) -> Floats:
    if kind == "logits":
        return to_logits(values, "logits", where=str(path))
    check_probabilities(values, str(path), above=_SUM_TOLERANCE)
    return np.asarray(np.log(np.maximum(values, FLOOR)), dtype=np.float32)


def _indices(
    arrays: dict[str, Any], shape: tuple[int, ...], classes: int, path: Path
) -> npt.NDArray[np.int64]:
    """Classes of top-k values, int64 ``[M, k]``."""
    indices = arrays.get("indices")
    if indices is None or indices.dtype.kind not in "iu" or indices.shape != shape:
        given = "no" if indices is None else f"{indices.dtype} {list(indices.shape)}"
        raise BadInput(
            f"holds {given} indices for values {list(shape)}",
            where=str(path),
            mend="give whole numbers [M, k], the class of each value",
        )
    if len(indices) * classes > _MAX_CELLS:
        raise BadInput(f"{len(indices)} answers about {classes} classes", where=str(path))
    wrong = (indices < 0) | (indices >= classes)
    if wrong.any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise BadInput(
            f"row {row} of indices names class {indices[row][wrong[row]][0]} of {classes}",
            where=str(path),
            mend="name the teacher's classes in teacher.classes",
        )
    ordered = np.sort(indices, axis=1)
    twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(twice):
        raise BadInput(f"row {twice[0]} of indices names a class twice", where=str(path))
    return np.asarray(indices, dtype=np.int64)


def _filled(
    values: Floats,
    indices: npt.NDArray[np.int64],
    classes: int,
    kind: Literal["logits", "probabilities"],
    path: Path,
) -> Floats:
    """Logits of all classes from those of k of them; see the module for the rule."""
    least, others = values.min(axis=1, keepdims=True), max(1, classes - values.shape[1])
    if kind == "logits":
        rest = least - np.float32(np.log(others))
    else:
        check_probabilities(values, str(path), above=_SUM_TOLERANCE)
        left = np.maximum(1 - values.sum(axis=1, keepdims=True), 0)
        rest = np.log(np.maximum(np.minimum(left / others, least), FLOOR))
        values = np.log(np.maximum(values, FLOOR))
    logits = np.repeat(rest.astype(np.float32), classes, axis=1)
    np.put_along_axis(logits, indices, values, axis=1)
    return logits


def _class_names(arrays: dict[str, Any], path: Path) -> tuple[str, ...] | None:
    names = arrays.get("class_names")
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise BadInput("class_names is not a list of names", where=str(path))
    return tuple(str(name) for name in names)


def _keys(
    arrays: dict[str, Any], count: int, path: Path
) -> tuple[str, ...] | npt.NDArray[np.int64] | None:
    ids = arrays.get("ids")
    if ids is None:
        return None
    if ids.shape != (count,) or ids.dtype.kind not in "iuU":
        raise BadInput(
            f"ids has shape {list(ids.shape)} of {ids.dtype} for {count} answers",
            where=str(path),
            mend="give a position or a name for each answer",
        )
    _, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if (counts > 1).any():
        twice = str(ids[first[counts > 1]][0])
        row = int(np.flatnonzero(ids == ids[first[counts > 1]][0])[1])
        raise BadInput(f"row {row} has the id {twice!r} of an earlier row", where=str(path))
    return tuple(str(name) for name in ids) if ids.dtype.kind == "U" else ids.astype(np.int64)


def _positions(
    keys: tuple[str, ...] | npt.NDArray[np.int64], names: tuple[str, ...] | None, samples: int
) -> npt.NDArray[np.int64]:
    if not isinstance(keys, tuple):
        outside = np.flatnonzero((keys < 0) | (keys >= samples))
        if len(outside):
            raise BadInput(
                f"row {outside[0]} answers about sample {keys[outside[0]]} of {samples}",
                where="teacher.path",
            )
        return keys
    if names is None:
        raise BadInput(
            "recorded answers have names as ids, but the data's samples have no names",
            where="teacher.path",
            mend="record positions in the order of the data as ids",
        )
    known = {name: position for position, name in enumerate(names)}
    unknown = [name for name in keys if name not in known]
    if unknown:
        raise BadInput(
            f"answers about samples that the data does not have: "
            f"{listed_with_near(unknown, names)}",
            where="teacher.path",
        )
    return np.array([known[name] for name in keys], dtype=np.int64)
