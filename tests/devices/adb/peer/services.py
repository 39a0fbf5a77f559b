"""The services ``shell`` (both versions) and ``exec``: a command line and its streams.

Source: ``shell_protocol.h`` and ``shell_service.cpp`` of the Android Open Source Project. A packet
of version 2 is an identifier of one byte, a length of four, and data.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.devices.adb.peer.connection import Stream
from tests.devices.adb.peer.faults import Refused, Step
from tests.devices.adb.peer.packets import ConnectionGone
from tests.devices.adb.peer.process import Input, Process
from tests.devices.adb.peer.shell import Shell
from tests.devices.adb.peer.tree import SHELL

if TYPE_CHECKING:
    from tests.devices.adb.peer.phone import Phone

_HEADER = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_ENVIRONMENT = {"HOME": "/", "TMPDIR": "/data/local/tmp", "USER": "shell"}


class _Plain:
    """Bytes as they are; standard error goes where standard output goes."""

    def __init__(self, stream: Stream, step: Step) -> None:
        self._stream, self._step = stream, step

    def write(self, data: bytes) -> None:
        for part in self._step.parts(data):
            self._stream.write(part)


class _Framed:
    """One output of version 2."""

    def __init__(self, stream: Stream, step: Step, kind: int, lock: threading.Lock) -> None:
        self._stream, self._step, self._kind, self._lock = stream, step, kind, lock

    def write(self, data: bytes) -> None:
        with self._lock:
            for part in self._step.parts(data):
                self._stream.write(_HEADER.pack(self._kind, len(part)) + part)


def serve_shell(phone: Phone, stream: Stream, line: str, *, version: int, name: str) -> None:
    """Run a command line and send what it says, and in version 2 how it ended."""
    step = phone.step(f"{name} {line}", stream)
    lock = threading.Lock()
    if version == 2:
        stdin = Input(_framed_input(stream))
        process = _process(phone, stream, stdin)
        process.stdout = _Framed(stream, step, _STDOUT, lock)
        process.stderr = _Framed(stream, step, _STDERR, lock)
    else:
        process = _process(phone, stream, Input(_plain_input(stream)))
        process.stdout = process.stderr = _Plain(stream, step)
    status = _run(process, step, line)
    if version == 2:
        stream.write(_HEADER.pack(_EXIT, 1) + bytes([status & 0xFF]))


def _process(phone: Phone, stream: Stream, stdin: Input) -> Process:
    nowhere = _Nowhere()
    environment = dict(_ENVIRONMENT)
    return Process(phone, [], SHELL, "/", environment, stdin, nowhere, nowhere, stream.when_closed)


class _Nowhere:
    def write(self, data: bytes) -> None:
        return


def _run(process: Process, step: Step, line: str) -> int:
    try:
        step.reach("start")
        process.phone.tree.refresh()
        if not line.strip():
            process.phone.not_understood.append("an interactive shell")
        status = Shell(process).run(line)
        step.reach("end")
    except Refused as refused:
        return process.complain(refused.message, refused.status)
    return status


def _plain_input(stream: Stream) -> Iterator[bytes]:
    with suppress(ConnectionGone):
        while True:
            yield stream.read()


def _framed_input(stream: Stream) -> Iterator[bytes]:
    with suppress(ConnectionGone):
        while True:
            kind, size = _HEADER.unpack(stream.read_exactly(_HEADER.size))
            data = stream.read_exactly(size)
            if kind == _CLOSE_STDIN:
                return
            if kind == _STDIN:
                yield data
