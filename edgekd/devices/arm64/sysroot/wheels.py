"""Wheels for the guest's Python and platform."""

from __future__ import annotations

from pathlib import Path

from edgekd.devices.arm64.sysroot.pins import PYTHON, WheelPin
from edgekd.wheels import fetch_wheel


def download_wheel(name: str, pin: WheelPin, folder: Path) -> Path:
    """Fetch one wheel into a folder.

    Raises:
        MissingPackage: edgekd's own environment has no pip.
        RunFailed: it cannot be had, or is not the file that was pinned.
    """
    return fetch_wheel(name, pin.version, pin.sha256, folder, python=PYTHON, platform=pin.platform)
