"""Packages of npm, from whichever registry this user's npm is set to."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edgekd.errors import MissingPackage, RunFailed
from edgekd.tool_environments.child import run_child
from tools.android.pins import NpmPin

_SECONDS = 1800.0


def fetch_npm(pin: NpmPin, folder: Path, scratch: Path) -> None:
    """Fill a folder with the pinned files of a package; nothing of it is run.

    Args:
        pin: of the package.
        folder: empty, for the files.
        scratch: empty, for the tarball.

    Raises:
        MissingPackage: npm is not installed.
        RunFailed: the package cannot be had, or is not what was pinned.
    """
    tarball = _download(pin, scratch)
    if _integrity(tarball) != pin.integrity:
        raise RunFailed(
            f"npm's {pin.package}@{pin.version} has another content than the one that is pinned",
            mend="do not trust this registry: npm config get registry",
        )
    try:
        _unpack(tarball, pin, folder, scratch)
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise RunFailed(
            f"npm's {pin.package}@{pin.version} cannot be unpacked", mend=str(error)
        ) from error


def _download(pin: NpmPin, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingPackage("npm is not installed", mend="apt-get install npm")
    ended = run_child(
        [npm, "pack", "--silent", "--ignore-scripts", f"{pin.package}@{pin.version}"],
        environment={**os.environ, "NPM_CONFIG_UPDATE_NOTIFIER": "false", "NO_COLOR": "1"},
        folder=folder,
        seconds=_SECONDS,
    )
    tarballs = sorted(folder.glob("*.tgz"))
    if not ended.well or len(tarballs) != 1:
        raise RunFailed(
            f"{pin.package}@{pin.version} could not be fetched: npm pack {ended.how}",
            mend="check the network and npm's registry: npm ping; npm config get registry",
        )
    return tarballs[0]


def _integrity(path: Path) -> str:
    with path.open("rb") as stream:
        sha512 = hashlib.file_digest(stream, "sha512").digest()
    return f"sha512-{base64.b64encode(sha512).decode()}"


def _unpack(tarball: Path, pin: NpmPin, folder: Path, scratch: Path) -> None:
    """Only the pinned members, under names of our own: none can choose where it goes."""
    wanted: dict[str, dict[str, str]] = {}
    for source, target in pin.files.items():
        member, _, inside = source.partition("!")
        wanted.setdefault(member, {})[inside] = target
    with tarfile.open(tarball) as archive:
        for member, targets in wanted.items():
            with _member(archive, member) as stream:
                if "" in targets:
                    _write(stream, folder / targets[""])
                    continue
                _write(stream, scratch / "inner.zip")
            with zipfile.ZipFile(scratch / "inner.zip") as inner:
                for inside, target in targets.items():
                    with inner.open(inside) as stream:
                        _write(stream, folder / target)


@contextmanager
def _member(archive: tarfile.TarFile, name: str) -> Iterator[IO[bytes]]:
    member = archive.getmember(name)
    # A link would be followed to another member.
    stream = archive.extractfile(member) if member.isreg() else None
    if stream is None:
        raise KeyError(f"{name} is not a file")
    with stream:
        yield stream


def _write(stream: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as written:
        shutil.copyfileobj(stream, written)
