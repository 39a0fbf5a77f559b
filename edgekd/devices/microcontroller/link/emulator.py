"""Runs firmware on an emulated board: one process of QEMU, always ended and cleaned up.

Requests and answers are two files in a temporary folder in which the emulator works; the firmware
reads and writes them by semihosting, and ends the emulator at the end of the requests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgekd.devices.microcontroller.firmware.build import Firmware
from edgekd.devices.microcontroller.firmware.toolchain import find_emulator
from edgekd.devices.microcontroller.link.problems import raise_problem
from edgekd.devices.microcontroller.link.protocol import (
    Answer,
    Frame,
    FrameType,
    Hello,
    encode_frame,
    parse_answer,
    parse_hello,
    read_frame,
)
from edgekd.errors import BadInput, RunFailed
from edgekd.processes import bounded

TIMEOUT_SECONDS = 300.0
# Of any file that the emulator writes: firmware that writes for ever must not fill the disk.
MAX_FILE_BYTES = 1024 * 1024 * 1024
# Names that semihosting.c knows.
_REQUESTS = "requests"
_ANSWERS = "answers"
_LOG = "log"
_LOG_TAIL_BYTES = 64 * 1024
_NO_PERIPHERALS = ("-display", "none", "-serial", "none", "-monitor", "none", "-nic", "none")
_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")


@dataclass(frozen=True)
class Emulation:
    """What the firmware told.

    Attributes:
        hello: the library's descriptors.
        answers: one for each payload, in order.
    """

    hello: Hello
    answers: list[Answer]


@dataclass(frozen=True)
class _End:
    """How the emulator's process ended: by itself with a status, or late."""

    status: int
    late: bool
    last_line: str


def run_emulator(
    firmware: Firmware,
    payloads: Sequence[bytes],
    *,
    arguments: Sequence[str] = (),
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Emulation:
    """Boot the firmware, ask it for its descriptors, run every payload, and shut it down.

    The region of interest lies between the symbols ``edgekd_region_begin`` and
    ``edgekd_region_end`` (two functions), and is passed once for each payload.

    Args:
        firmware: from :func:`edgekd.devices.microcontroller.firmware.build.build_firmware`.
        payloads: the bytes of all inputs of one inference each, one input after the other
            (:func:`edgekd.devices.microcontroller.link.payloads.encode_inputs`).
        arguments: further ones of QEMU, as ``-plugin file=...,begin=...`` or ``-icount shift=0``.
            Relative paths in them are relative to a folder that is deleted afterwards.
        timeout_seconds: after which the emulator is stopped.

    Raises:
        BadInput: the board is not an emulated one.
        MissingPackage: the emulator is not installed.
        RunFailed: it crashed, hung, hit a fault (with PC and function), or answered nonsense.
    """
    command = [*_command(firmware), *arguments, "-kernel", str(firmware.elf.resolve())]
    try:
        with tempfile.TemporaryDirectory(prefix="edgekd-emulator-") as name:
            folder = Path(name)
            with (folder / _REQUESTS).open("wb") as stream:
                stream.write(encode_frame(FrameType.HELLO, 0))
                for sequence, payload in enumerate(payloads, 1):
                    stream.write(encode_frame(FrameType.RUN, sequence, payload))
            end = _run(command, folder, timeout_seconds)
            return _read_answers(folder, firmware, len(payloads), end, timeout_seconds)
    except OSError as error:
        raise RunFailed(
            f"the emulator cannot be run: {error.strerror}",
            where=firmware.target,
            mend="free some space or set TMPDIR to another folder",
        ) from error


def _command(firmware: Firmware) -> list[str]:
    emulator = firmware.board.emulator
    if emulator is None:
        raise BadInput(
            f"no emulator knows the board {firmware.board.name}",
            where=firmware.target,
            mend="use the device serial",
        )
    program = find_emulator(emulator.program, firmware.target)
    return [str(program), *emulator.arguments, *_NO_PERIPHERALS, *_SEMIHOSTING]


def _run(command: list[str], folder: Path, timeout_seconds: float) -> _End:
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            bounded(command, file_bytes=MAX_FILE_BYTES),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        late = False
        try:
            process.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return _End(process.returncode, late, _last_line(folder / _LOG))


def _read_answers(
    folder: Path, firmware: Firmware, count: int, end: _End, timeout_seconds: float
) -> Emulation:
    """Read what the firmware left; where that is not all, say why."""
    answers: list[Answer] = []
    hello: Hello | None = None
    problem = _problem(end, timeout_seconds)
    if (folder / _ANSWERS).is_file():
        with (folder / _ANSWERS).open("rb") as stream:
            for sequence in range(count + 1):
                frame = _next_frame(stream, firmware, sequence, late=end.late)
                if frame is None:
                    break
                if hello is None:
                    hello = parse_hello(frame.payload)
                else:
                    answers.append(parse_answer(frame.payload, hello))
    if hello is None or len(answers) != count or problem:
        done = f"after {len(answers)} of {count} inferences" if hello else "before it answered"
        reason = problem or "the firmware ended"
        raise RunFailed(f"{reason} {done}", where=firmware.target)
    return Emulation(hello, answers)


def _next_frame(stream: BinaryIO, firmware: Firmware, sequence: int, *, late: bool) -> Frame | None:
    try:
        frame = read_frame(stream.read)
    except RunFailed:
        if late:
            # It was stopped in the middle of a word.
            return None
        raise
    if frame is None:
        return None
    raise_problem(frame, firmware)
    expected = FrameType.RUN_ANSWER if sequence else FrameType.HELLO_ANSWER
    if frame.type != expected or frame.sequence != sequence:
        raise RunFailed("the firmware's answers do not match the requests", where=firmware.target)
    return frame


def _problem(end: _End, timeout_seconds: float) -> str:
    if end.late:
        return f"the emulator was stopped: it ran longer than {timeout_seconds:g} s,"
    if end.status == 0:
        return ""
    line = f" ({end.last_line})" if end.last_line else ""
    if end.status < 0:
        return f"the emulator was killed by {signal.Signals(-end.status).name}{line}"
    return f"the emulator ended with exit status {end.status}{line}"


def _last_line(log: Path) -> str:
    """The first line of what the emulator said last: a dump of registers follows the reason."""
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    telling = [line for line in lines if line.startswith("qemu")] or [
        line for line in lines if line
    ]
    return telling[0][:300] if telling else ""
