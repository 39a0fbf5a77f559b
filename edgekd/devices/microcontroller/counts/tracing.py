"""Counts from the emulator's own trace of instructions, where the plugin is not to be had.

With one instruction a translation block and no chaining of blocks, QEMU's ``-d exec`` writes one
line for each instruction that it executes. The lines go through a pipe and are counted as they
come: the same counts as the plugin's, at a few microseconds an instruction.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from edgekd.devices.microcontroller.counts.records import (
    BEGIN,
    END,
    NO_LAYER,
    Counts,
    Histogram,
    checked,
    layer_names,
)
from edgekd.devices.microcontroller.firmware.image import Image

TRACE = "instruction trace"
# Trace 0: <host address> [<cs base>/<program counter>/<flags>/<block flags>] <symbol>
# A block that was stopped before it began is followed by a line that says so, and comes again.
_EXECUTED = re.compile(
    rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/[^\n]*\n(?!Stopped)", re.MULTILINE
)
_CHUNK_BYTES = 1 << 20
_NAMED_SINCE = (8, 1)


class Trace:
    """Counts one emulation; a context manager around it.

    Attributes:
        arguments: of QEMU, to be added.
    """

    def __init__(self, image: Image, version: tuple[int, int, int], folder: Path) -> None:
        """Make the pipe.

        Args:
            image: the program that is run.
            version: of the emulator, whose options changed their names.
            folder: where the pipe may lie.
        """
        self._image = image
        self._pipe = folder / "trace"
        self._counter = _Counter(image)
        os.mkfifo(self._pipe)
        single = ["-accel", "tcg,one-insn-per-tb=on"]
        self.arguments = [
            *(single if version[:2] >= _NAMED_SINCE else ["-singlestep"]),
            "-d",
            "exec,nochain",
            "-D",
            str(self._pipe),
        ]

    def __enter__(self) -> Trace:
        reader = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        # Held open, so that the pipe ends with the emulation and not before it begins.
        self._writer = os.open(self._pipe, os.O_WRONLY)
        self._thread = threading.Thread(target=self._read, args=(reader,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._writer)
        self._thread.join()

    def counts(self) -> Counts:
        """What was counted, once the emulation is over.

        Raises:
            RunFailed: the region never ran.
        """
        layers = {name: part for name, part in self._counter.layers.items() if part.executed}
        return checked(Counts(tuple(self._counter.runs), layers, TRACE), self._image)

    def _read(self, reader: int) -> None:
        # The emulator writes line by line: a buffer spares a turn of this loop for each.
        with open(reader, "rb", buffering=_CHUNK_BYTES) as stream:
            rest = b""
            while chunk := stream.read(_CHUNK_BYTES):
                lines = rest + chunk
                # The last line waits for the one that follows it.
                cut = lines.rfind(b"\nTrace") + 1
                self._take(lines[:cut])
                rest = lines[cut:]
            self._take(rest)

    def _take(self, lines: bytes) -> None:
        self._counter.take(int(found, 16) for found in _EXECUTED.findall(lines))


class _Counter:
    """Sorts executed addresses into runs and layers, as the plugin does."""

    def __init__(self, image: Image) -> None:
        begin, end = image.named(BEGIN), image.named(END)
        self._begin, self._end = begin.address, end.address
        self._markers = {*range(begin.address, begin.end), *range(end.address, end.end)}
        self._entries = {image.named(name).address: name for name in layer_names(image)}
        self._image = image
        self._sizes: dict[int, int] = {}
        self._inside = False
        self._previous = 0
        self.runs: list[int] = []
        self.layers: dict[str, Histogram] = {}
        self._enter(NO_LAYER)

    def _enter(self, name: str) -> None:
        self._layer = self.layers.setdefault(name, Histogram(Counter(), Counter()))

    def take(self, addresses: Iterable[int]) -> None:
        """Count instructions in the order they were executed."""
        for address in addresses:
            if address in self._markers:
                self._mark(address)
            elif self._inside:
                self._count(address)

    def _mark(self, address: int) -> None:
        if address == self._begin:
            self._inside = True
            self._enter(NO_LAYER)
            self.runs.append(0)
        elif address == self._end and self._inside:
            self._jump_to(address)
            self._inside = False
        self._previous = 0

    def _count(self, address: int) -> None:
        self._jump_to(address)
        if address in self._entries:
            self._enter(self._entries[address])
        self._layer.executed[address] += 1
        self._previous = address
        self.runs[-1] += 1

    def _jump_to(self, address: int) -> None:
        if self._previous and self._previous + self._size(self._previous) != address:
            self._layer.taken[self._previous] += 1

    def _size(self, address: int) -> int:
        if address not in self._sizes:
            halfword = int.from_bytes(self._image.content(address, 2), "little")
            arm = self._image.machine == "EM_ARM"
            # Thumb's long instructions begin with 0b11101, 0b1111; RISC-V's end with 0b11.
            self._sizes[address] = 4 if (halfword >= 0xE800 if arm else halfword & 3 == 3) else 2
        return self._sizes[address]
