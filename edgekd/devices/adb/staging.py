"""Files on their way to a phone: what the shell's user may write, checked by hash.

``/data/local/tmp`` is the one folder that ``adb push`` may write on every phone and from which an
app may read. The app's external folder (``/sdcard/Android/data/PACKAGE``) is not: since Android 11
what the shell's user puts there belongs to that user, and apps of many phones cannot open it.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from edgekd.devices.adb.client import Adb
from edgekd.errors import RunFailed
from edgekd.files import sha256_of

STAGING = "/data/local/tmp/edgekd"
_KIBIBYTE = 1024
_HASH = re.compile(r"^([0-9a-f]{64})\b")


def clear_staging(adb: Adb) -> None:
    """Make the folder anew: nothing of an earlier run is left in it.

    Raises:
        RunFailed: the phone cannot be reached, or the folder not be written.
    """
    adb.run("rm", "-rf", STAGING)
    adb.run("mkdir", "-p", STAGING)


def stage(adb: Adb, local: Path, name: str, *, copies: int = 1) -> str:
    """Copy a file to the phone; its path there.

    Args:
        adb: the phone.
        local: the file.
        name: there.
        copies: how often the phone will hold it.

    Raises:
        RunFailed: there is no room, it did not arrive whole, or the phone was lost.
    """
    size = local.stat().st_size
    free = free_bytes(adb)
    if free is not None and free < copies * size:
        raise RunFailed(
            f"the phone has {free} bytes left, and {local.name} needs {copies * size}",
            where=adb.serial,
            mend="free some space on it",
        )
    remote = f"{STAGING}/{name}"
    adb.push(local, remote)
    check_hash(adb, ["sha256sum", remote], local)
    return remote


def check_hash(adb: Adb, words: list[str], local: Path) -> None:
    """Make sure that a file on the phone is the one here.

    Raises:
        RunFailed: it is not.
    """
    found = _HASH.match(adb.run(*words, seconds=adb.call_seconds + 60))
    if found is None or found[1] != sha256_of(local):
        raise RunFailed(f"{local.name} did not arrive whole", where=adb.serial)


def free_bytes(adb: Adb) -> int | None:
    """Room for files on the phone; ``None``: it does not tell."""
    lines = adb.shell("df -k /data/local/tmp").text.split("\n")
    columns = [line.split() for line in lines if line.strip()][-1:]
    with contextlib.suppress(IndexError, ValueError):
        return int(columns[0][3]) * _KIBIBYTE
    return None
