"""The other side of the ExecuTorch runner's frames; see ``frames.h`` among its sources."""

from __future__ import annotations

import enum
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from edgekd.devices.arm64.sysroot import build_sysroot

BEGIN, END = 770001, 770002


class Operation(enum.IntEnum):
    """What can be asked."""

    DESCRIBE = 1
    RUN = 2
    COUNT = 3
    MEMORY = 4


class Refused(Exception):
    """The runner's own reason why a request failed."""


def command(
    model: Path | str, core: str = "cortex-a76", *, emulator: Sequence[str] = ()
) -> list[str]:
    """Of a runner with a model, under the emulator."""
    sysroot = build_sysroot("executorch", core)
    return [
        *("qemu-aarch64", *emulator, "-cpu", core, "-L", str(sysroot.root)),
        *(str(sysroot.runner), str(model), str(BEGIN), str(END)),
    ]


def request(operation: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """One frame; its length may lie."""
    return struct.pack("<IQ", operation, len(payload) if length is None else length) + payload


def answer(frame: bytes) -> bytes:
    """The payload of one whole frame."""
    status, length = struct.unpack("<IQ", frame[:12])
    payload = frame[12:]
    assert len(payload) == length
    if status:
        raise Refused(payload.decode())
    return payload


class RunnerProcess:
    """A runner that lives until the end of its block."""

    def __init__(self, model: Path, core: str = "cortex-a76") -> None:
        self._process = subprocess.Popen(
            command(model, core),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, operation: Operation, payload: bytes = b"") -> bytes:
        """The answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request(operation, payload))
        self._process.stdin.flush()
        header = self._process.stdout.read(12)
        [length] = struct.unpack("<Q", header[4:])
        return answer(header + self._process.stdout.read(length))

    def __enter__(self) -> RunnerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)
        if error is None:
            assert self._process.returncode == 0
