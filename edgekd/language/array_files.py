"""Arrays in ``.npy`` files: written whole, read through memory maps and never unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.files import replacing, sha256_of


def write_array(path: Path, array: npt.NDArray[Any]) -> str:
    """Write an array so that a reader sees all of it or nothing; gives the file's sha256.

    Raises:
        RunFailed: the folder cannot be written or the disk is full.
    """
    with replacing(path) as temporary:
        with temporary.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
        return sha256_of(temporary)


def map_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Open an array, read-only, without reading it.

    Raises:
        BadInput: missing, damaged, or of another dtype or shape.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"is not a whole .npy file: {error}", where=str(path)) from error
    wanted = np.dtype(dtype)
    if not isinstance(array, np.ndarray) or array.dtype != wanted or array.shape != shape:
        raise BadInput(f"does not hold {wanted} {list(shape)}", where=str(path))
    return array
