"""CIFAR-10: 50,000 training and 10,000 test images, 32x32 in colour, 10 classes.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". The binary version is
read, as the archive or extracted: the python version is made of pickles, and nothing is unpickled.
``data.path`` names the archive or the folder; without it the archive is taken from where
``edgekd.data.download`` looks, and fetched once if it is not there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.data.archive import read_archive
from edgekd.data.download import VARIABLE, download, find_local
from edgekd.data.samples import Samples
from edgekd.errors import BadInput
from edgekd.files import cache_folder, digest, sha256_of
from edgekd.recipe import Data

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

_RECORD_BYTES = 1 + 3 * 32 * 32
_MAX_FILE_BYTES = 10_000 * _RECORD_BYTES
_PYTHON_FOLDER = "cifar-10-batches-py"
_BY_HAND = (
    f"fetch it with a browser and put it into a folder that the environment variable {VARIABLE} "
    "names, or name the file in data.path"
)

Octets = npt.NDArray[np.uint8]


def fingerprint(data: Data) -> str:
    """The sha256 of the archive, or a hash over the extracted files; nothing is fetched."""
    if data.path is None:
        return digest(ARCHIVE_MD5)
    path = Path(data.path)
    if path.is_dir():
        folder = _batch_folder(path)
        return digest([[name, sha256_of(folder / name)] for name in (*TRAINING, TEST)])
    return sha256_of(_existing(path))


def load(data: Data) -> Samples:
    """Read all images: uint8 ``[60000, 3, 32, 32]``; fetches the archive if that is needed.

    Raises:
        RunFailed: the archive had to be fetched and could not be.
    """
    path = _official_archive() if data.path is None else Path(data.path)
    files = _read_folder(path) if path.is_dir() else _read_archive(_existing(path))
    batches = {name: _records(name, files[name], path) for name in (*TRAINING, TEST)}
    records = np.concatenate(list(batches.values()))
    return Samples(
        inputs=records[:, 1:].reshape(-1, 3, 32, 32),
        labels=records[:, 0].astype(np.int64),
        class_names=CLASS_NAMES,
        scale=1 / 255,
        names=tuple(
            f"{name.removesuffix('.bin')}/{number}"
            for name, batch in batches.items()
            for number in range(len(batch))
        ),
        official_test=np.arange(len(records)) >= len(records) - len(batches[TEST]),
    )


def _official_archive() -> Path:
    """The archive with the official content, fetched if it is not here."""
    kept = cache_folder() / ARCHIVE
    found = find_local(ARCHIVE)
    if found is not None and found.is_file() and _md5_of(found) == ARCHIVE_MD5:
        return found
    if found is not None and found != kept:
        raise BadInput(
            f"is not the official archive, of md5 {ARCHIVE_MD5}",
            where=str(found),
            mend=f"fetch {ADDRESS} again, or name the file in data.path",
        )
    download(ADDRESS, kept, mend=_BY_HAND, md5=ARCHIVE_MD5)
    return kept


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        content = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return content.hexdigest()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(
            "there is no such file or folder",
            where=str(path),
            mend=f"fetch {ADDRESS}, or leave data.path out to have it fetched",
        )
    return path


def _batch_folder(path: Path) -> Path:
    """The folder of the six files: the given one, or the standard one inside it."""
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    if (folder / "data_batch_1").exists() or (folder / _PYTHON_FOLDER).exists():
        raise _python_version(path)
    for name in (*TRAINING, TEST):
        if not (folder / name).is_file():
            raise _missing(name, folder)
    return folder


def _read_folder(path: Path) -> dict[str, bytes]:
    folder = _batch_folder(path)
    files = {}
    for name in (*TRAINING, TEST):
        try:
            _check_size(name, (folder / name).stat().st_size, folder)
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            mend = error.strerror or ""
            raise BadInput("cannot be read", where=str(folder / name), mend=mend) from error
    return files


def _read_archive(path: Path) -> dict[str, bytes]:
    """The six files, read in memory; nothing is extracted."""

    def wanted(member: str, size: int) -> str | None:
        folder, _, name = member.rpartition("/")
        if folder == _PYTHON_FOLDER:
            raise _python_version(path)
        if folder != FOLDER or name not in (*TRAINING, TEST):
            return None
        _check_size(name, size, path)
        return name

    try:
        files = read_archive(path, wanted)
    except ValueError as error:
        raise BadInput(
            f"cannot be read as .tar.gz: {error}", where=str(path), mend=f"fetch {ADDRESS} again"
        ) from error
    for name in (*TRAINING, TEST):
        if name not in files:
            raise _missing(name, path)
    return files


def _check_size(name: str, size: int, path: Path) -> None:
    if size == 0 or size % _RECORD_BYTES or size > _MAX_FILE_BYTES:
        raise BadInput(
            f"{name} has {size} bytes, not {_RECORD_BYTES} for each of 1 to 10,000 images",
            where=str(path),
            mend=f"fetch {ADDRESS} again",
        )


def _records(name: str, content: bytes, path: Path) -> Octets:
    """``[images, 3073]``: the label, then the red, green and blue planes."""
    _check_size(name, len(content), path)
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD_BYTES)
    highest = int(records[:, 0].max())
    if highest >= len(CLASS_NAMES):
        raise BadInput(f"{name} holds the label {highest}, not 0 to 9", where=str(path))
    return records


def _python_version(path: Path) -> BadInput:
    return BadInput(
        "is the python version, made of pickles, which are not read",
        where=str(path),
        mend=f"take the binary version, {ADDRESS}, or an .npz file or image folders",
    )


def _missing(name: str, where: Path) -> BadInput:
    return BadInput(
        f"holds no {FOLDER}/{name}" if where.is_file() else f"holds no {name}",
        where=str(where),
        mend=f"take the binary version: {ADDRESS}",
    )
