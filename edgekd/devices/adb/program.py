"""The ``adb`` program: where it is, and one call of it, bounded in time and in what it tells."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edgekd.devices.adb.problems import NoAdb, TimeLimit
from edgekd.errors import RunFailed

PROGRAM_VARIABLE = "ADB"
MAX_STDERR_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Called:
    """How a call ended.

    Attributes:
        status: exit status of ``adb``.
        stdout: as it came.
        stderr: one line.
    """

    status: int
    stdout: bytes
    stderr: str


def find_adb() -> str:
    """Path of the program: ``$ADB``, or ``adb`` on the search path.

    Raises:
        NoAdb: there is none.
    """
    wanted = os.environ.get(PROGRAM_VARIABLE) or "adb"
    found = shutil.which(wanted)
    if found is None:
        raise NoAdb(
            f"the program {wanted} is not there",
            mend="apt-get install adb, or set $ADB to the one of the Android SDK",
        )
    return found


def call_adb(arguments: Sequence[str], *, seconds: float, most_bytes: int) -> Called:
    """Run ``adb`` once.

    Args:
        arguments: of the program.
        seconds: after them it is stopped.
        most_bytes: of standard output; with more it is stopped.

    Raises:
        NoAdb: there is no such program, or it does not start.
        TimeLimit: it took too long.
        RunFailed: it told too much.
    """
    command = [find_adb(), *arguments]
    try:
        # Its own session: Ctrl-C must not reach the calls that put the phone's settings back.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NoAdb(f"cannot be started: {error.strerror}", where=command[0]) from error
    try:
        stdout, stderr = _read(process, seconds, most_bytes)
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    return Called(status, stdout, " ".join(stderr.decode(errors="replace").split()))


def _read(process: subprocess.Popen[bytes], seconds: float, most_bytes: int) -> tuple[bytes, bytes]:
    """All of both streams, to their end."""
    deadline = time.monotonic() + seconds
    assert process.stdout is not None
    assert process.stderr is not None
    outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    stdout, stderr = outputs
    with selectors.DefaultSelector() as selector:
        for descriptor in outputs:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise TimeLimit(f"adb did not end within {seconds:g} s")
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK_BYTES)
                taken = outputs[key.fd]
                if not data:
                    selector.unregister(key.fd)
                elif key.fd == stdout and len(taken) + len(data) > most_bytes:
                    raise RunFailed(f"the device told more than {most_bytes} bytes")
                elif key.fd == stdout or len(taken) < MAX_STDERR_BYTES:
                    taken += data
    return bytes(outputs[stdout]), bytes(outputs[stderr])
