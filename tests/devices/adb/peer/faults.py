"""What goes wrong, and at which step: nothing here depends on a clock."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from tests.devices.adb.peer.connection import Stream
from tests.devices.adb.peer.packets import ConnectionGone
from tests.devices.adb.peer.state import PhoneState

# How often a process that is waited for is looked after.
_LOOK_SECONDS = 0.1
# ``start``: nothing is done yet. ``end``: all is done, but not answered. Or after so many bytes.
Moment = Literal["start", "end"] | int


class Refused(Exception):
    """The step fails as a fault says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Gate:
    """Holds a step until the test lets it go on.

    Attributes:
        reached: set when the step waits here.
        gone: set when the client of that step has gone away; ``adb`` does not notice it as long
            as the phone has not taken what the client sends.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.gone = threading.Event()
        self._open = threading.Event()

    def wait_reached(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a step of this process is here.

        Raises:
            AssertionError: it ended instead.
        """
        while not self.reached.wait(_LOOK_SECONDS):
            assert process.poll() is None, f"it ended with status {process.returncode}"

    def release(self) -> None:
        self._open.set()

    def wait(self) -> None:
        self.reached.set()
        self._open.wait()


class Subject(Protocol):
    """What of the phone a fault may touch."""

    state: PhoneState

    def go_offline(self) -> None: ...
    def hold(self, gate: Gate) -> None: ...
    def note_strike(self) -> None: ...


Fault = Callable[[Subject, Stream], None]


def drop(phone: Subject, stream: Stream) -> None:
    """The cable is pulled and put back: whoever connects again is served."""
    stream.drop()


def go_offline(phone: Subject, stream: Stream) -> None:
    """The cable is pulled, until the test calls ``come_back``."""
    phone.go_offline()
    raise ConnectionGone


def hang(phone: Subject, stream: Stream) -> None:
    """It never answers."""
    wait_for(Gate())(phone, stream)


def wait_for(gate: Gate) -> Fault:
    """It answers when the test says so."""

    def fault(phone: Subject, stream: Stream) -> None:
        phone.hold(gate)
        stream.when_closed(gate.gone.set)
        gate.wait()
        if stream.closed.is_set():
            raise ConnectionGone

    return fault


def refuse(status: int, message: str = "") -> Fault:
    """The step fails: a command by this exit status, a transfer by this message."""

    def fault(phone: Subject, stream: Stream) -> None:
        raise Refused(status, message)

    return fault


def change(how: Callable[[PhoneState], None]) -> Fault:
    """The phone's state changes."""

    def fault(phone: Subject, stream: Stream) -> None:
        how(phone.state)

    return fault


@dataclass
class Injection:
    """A fault that waits for its step: the nth that the pattern is found in."""

    fault: Fault
    pattern: re.Pattern[str]
    left: int
    when: Moment

    def meets(self, step: str) -> bool:
        if self.left and self.pattern.search(step):
            self.left -= 1
            return self.left == 0
        return False


class Step:
    """One command or request, with the fault that it meets, if any."""

    def __init__(self, phone: Subject, stream: Stream, injection: Injection | None) -> None:
        self._phone = phone
        self._stream = stream
        self._injection = injection
        self._bytes = 0

    def reach(self, moment: Literal["start", "end"]) -> None:
        if self._injection and self._injection.when == moment:
            self._strike()

    def parts(self, data: bytes) -> Iterator[bytes]:
        """The same bytes, in two parts where the fault lies between them."""
        when = self._injection.when if self._injection else None
        if isinstance(when, int) and self._bytes <= when < self._bytes + len(data):
            cut = when - self._bytes
            self._bytes += cut
            yield data[:cut]
            self._strike()
            data = data[cut:]
        self._bytes += len(data)
        yield data

    def _strike(self) -> None:
        injection, self._injection = self._injection, None
        if injection:
            self._phone.note_strike()
            injection.fault(self._phone, self._stream)
