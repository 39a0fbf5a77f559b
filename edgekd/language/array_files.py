"""Arrays in ``.npy`` files: written whole, read through memory maps and never unpickled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, RunFailed
from edgekd.files import sha256_of, sync_folder


def write_array(path: Path, array: npt.NDArray[Any]) -> str:
    """Write an array so that a reader sees all of it or nothing; gives the file's sha256.

    Raises:
        RunFailed: the folder cannot be written or the disk is full.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
        sha256 = sha256_of(Path(temporary))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror}", where=str(path), mend="free some space"
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return sha256


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
