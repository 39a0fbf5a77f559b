"""The real ``adb`` client, as a user calls it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.devices.adb.peer.phone import Phone

_ATTEMPTS = 100


def call_adb(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it and wait; the server that it talks to is the one that the environment names."""
    command = ["adb", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def connect(phone: Phone, expected: str = "connected to") -> None:
    """What a user does for a phone on the network, and again after its connection broke.

    Args:
        phone: to connect to.
        expected: how the client's answer begins.
    """
    for _ in range(_ATTEMPTS):
        # Else the server takes the broken connection for a good one. It forgets it in a thread of
        # its own, so that it may still know it when asked to connect.
        call_adb("disconnect", phone.serial)
        answer = call_adb("connect", phone.serial).stdout.decode()
        if not answer.startswith("already connected"):
            break
    assert answer.startswith(expected), answer
