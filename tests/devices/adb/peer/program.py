"""Runs the ARM64 programs that were pushed to the phone, on an emulated core."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress

from tests.devices.adb.peer.process import Failed, Output, Process

CORE = "cortex-a76"
_SIGNAL_STATUS = 128


def run_program(process: Process) -> int:
    """Run ``arguments[0]``, which must be static; its exit status.

    Arguments that are paths of the phone are handed over as this machine's.

    Raises:
        Failed: there is no such program, or it may not be run.
    """
    name = process.arguments[0]
    if "/" not in name:
        raise Failed(f"/system/bin/sh: {name}: inaccessible or not found", 127)
    path = process.readable(name)
    if not path.is_file():
        raise Failed(f"/system/bin/sh: {name}: inaccessible or not found", 127)
    if not path.stat().st_mode & 0o111:
        raise Failed(f"/system/bin/sh: {name}: can't execute: Permission denied", 126)
    arguments = [_own_path(process, argument) for argument in process.arguments[1:]]
    command = ["qemu-aarch64", "-cpu", CORE, "-L", str(process.phone.tree.root), str(path)]
    return _run(process, [*command, *arguments])


def _own_path(process: Process, argument: str) -> str:
    tree = process.phone.tree
    return str(tree.host(argument)) if argument.startswith(("/data/", "/sdcard/")) else argument


def _run(process: Process, command: list[str]) -> int:
    guest = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=process.phone.tree.host(process.folder),
        env={**process.environment, "PATH": os.environ["PATH"]},
    )
    process.when_ended(guest.kill)
    assert guest.stdin is not None
    assert guest.stdout is not None
    assert guest.stderr is not None
    feeder = threading.Thread(target=_feed, args=(process, guest), daemon=True)
    second = threading.Thread(target=_copy, args=(guest.stderr.fileno(), process.stderr))
    feeder.start()
    second.start()
    try:
        _copy(guest.stdout.fileno(), process.stdout)
    finally:
        status = guest.wait()
        second.join()
        guest.stdout.close()
        guest.stderr.close()
    return status if status >= 0 else _SIGNAL_STATUS - status


def _feed(process: Process, guest: subprocess.Popen[bytes]) -> None:
    assert guest.stdin is not None
    with suppress(Exception):
        for part in process.stdin.parts():
            guest.stdin.write(part)
            guest.stdin.flush()
    with suppress(OSError):
        guest.stdin.close()


def _copy(descriptor: int, output: Output) -> None:
    while data := os.read(descriptor, 65536):
        output.write(data)
