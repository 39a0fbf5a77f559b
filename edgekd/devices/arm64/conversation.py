"""Asks a guest program, and says why where there is no answer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.devices.arm64.protocol import (
    HEADER,
    MAX_JSON_BYTES,
    Description,
    Operation,
    parse_description,
)
from edgekd.devices.arm64.sysroot import Sysroot
from edgekd.errors import BadInput, RunFailed

LOG = "log"
_LOG_TAIL_BYTES = 64 * 1024
_CANNOT_LOAD = 3
_EXIT_SECONDS = 60
# What the runtimes print when all is well; it explains no failure.
_CHATTER = re.compile(
    r"INFO|WARNING: All log messages|qemu: uncaught target signal"
    r"|[ID] \d\d:\d\d:\d\d\.\d+ executorch"
)


@dataclass
class Guest:
    """A running guest program with a model loaded.

    Attributes:
        sysroot: that it runs in.
        folder: its working folder, with what it says on standard error; deleted afterwards.
        where: name of the artifact, for messages.
        timeout_seconds: after which it is killed.
        process: that it is.
        late: set where it was killed for that.
    """

    sysroot: Sysroot
    folder: Path
    where: str
    timeout_seconds: float
    process: subprocess.Popen[bytes]
    late: threading.Event = field(default_factory=threading.Event)

    def describe(self) -> Description:
        """The model's inputs and outputs.

        Raises:
            BadInput: the runtime cannot load it.
            RunFailed: as for :meth:`ask`.
        """
        return parse_description(self.ask(Operation.DESCRIBE, most=MAX_JSON_BYTES))

    def ask(self, operation: Operation, payload: bytes = b"", *, most: int) -> bytes:
        """Send one request and wait for its reply of at most so many bytes.

        Raises:
            BadInput: the runtime cannot load the model.
            RunFailed: the inference failed, or the guest crashed, hung or broke the protocol.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(HEADER.pack(operation, len(payload)) + payload)
            self.process.stdin.flush()
        except OSError:
            raise self._death() from None
        header = self.process.stdout.read(HEADER.size)
        if len(header) != HEADER.size:
            raise self._death()
        status, length = HEADER.unpack(header)
        if length > max(most, _LOG_TAIL_BYTES):
            raise RunFailed(f"the guest answers {length} bytes, not {most}", where=self.where)
        reply = self.process.stdout.read(length)
        if len(reply) != length:
            raise self._death()
        if status != 0:
            reason = " ".join(reply.decode(errors="replace").split())[:300]
            raise RunFailed(f"the inference failed in the guest: {reason}", where=self.where)
        return reply

    def finish(self) -> None:
        """End its input, and wait until it has ended.

        Raises:
            RunFailed: it did not end well.
        """
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            status = self.process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise RunFailed("the guest does not end", where=self.where) from error
        if status != 0:
            raise self._death()

    def _death(self) -> BadInput | RunFailed:
        """Why it ended, or does not answer."""
        try:
            status = self.process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return RunFailed("the guest closed its output", where=self.where)
        line = _last_line(self.folder / LOG)
        told = f": {line}" if line else ""
        if self.late.is_set():
            return RunFailed(
                f"the guest was stopped: it took longer than {self.timeout_seconds:g} s{told}",
                where=self.where,
            )
        if status == _CANNOT_LOAD:
            return BadInput(
                f"the {self.sysroot.runtime} of ARM64 cannot load it{told}", where=self.where
            )
        if status < 0:
            name = signal.Signals(-status).name
            return RunFailed(f"the guest was killed by {name}{told}", where=self.where)
        return RunFailed(f"the guest ended with exit status {status}{told}", where=self.where)


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    telling = [line for line in lines if line and not _CHATTER.match(line)]
    return telling[-1][:300] if telling else ""
