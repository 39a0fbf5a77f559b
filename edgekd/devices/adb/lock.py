"""One phone, one process of edgekd: what is measured must not be disturbed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekd.errors import RunFailed
from edgekd.files import cache_folder, digest

_LOCK = "lock"


def phone_folder(serial: str) -> Path:
    """Where this machine keeps what it knows of a phone; it need not exist yet."""
    return cache_folder() / "adb" / "phones" / digest(serial)[:16]


@contextmanager
def locked(serial: str) -> Iterator[None]:
    """Keep a phone from other processes.

    Raises:
        RunFailed: another one uses it, or the cache cannot be written.
    """
    folder = phone_folder(serial)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(folder)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunFailed(
                "another edgekd uses this phone", where=serial, mend="wait until it is done"
            ) from error
        yield
    finally:
        os.close(descriptor)
