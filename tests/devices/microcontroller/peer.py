"""A board at the far end of a pseudo-terminal: the image of a real one, run by an emulator.

The NUCLEO-F446RE itself is not here. QEMU's Netduino Plus 2 has an STM32F405, whose core, memory
and USART2 lie where the STM32F446 has them, so it runs the very image that would be flashed. It
counts no cycles; what stands in for them here is made up by :class:`MadeUpCycles`, and no figure of
these tests is one of a board.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgekd.devices.microcontroller.link.protocol import (
    MAGIC,
    Frame,
    FrameType,
    encode_frame,
    read_frame,
)
from edgekd.target import Target
from tests.devices.microcontroller.library import target_named

Change = Callable[[bytes], bytes]
_MACHINE = ("qemu-system-arm", "-machine", "netduinoplus2", "-display", "none", "-monitor", "none")
# The second serial port is USART2.
_PORTS = ("-serial", "null", "-serial", "stdio")
_HEAD_BYTES, _CHECK_BYTES = 16, 4


class HangUp(Exception):
    """Raised by a change: the cable is pulled."""


def unchanged(data: bytes) -> bytes:
    return data


def whole_frames(change: Callable[[Frame], bytes]) -> Change:
    """A change of frames, on a line that is otherwise clean; what lies between them passes."""
    held = b""

    def on_bytes(data: bytes) -> bytes:
        nonlocal held
        held += data
        out = b""
        while len(held) >= _HEAD_BYTES:
            start = held.find(MAGIC)
            if start != 0:
                # Zeros between requests; a magic may still be cut in two.
                start = len(held) - len(MAGIC) + 1 if start < 0 else start
                out, held = out + held[:start], held[start:]
                continue
            size = _HEAD_BYTES + int.from_bytes(held[12:16], "little") + _CHECK_BYTES
            if len(held) < size:
                break
            whole, held = held[:size], held[size:]
            parts = iter((whole[:4], whole[4:16], whole[16:-4], whole[-4:]))
            frame = read_frame(lambda wanted, parts=parts: next(part for part in parts if part))  # type: ignore[misc]
            assert frame is not None
            out += change(frame)
        return out

    return on_bytes


def encoded(frame: Frame) -> bytes:
    return encode_frame(frame.type, frame.sequence, frame.payload)


class MadeUpCycles:
    """Lets a board without a cycle counter say that it has one."""

    def __init__(self, cycles: Callable[[int], int]) -> None:
        self.runs = 0
        self._cycles = cycles

    def __call__(self, frame: Frame) -> bytes:
        payload = frame.payload
        if frame.type == FrameType.HELLO_ANSWER:
            payload = payload[:12] + struct.pack("<I", 1) + payload[16:]
        if frame.type == FrameType.RUN_ANSWER:
            payload = payload[:4] + struct.pack("<I", self._cycles(self.runs)) + payload[8:]
            self.runs += 1
        return encode_frame(frame.type, frame.sequence, payload)


@contextmanager
def attached(
    elf: Path, *, to_board: Change = unchanged, to_host: Change = unchanged
) -> Iterator[Target]:
    """The target of a board that runs an image, with all bytes of both directions changed."""
    master, slave = os.openpty()
    tty.setraw(slave)
    command = [*_MACHINE, *_PORTS, "-kernel", str(elf)]
    board = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    stop = threading.Event()
    bridge = threading.Thread(
        target=_bridge, args=(master, board, to_board, to_host, stop), daemon=True
    )
    bridge.start()
    try:
        yield target_at(os.ttyname(slave))
    finally:
        stop.set()
        board.kill()
        board.wait()
        bridge.join()
        os.close(slave)
        with suppress(OSError):
            os.close(master)


def target_at(port: str | None, **changes: int | str | None) -> Target:
    """The shipped target, with a port of our own."""
    target = target_named("nucleo-f446re")
    assert target.microcontroller is not None
    part = target.microcontroller.model_copy(update={"port": port, **changes})
    return target.model_copy(update={"microcontroller": part})


def _bridge(
    master: int,
    board: subprocess.Popen[bytes],
    to_board: Change,
    to_host: Change,
    stop: threading.Event,
) -> None:
    assert board.stdin is not None
    assert board.stdout is not None
    out = board.stdout.fileno()
    with suppress(OSError):
        while not stop.is_set():
            ready, _, _ = select.select([master, out], [], [], 0.05)
            try:
                if master in ready:
                    board.stdin.write(to_board(os.read(master, 4096)))
                if out in ready:
                    os.write(master, to_host(os.read(out, 4096)))
            except HangUp:
                os.close(master)
                return
