"""Data that no package carries: where a user puts it, where it is kept, and how it is fetched.

A file or folder of a known name is looked for in the folder that the environment variable
``EDGEKD_DATA`` names, then in ``$XDG_CACHE_HOME/edgekd`` or ``~/.cache/edgekd``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from edgekd.errors import RunFailed
from edgekd.files import cache_folder, sha256_of, sync_folder

VARIABLE = "EDGEKD_DATA"
MAX_DOWNLOAD_BYTES = 256 * 1024**2

_SECONDS_WITHOUT_ANSWER = 30
_CHUNK_BYTES = 1024**2


def find_local(name: str) -> Path | None:
    """The file or folder of that name that is already here, a user's own before the cache."""
    own = os.environ.get(VARIABLE)
    folders = [*([Path(own)] if own else []), cache_folder()]
    paths = [folder / name for folder in folders]
    # Unlike Path.exists, this takes what must not be looked at for absent.
    return next((path for path in paths if os.path.exists(path)), None)


def download(address: str, destination: Path, *, mend: str, md5: str | None = None) -> None:
    """Fetch a file; it is there whole, with the right content, or not at all.

    Args:
        address: http or https.
        destination: where the file goes; its folder is made.
        mend: how a user gets the data without this, for the errors.
        md5: of the content, hexadecimal; without it the caller must check the content.

    Raises:
        RunFailed: no network, no such file, larger than 256 MiB, or another content.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                found = _fetch(address, stream, mend)
            if md5 is not None and found != md5:
                raise RunFailed(f"came with md5 {found}, not {md5}", where=address, mend=mend)
            os.replace(temporary, destination)
        except BaseException:
            os.unlink(temporary)
            raise
        sync_folder(destination.parent)
    except (OSError, HTTPException) as error:
        raise RunFailed(f"cannot be fetched: {error}", where=address, mend=mend) from error


def download_pinned(address: str, sha256: str, destination: Path, *, mend: str) -> None:
    """Fetch a file whose content is known; it is there whole, with that content, or not at all.

    Args:
        address: http or https.
        sha256: of the content, hexadecimal.
        destination: where the file goes; its folder is made.
        mend: how a user gets the data without this, for the errors.

    Raises:
        RunFailed: as for :func:`download`.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch.", dir=destination.parent) as scratch:
            fetched = Path(scratch) / destination.name
            download(address, fetched, mend=mend)
            found = sha256_of(fetched)
            if found != sha256:
                raise RunFailed(f"came with sha256 {found}, not {sha256}", where=address, mend=mend)
            os.replace(fetched, destination)
        sync_folder(destination.parent)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error}", where=str(destination), mend=mend) from error


def _fetch(address: str, stream: BinaryIO, mend: str) -> str:
    """Copy what an address gives; its md5."""
    content = hashlib.md5(usedforsecurity=False)
    size = 0
    with urllib.request.urlopen(address, timeout=_SECONDS_WITHOUT_ANSWER) as response:
        while chunk := response.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_DOWNLOAD_BYTES:
                raise RunFailed("is larger than 256 MiB", where=address, mend=mend)
            content.update(chunk)
            stream.write(chunk)
    stream.flush()
    os.fsync(stream.fileno())
    return content.hexdigest()
