"""What a command of the stand-in is given: arguments, streams, user, and the phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.devices.adb.peer.tree import User

if TYPE_CHECKING:
    from tests.devices.adb.peer.phone import Phone


class Failed(Exception):
    """A command ends with one line on standard error."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class Output(Protocol):
    """Where a command writes."""

    def write(self, data: bytes) -> None: ...


class Input:
    """What a command reads: the client's bytes, a file, or the output of another command."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def parts(self) -> Iterator[bytes]:
        return self._parts

    def read(self) -> bytes:
        return b"".join(self._parts)


@dataclass
class Process:
    """One running command.

    Attributes:
        phone: that it runs on.
        arguments: its name first.
        user: who runs it.
        folder: it runs in.
        environment: its variables.
        stdin, stdout, stderr: its streams.
        when_ended: is given what to call when nobody reads the output any more.
    """

    phone: Phone
    arguments: list[str]
    user: User
    folder: str
    environment: dict[str, str]
    stdin: Input
    stdout: Output
    stderr: Output
    when_ended: Callable[[Callable[[], None]], None]

    def say(self, *lines: str) -> None:
        self.stdout.write("".join(f"{line}\n" for line in lines).encode())

    def complain(self, message: str, status: int = 1) -> int:
        """Write to standard error; the exit status to return."""
        self.stderr.write(f"{message}\n".encode())
        return status

    def readable(self, path: str) -> Path:
        return self.phone.tree.readable(path, self.user, self.folder)

    def writable(self, path: str) -> Path:
        return self.phone.tree.writable(path, self.user, self.folder)

    def split(self, flags: str) -> tuple[set[str], list[str]]:
        """One-letter flags, and the rest.

        Raises:
            Failed: a flag that this command does not have.
        """
        given: set[str] = set()
        rest: list[str] = []
        for argument in self.arguments[1:]:
            if argument.startswith("-") and len(argument) > 1 and not rest:
                given |= set(argument[1:])
            else:
                rest.append(argument)
        if unknown := given - set(flags):
            raise Failed(f"{self.arguments[0]}: Unknown option '{min(unknown)}'")
        return given, rest
