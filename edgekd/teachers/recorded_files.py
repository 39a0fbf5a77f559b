"""Arrays by name from ``.npz`` and Parquet files of a stranger: bounded, and nothing unpickled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.third_party import reason, require

MAX_UNPACKED_BYTES = 16 * 1024**3

_ANSWERS = ("logits", "probabilities", "top_logits", "top_probabilities", "values", "indices")
_WANTED = (*_ANSWERS, "ids", "class_names")
_LARGEST_NUMBER_BYTES = 8


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays that answers are made of, by their names in a ``.npz`` file.

    Columns of a Parquet file get the same names and shapes: ``id`` becomes ``ids``, and
    ``class_names`` is read from the metadata of its schema.

    Raises:
        BadInput: missing, damaged, of another kind or too large.
        MissingPackage: a Parquet file, and pyarrow is not installed.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check teacher.path")
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1":
        return _read_parquet(path)
    if start[:2] == b"PK":
        return _read_npz(path)
    raise BadInput("is neither .npz nor Parquet", where=str(path))


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise BadInput("unpacks to more than 16 GiB", where=str(path))
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in _WANTED if name in archive.files}
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zipfile.error) as error:
        raise BadInput(
            f"cannot be read as .npz without pickle: {reason(error)}",
            where=str(path),
            mend="save arrays of numbers and of text, not of objects",
        ) from error


def _read_parquet(path: Path) -> dict[str, npt.NDArray[Any]]:
    require("teachers", "pyarrow.parquet")
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in (*_ANSWERS, "id") if name in file.schema_arrow.names]
            _check_size(file.metadata, path)
            table = file.read(columns=columns)
            metadata = file.schema_arrow.metadata or {}
        arrays = {
            "ids" if name == "id" else name: _column(table[name], name, path) for name in columns
        }
        if b"class_names" in metadata:
            arrays["class_names"] = np.array(json.loads(metadata[b"class_names"]))
    except (OSError, ValueError, MemoryError, pyarrow.ArrowException) as error:
        raise BadInput(f"cannot be read as Parquet: {reason(error)}", where=str(path)) from error
    return arrays


def _check_size(metadata: Any, path: Path) -> None:
    """Bound what a file unpacks to, by what it says of itself, before it is read.

    Encodings can repeat a value many times in a few bytes, so the number of values counts too.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    stored = sum(group.total_byte_size for group in groups)
    values = sum(
        group.column(number).num_values for group in groups for number in range(group.num_columns)
    )
    if max(stored, values * _LARGEST_NUMBER_BYTES) > MAX_UNPACKED_BYTES:
        raise BadInput("unpacks to more than 16 GiB", where=str(path))


def _column(column: Any, name: str, path: Path) -> npt.NDArray[Any]:
    """A list column as ``[M, k]``, a plain one as ``[M]``."""
    import pyarrow
    from pyarrow import types

    array = column.combine_chunks()
    if array.null_count:
        row = array.is_null().index(pyarrow.scalar(True)).as_py()
        raise BadInput(f"row {row} of {name} is empty", where=str(path))
    if types.is_string(array.type) or types.is_large_string(array.type):
        return np.array(array.to_pylist(), dtype=np.str_)
    if not (
        types.is_list(array.type)
        or types.is_large_list(array.type)
        or types.is_fixed_size_list(array.type)
    ):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    values = array.flatten()
    if values.null_count:
        raise BadInput(f"a row of {name} has an empty value", where=str(path))
    if types.is_fixed_size_list(array.type):
        width = array.type.list_size
    else:
        lengths = np.asarray(array.value_lengths())
        other = np.flatnonzero(lengths != lengths[:1])
        if len(other):
            raise BadInput(
                f"row {other[0]} of {name} has {lengths[other[0]]} values, row 0 has {lengths[0]}",
                where=str(path),
            )
        width = int(lengths[0]) if len(lengths) else 0
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(array), width)
