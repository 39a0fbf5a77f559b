"""Installs what a target needs, as far as this user may: Debian packages, the counting plugin."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from edgekd.devices.readiness import Missing, missing_for
from edgekd.errors import EdgekdError, RunFailed
from edgekd.target import Target

_INSTALL_SECONDS = 1800


def set_up(target: Target) -> list[Missing]:
    """Install Debian packages and compile the counting plugin; what is still missing.

    Packages are installed by root, or by ``sudo`` where that asks no password; nothing else on the
    system is changed. What only the user can get, such as a Python package, is left to them.

    Raises:
        RunFailed: the package manager failed.
    """
    wanted = sorted({name for missing in missing_for(target) for name in missing.debian})
    privilege = _privilege()
    if wanted and privilege is not None and shutil.which("apt-get") is not None:
        _install(wanted, privilege)
    missing = missing_for(target)
    if not missing and target.device == "qemu-cortex-m":
        _compile_plugin(target)
    return missing


def _privilege() -> list[str] | None:
    """What to put before a command that root must run; ``None`` where this user may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return [sudo, "-n"] if asked.returncode == 0 else None


def _install(packages: Sequence[str], privilege: Sequence[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [*privilege, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for attempt in ("first", "with fresh lists"):
        if attempt != "first":
            _run([*privilege, "apt-get", "update", "-qq"], environment)
        done = _run(command, environment)
        if done.returncode == 0:
            return
    lines = done.stderr.strip().splitlines()
    raise RunFailed(
        f"apt-get could not install {' '.join(packages)}",
        mend=lines[-1] if lines else "run it by hand",
    )


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed(f"{command[-1]} could not be installed", mend=str(error)) from error


def _compile_plugin(target: Target) -> None:
    from edgekd.devices.microcontroller.counts.counting import build_plugin
    from edgekd.devices.microcontroller.firmware.board import find_board

    assert target.microcontroller is not None
    board, _ = find_board(target.microcontroller.board)
    assert board.emulator is not None
    try:
        build_plugin(board.emulator.program)
    except EdgekdError:
        # Counts then come from the emulator's own clock, and the records say so.
        return
