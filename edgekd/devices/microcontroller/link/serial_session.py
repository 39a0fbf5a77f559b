"""Requests to the firmware on a real board: each is answered whole and right, or the run fails.

A line loses and changes bytes. A frame whose check sum is wrong is thrown away and its request is
sent again, so many times and no more. An answer counts only with the sequence number of its own
request; the numbers begin anywhere, so that what an earlier program asked is never taken for ours.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgekd.devices.microcontroller.firmware.build import Firmware
from edgekd.devices.microcontroller.link.problems import raise_problem
from edgekd.devices.microcontroller.link.protocol import (
    Answer,
    DamagedFrame,
    ErrorCode,
    Frame,
    FrameType,
    Hello,
    encode_frame,
    parse_answer,
    parse_error,
    parse_hello,
)
from edgekd.devices.microcontroller.link.serial_line import SerialLine, open_line
from edgekd.errors import BadInput, RunFailed
from edgekd.target import Target

ATTEMPTS = 5
_SEQUENCES = 2**32
# Of any answer beside its outputs; only sets how long to wait for it.
_USUAL_BYTES = 2048
_DRAIN_SECONDS = 1.0
_ANSWERS = {
    FrameType.HELLO: FrameType.HELLO_ANSWER,
    FrameType.RUN: FrameType.RUN_ANSWER,
}


@dataclass(frozen=True)
class Run:
    """One inference on the board.

    Attributes:
        answer: of the firmware.
        seconds: from the first byte of the request to the last of the answer, with all retries:
            the inference took no longer.
    """

    answer: Answer
    seconds: float


@dataclass
class Session:
    """A board that runs the expected image; from :func:`open_session`."""

    line: SerialLine
    firmware: Firmware
    timeout_seconds: float
    hello: Hello = field(init=False)
    sequence: int = field(default_factory=lambda: secrets.randbelow(_SEQUENCES))

    def __post_init__(self) -> None:
        self.hello = self._greet()

    def run(self, payload: bytes) -> Run:
        """One inference.

        Args:
            payload: the bytes of all inputs, one input after the other.

        Raises:
            RunFailed: no whole answer in ``ATTEMPTS`` attempts, a fault, too little stack, or the
                port is gone.
        """
        start = time.monotonic()
        frame = self._ask(FrameType.RUN, payload, sum(self.hello.output_bytes))
        return Run(parse_answer(frame.payload, self.hello), time.monotonic() - start)

    def finish(self) -> None:
        """Make sure that the board still runs what it ran in the beginning.

        Raises:
            RunFailed: it was flashed meanwhile, so that nobody knows which answers are whose.
        """
        if self._greet() != self.hello:
            raise RunFailed("the firmware changed during the run", where=self.line.name)

    def _greet(self) -> Hello:
        hello = parse_hello(self._ask(FrameType.HELLO, b"", 0).payload)
        if hello.image != self.firmware.image:
            raise RunFailed(
                "the firmware on the board is not built from this library and this target",
                where=self.line.name,
                mend=f"flash {self.firmware.elf}",
            )
        return hello

    def _ask(self, kind: FrameType, payload: bytes, output_bytes: int) -> Frame:
        self.sequence = (self.sequence + 1) % _SEQUENCES
        request = encode_frame(kind, self.sequence, payload)
        on_line = self.line.seconds_for(len(request) + output_bytes + _USUAL_BYTES)
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._start_afresh(len(request))
            self.line.write(request)
            try:
                return self._answer(
                    kind, time.monotonic() + self.timeout_seconds / ATTEMPTS + on_line
                )
            except DamagedFrame as error:
                problem = error.what
        raise RunFailed(
            f"the board gave no whole answer in {ATTEMPTS} attempts; the last time {problem}",
            where=self.line.name,
            mend="is it flashed and powered, and are port and baud rate its own?",
        )

    def _answer(self, kind: FrameType, deadline: float) -> Frame:
        """The answer to the last request; stale frames are passed over.

        Raises:
            DamagedFrame: asking again may help.
        """
        while frame := self.line.read_frame(deadline):
            own = frame.sequence == self.sequence
            if own and frame.type == _ANSWERS[kind]:
                return frame
            if own or not _is_exhausted_stack(frame):
                raise_problem(frame, self.firmware)
        raise DamagedFrame("it was silent")

    def _start_afresh(self, size: int) -> None:
        """Bring the firmware to wait for the beginning of a frame.

        If it lost bytes of a request it may wait for them: zeros, which begin no frame, fill the
        request up, and what the firmware says to that is dropped.
        """
        self.line.write(bytes(size))
        self.line.drain(_DRAIN_SECONDS + self.line.seconds_for(size))


def _is_exhausted_stack(frame: Frame) -> bool:
    """The one error that is about an inference, and so about the request that it names."""
    return frame.type == FrameType.ERROR and parse_error(frame.payload) == ErrorCode.STACK


@contextmanager
def open_session(firmware: Firmware, target: Target, timeout_seconds: float) -> Iterator[Session]:
    """Open the target's port and make sure that the board runs this very image.

    Args:
        firmware: that should be on the board.
        target: its ``microcontroller`` names the port.
        timeout_seconds: for one request with all retries, without the time on the line.

    Raises:
        BadInput: the target names no port.
        MissingPackage: pyserial is not installed.
        RunFailed: there is no such port, nobody answers, or the firmware is another one.
    """
    part = target.microcontroller
    if part is None or part.port is None:
        raise BadInput(
            "the target names no serial port",
            where=target.name,
            mend="set microcontroller.port in a copy of its file",
        )
    with open_line(part.port, part.baud_rate) as line:
        yield Session(line, firmware, timeout_seconds)
