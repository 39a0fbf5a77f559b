"""Archives from elsewhere, read in memory: bounded, and nothing is extracted."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

MAX_UNPACKED_BYTES = 256 * 1024**2

_CHUNK_BYTES = 1024**2


def read_archive(path: Path, wanted: Callable[[str, int], str | None]) -> dict[str, bytes]:
    """Contents of regular files in a ``.tar.gz``; links and all else are left out.

    Args:
        path: the archive.
        wanted: takes a member's path and its size in bytes; gives the name to return it under, or
            None to leave it out.

    Raises:
        ValueError: it is no whole ``.tar.gz``, or unpacks to more than 256 MiB.
    """
    files: dict[str, bytes] = {}
    try:
        with _Bounded(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                if not member.isreg():
                    continue
                name = wanted(member.name.removeprefix("./"), member.size)
                content = archive.extractfile(member) if name is not None else None
                if name is not None and content is not None:
                    files[name] = content.read()
            # The checksum comes after the end of the tar file.
            while unpacked.read(_CHUNK_BYTES):
                pass
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ValueError(str(error)) from error
    return files


class _Bounded(gzip.GzipFile):
    """Unpacks no more than ``MAX_UNPACKED_BYTES``, the headers of the archive included."""

    _left = MAX_UNPACKED_BYTES

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, at most ``size``."""
        content = super().read(size)
        self._left -= len(content)
        if self._left < 0:
            raise ValueError("it unpacks to more than 256 MiB")
        return content
