"""Disks without room: in a namespace of this machine's, where their files are seen alone."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.android.toolchain import do_without
from tests.conftest import ROOT

_NAMESPACE = ("unshare", "--map-root-user", "--mount")


def run_beside(
    disks: dict[Path, int], commands: Sequence[Sequence[str | Path]], *, seconds: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run commands where these folders are disks.

    Args:
        disks: the size of each in KiB; the folders are there, and empty.
        commands: one after the other, each only if that before it ended well.
        seconds: their time limit.
    """
    probe = [*_NAMESPACE, "true"]
    if not shutil.which("unshare") or subprocess.run(probe, check=False).returncode:
        do_without("this machine allows no mount namespace: a full disk cannot be made")
    mounts = [
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk]
        for disk, size in disks.items()
    ]
    lines = [shlex.join(map(str, command)) for command in [*mounts, *commands]]
    return subprocess.run(
        [*_NAMESPACE, "sh", "-c", " && ".join(lines)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=seconds,
        check=False,
    )
