"""Packages of this system's own Debian, installed as far as this user may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from edgekd.tool_environments.child import run_child

_SECONDS = 1800.0


def is_installed(brings: str) -> bool:
    """Whether this system has a program, or a file where an absolute path is named."""
    return Path(brings).is_file() if brings.startswith("/") else shutil.which(brings) is not None


def install(packages: Sequence[str]) -> str:
    """Install packages, where this user is root or ``sudo`` asks no password.

    Returns:
        Why they are not installed; empty where they are.
    """
    privilege = _privilege()
    if privilege is None or shutil.which("apt-get") is None:
        return "neither root nor sudo without a password, or no apt-get"
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    # One that cannot be had must not keep the others away.
    if not _run([*privilege, *command, *packages]):
        return ""
    _run([*privilege, "apt-get", "update", "-qq"])
    reasons = [_run([*privilege, *command, package]) for package in packages]
    return next(filter(None, reasons), "")


def _privilege() -> list[str] | None:
    """What to put before a command that root must run; ``None`` where this user may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    return [sudo, "-n"] if sudo is not None and not _run([sudo, "-n", "true"]) else None


def _run(command: Sequence[str]) -> str:
    """Why a command failed; empty where it did not."""
    ended = run_child(
        command,
        environment={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        folder=Path("/"),
        seconds=_SECONDS,
    )
    return "" if ended.well else ended.first_line("E:") or ended.how
