"""Files that are whole or absent: atomic writes, content hashes, bounded reads."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput, RunFailed

MAX_JSON_BYTES = 64 * 1024 * 1024
# How the names of unfinished folders begin; see :func:`writing_alone`.
SCRATCH = ".scratch-"


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """Hex sha256 of an artifact: of a file's content, or of the names and contents in a folder."""
    if not path.is_dir():
        return sha256_of(path)
    return digest({str(file.relative_to(path)): sha256_of(file) for file in files_below(path)})


def content_bytes(path: Path) -> int:
    """Size of an artifact: of a file, or of all files below a folder.

    Raises:
        OSError: there is no such file.
    """
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in files_below(path))


def digest(value: Any) -> str:
    """Hex sha256 of a JSON-able value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every regular file below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part.

    Raises:
        RunFailed: the folder cannot be written or the disk is full; the old file is intact.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to be written, which then takes a place as a whole, or not at all.

    Args:
        path: that place; its folder is made where it is missing.

    Raises:
        RunFailed: the folder cannot be written or the disk is full; the old file is intact.
    """
    with _write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of bounded size.

    Raises:
        BadInput: missing, larger than ``MAX_JSON_BYTES``, or not JSON.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error.strerror)) from error
    if size > MAX_JSON_BYTES:
        raise BadInput(f"{size} bytes is too large for a JSON record", where=str(path))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise BadInput("is not valid JSON", where=str(path), mend=str(error)) from error


def cache_folder() -> Path:
    """Where downloads and what was built once are kept; it need not exist yet."""
    # The XDG base directory specification has relative paths ignored.
    wanted = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (wanted if wanted.is_absolute() else Path.home() / ".cache") / "edgekd"


@contextmanager
def writing_alone(folder: Path) -> Iterator[None]:
    """Be the only one who writes into a folder; what killed writers left in it goes away.

    Args:
        folder: made where it is missing. Unfinished folders in it begin with ``SCRATCH``.

    Raises:
        RunFailed: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in folder.glob(f"{SCRATCH}*"):
                shutil.rmtree(path, ignore_errors=True)
            yield
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror or error}",
            where=str(folder),
            mend="free some space or set XDG_CACHE_HOME to another folder",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFailed(
            # An array that a full disk cuts off tells no more than this text.
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            mend="free some space or choose another folder with --out",
        ) from error
