"""A serial port as frames: bytes with deadlines, and one clear line when the port goes away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from edgekd.devices.microcontroller.link.protocol import Frame, read_frame
from edgekd.errors import MissingPackage, RunFailed

# The bytes of one frame follow each other at once: after a longer silence some were lost.
GAP_SECONDS = 0.5
# Longer than what a USB adapter holds bytes back.
QUIET_SECONDS = 0.1
# Start bit, eight of data, stop bit.
BITS_A_BYTE = 10
_POLL_SECONDS = 0.02
_WRITE_SECONDS = 5.0
# Small enough to pass in that time at any usual baud rate.
_WRITE_BYTES = 256


class _Port(Protocol):
    """The part of ``serial.Serial`` that is used."""

    def read(self, size: int) -> bytes: ...

    def write(self, data: bytes) -> int | None: ...

    def close(self) -> None: ...


class SerialLine:
    """Both directions of one open port; from :func:`open_line`."""

    def __init__(self, port: _Port, name: str, baud_rate: int) -> None:
        self.name = name
        self._port = port
        self._baud_rate = baud_rate

    def seconds_for(self, size: int) -> float:
        """How long so many bytes take on the wire, with as much again to be on the safe side."""
        return 2 * size * BITS_A_BYTE / self._baud_rate

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            RunFailed: the port is gone, or takes nothing.
        """
        for start in range(0, len(data), _WRITE_BYTES):
            with _port_errors(self.name):
                self._port.write(data[start : start + _WRITE_BYTES])

    def read_frame(self, deadline: float) -> Frame | None:
        """The next frame; ``None`` when nothing more comes.

        Args:
            deadline: of ``time.monotonic()``, for all of the frame.

        Raises:
            DamagedFrame: what came is no whole frame.
            RunFailed: the port is gone.
        """
        until = deadline

        def read(size: int) -> bytes:
            nonlocal until
            data = self._read(size, until)
            until = min(deadline, time.monotonic() + GAP_SECONDS)
            return data

        return read_frame(read)

    def drain(self, most_seconds: float) -> None:
        """Drop what comes until nothing does any more, or the time is up.

        Raises:
            RunFailed: the port is gone.
        """
        deadline = time.monotonic() + most_seconds
        while self._read(_WRITE_BYTES, min(deadline, time.monotonic() + QUIET_SECONDS)):
            if time.monotonic() >= deadline:
                return

    def _read(self, size: int, until: float) -> bytes:
        """At least one byte, or none at the deadline."""
        while time.monotonic() < until:
            with _port_errors(self.name):
                data = self._port.read(size)
            if data:
                return data
        return b""


@contextmanager
def open_line(name: str, baud_rate: int) -> Iterator[SerialLine]:
    """Open a port for this process alone; it is closed in the end.

    Args:
        name: as the operating system calls it, ``/dev/ttyACM0`` or ``COM3``.
        baud_rate: bits a second; eight data bits, no parity, one stop bit.

    Raises:
        MissingPackage: pyserial is not installed.
        RunFailed: there is no such port, it may not be opened, or another program has it.
    """
    try:
        import serial
    except ImportError as error:
        raise MissingPackage(
            "pyserial is not installed", mend='pip install "edgekd[microcontroller]"'
        ) from error
    try:
        port = serial.Serial(
            name, baud_rate, timeout=_POLL_SECONDS, write_timeout=_WRITE_SECONDS, exclusive=True
        )
    except (OSError, ValueError) as error:
        raise RunFailed(
            f"the serial port cannot be opened: {error}",
            where=name,
            mend="plug the board in, close other programs that use the port, set "
            "microcontroller.port in the target, or join the group that owns the port",
        ) from error
    try:
        yield SerialLine(port, name, baud_rate)
    finally:
        # What fails while closing a port that is gone is no news.
        with suppress(OSError):
            port.close()


@contextmanager
def _port_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFailed(
            f"the serial port failed: {error}",
            where=name,
            mend="was the board unplugged, or does another program use the port?",
        ) from error
