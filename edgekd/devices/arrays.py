"""``.npy`` files between a device and its caller; what a device wrote is read with suspicion."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from edgekd.devices.contract import Array
from edgekd.errors import RunFailed


def write_array(folder: Path, name: str, array: Array) -> str:
    """Write ``<name>.npy``, whole or not at all, and give back the file's name.

    Raises:
        RunFailed: the folder is full or cannot be written.
    """
    path = folder / f"{name}.npy"
    temporary = folder / f".{name}.npy.tmp"
    try:
        with temporary.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
        os.replace(temporary, path)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    return path.name


def read_array(folder: Path, name: str, *, samples: int) -> Array:
    """Read a ``.npy`` file of plain numbers whose first axis has this length.

    Nothing is unpickled, and no more is allocated than the file holds.

    Raises:
        RunFailed: not a plain file in this folder, malformed, or not ``samples`` long.
    """
    path = folder / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise RunFailed("is not a file of this job", where=name)
    try:
        # Mapped first: a header that claims more than the file holds fails before it allocates.
        mapped: Array = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            path, mode="r"
        )
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise RunFailed("is not a whole .npy file", where=name, mend=str(error)) from error
    if mapped.dtype.kind not in "fiub":
        raise RunFailed("does not hold an array of numbers", where=name)
    if mapped.shape[:1] != (samples,):
        raise RunFailed(f"holds the shape {mapped.shape}, not {samples} samples", where=name)
    return np.array(mapped)
