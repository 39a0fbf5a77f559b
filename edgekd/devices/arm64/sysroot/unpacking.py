"""Unpacks packages into a folder, without installing them."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edgekd.devices.arm64.sysroot.pins import PYTHON
from edgekd.errors import RunFailed
from edgekd.tool_environments.child import run_child

_SECONDS = 300.0


def unpack_deb(package: Path, folder: Path) -> None:
    """Unpack the files of a Debian package; its scripts are not run.

    Raises:
        RunFailed: it is damaged.
    """
    ended = run_child(
        ["dpkg-deb", "--extract", str(package), str(folder)],
        environment=os.environ,
        folder=folder,
        seconds=_SECONDS,
    )
    if not ended.well:
        raise RunFailed(f"{package.name} cannot be unpacked", mend=ended.first_line("dpkg-deb:"))


def unpack_wheel(wheel: Path, folder: Path, prefixes: Iterable[str] = ("",)) -> None:
    """Unpack the files of a wheel whose names begin with one of the prefixes.

    Raises:
        RunFailed: it is damaged.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(tuple(prefixes))]
            archive.extractall(folder, names)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise RunFailed(f"{wheel.name} cannot be unpacked: {error}") from error


def compile_python(folder: Path, final: Path) -> None:
    """Write byte code beside all Python files: compiling under emulation takes many times longer.

    Byte code belongs to one version of Python; on another host the guest compiles on its own.

    Args:
        folder: with the files.
        final: the folder that they will be moved to, for tracebacks.
    """
    same = f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON
    if not same or next(folder.rglob("*.py"), None) is None:
        return
    command = [sys.executable, "-W", "ignore", "-m", "compileall", "-qq"]
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", str(final)]
    # A file that does not compile stays as it is.
    run_child(
        [*command, *options, str(folder)], environment=os.environ, folder=folder, seconds=_SECONDS
    )
