"""Arrays in one ``.npz`` file: ``inputs``, ``labels`` and, if wanted, ``class_names``.

``inputs`` is uint8 or float32 (float in [0, 1]), ``[N, C, H, W]`` or ``[N, H, W]`` images or
``[N, F]`` features. ``labels`` is an integer array ``[N]``; -1 marks a sample without a label.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.data.samples import UNLABELLED, Samples
from edgekd.errors import BadInput
from edgekd.files import sha256_of
from edgekd.recipe import Data

MAX_UNPACKED_BYTES = 16 * 1024**3


def fingerprint(data: Data) -> str:
    """The sha256 of the file."""
    return sha256_of(_path(data))


def load(data: Data) -> Samples:
    """Read the arrays; nothing is unpickled."""
    path = _path(data)
    arrays = _read(path)
    inputs, labels = arrays["inputs"], arrays["labels"]
    if inputs.dtype not in (np.dtype("uint8"), np.dtype("float32")):
        raise BadInput(f"inputs are {inputs.dtype}", where=str(path), mend="use uint8 or float32")
    if inputs.dtype == np.float32 and not np.isfinite(inputs).all():
        raise BadInput("inputs hold NaN or infinity", where=str(path))
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise BadInput("labels are not an integer array [N]", where=str(path))
    labels = labels.astype(np.int64)
    class_names = _class_names(path, arrays.get("class_names"), labels)
    return Samples(
        inputs=inputs[:, None] if inputs.ndim == 3 else inputs,
        labels=labels,
        class_names=class_names,
        scale=1 / 255 if inputs.dtype == np.uint8 else 1.0,
    )


def _path(data: Data) -> Path:
    if data.path is None:
        raise BadInput("is missing", where="data.path", mend="name the .npz file")
    path = Path(data.path)
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check data.path")
    return path


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise BadInput("unpacks to more than 16 GiB", where=str(path))
        with np.load(path, allow_pickle=False) as archive:
            wanted = {"inputs", "labels", "class_names"} & set(archive.files)
            arrays = {name: archive[name] for name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            "cannot be read as .npz without pickle", where=str(path), mend=str(error)
        ) from error
    for name in ("inputs", "labels"):
        if name not in arrays:
            raise BadInput(f"holds no array {name!r}", where=str(path), mend="np.savez(inputs=…)")
    return arrays


def _class_names(
    path: Path, names: npt.NDArray[Any] | None, labels: npt.NDArray[np.int64]
) -> tuple[str, ...]:
    known = labels[labels != UNLABELLED]
    if len(known) == 0:
        raise BadInput("no sample has a label", where=str(path))
    if known.min() < 0:
        raise BadInput(f"a label is {known.min()}", where=str(path), mend="-1 means no label")
    count = len(names) if names is not None else int(known.max()) + 1
    if known.max() >= count:
        raise BadInput(f"a label is {known.max()}, but there are {count} names", where=str(path))
    if count > 100_000:
        raise BadInput(f"there are {count} classes", where=str(path))
    return tuple(str(name) for name in (names if names is not None else range(count)))
