"""One phone, asked through ``adb``: commands with their exit status, files, and what is connected.

A connection that breaks makes ``adb shell`` end with status 0 and whatever came so far (adb 29,
``read_and_dump`` in ``commandline.cpp``). So each command is followed by a line with a token and
its status: without that line, what came is not believed.
"""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.adb.problems import (
    CommandFailed,
    DeviceGone,
    NoDevice,
    Offline,
    SeveralDevices,
    TimeLimit,
    Unauthorized,
    shown,
)
from edgekd.devices.adb.program import call_adb
from edgekd.errors import RunFailed

MAX_TEXT_BYTES = 4 * 1024 * 1024
# A slow USB 2 cable through a hub.
_PUSH_BYTES_PER_SECOND = 1024 * 1024
_READY = "device"


@dataclass(frozen=True)
class Answer:
    """What a command on the phone said.

    Attributes:
        status: its exit status there.
        text: its standard output.
        stderr: one line.
    """

    status: int
    text: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The first telling line, for a message."""
        told = self.stderr or self.text.partition("\n")[0]
        return shown(told) or f"exit status {self.status}"


@dataclass(frozen=True)
class Adb:
    """A phone by its serial.

    Attributes:
        serial: as ``adb devices`` lists it.
        call_seconds: the longest that a short command may take.
    """

    serial: str
    call_seconds: float = 30.0

    def shell(
        self, command: str, *, seconds: float | None = None, most_bytes: int = MAX_TEXT_BYTES
    ) -> Answer:
        """Carry a command out on the phone; its failure is not an error here.

        Args:
            command: a line for the phone's shell; quote what is not yours with ``shlex``.
            seconds: the longest it may take.
            most_bytes: of its standard output.

        Raises:
            DeviceGone, NoDevice, Offline, Unauthorized: the phone cannot be reached, or was lost.
            TimeLimit: it took too long.
            RunFailed: it told more than ``most_bytes``.
        """
        token = f"edgekd-{secrets.token_hex(8)}"
        called = call_adb(
            ["-s", self.serial, "shell", "-n", f"{command}; echo {token}:$?"],
            seconds=seconds or self.call_seconds,
            most_bytes=most_bytes,
        )
        text, found, status = called.stdout.decode(errors="replace").rpartition(f"{token}:")
        if not found or not status.strip().isdigit():
            raise self._lost(command, called.stderr)
        return Answer(int(status), text, called.stderr)

    def run(self, *words: str, seconds: float | None = None) -> str:
        """Carry a command out that must succeed; its standard output.

        Raises:
            CommandFailed: it ended with a status other than 0.
            DeviceGone, NoDevice, Offline, Unauthorized, TimeLimit: as for :meth:`shell`.
        """
        answer = self.shell(shlex.join(words), seconds=seconds)
        if answer.status != 0:
            raise CommandFailed(f"{' '.join(words[:4])}: {answer.complaint}", where=self.serial)
        return answer.text

    def exec_out(self, *words: str, most_bytes: int) -> bytes:
        """Standard output and standard error of a command, byte by byte, without its status.

        What comes may be cut short, or a message instead: the caller must be able to tell.

        Raises:
            DeviceGone, NoDevice, Offline, Unauthorized, TimeLimit: as for :meth:`shell`.
            RunFailed: more came than ``most_bytes``.
        """
        called = call_adb(
            ["-s", self.serial, "exec-out", shlex.join(words)],
            seconds=self.call_seconds + most_bytes / _PUSH_BYTES_PER_SECOND,
            most_bytes=most_bytes,
        )
        if called.status != 0 or not called.stdout:
            self.check()
        if called.status != 0:
            raise self._lost(" ".join(words), called.stderr)
        return called.stdout

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the phone.

        Raises:
            RunFailed: it does not fit there, or may not be written there.
            DeviceGone, NoDevice, Offline, Unauthorized, TimeLimit: as for :meth:`shell`.
        """
        called = call_adb(
            ["-s", self.serial, "push", str(local), remote],
            seconds=self.call_seconds + local.stat().st_size / _PUSH_BYTES_PER_SECOND,
            most_bytes=MAX_TEXT_BYTES,
        )
        if called.status == 0:
            return
        self.check()
        said = called.stderr or called.stdout.decode(errors="replace")
        reason = shown(said.rpartition("remote ")[2])
        raise RunFailed(f"{local.name} cannot be copied to the phone: {reason}", where=self.serial)

    def check(self) -> None:
        """Make sure that the phone can be reached.

        Raises:
            NoDevice, Offline, Unauthorized: why not.
        """
        state = connected(self.call_seconds).get(self.serial)
        if state != _READY:
            raise unusable(self.serial, state)

    def _lost(self, command: str, stderr: str) -> RunFailed:
        short = " ".join(command.split()[:3])
        try:
            self.check()
        except (NoDevice, Offline, TimeLimit) as error:
            return DeviceGone(
                f"the phone went away in {short!r}: {error.what}",
                where=self.serial,
                mend="plug it in again, then edgekd bench --resume",
            )
        except Unauthorized as error:
            return error
        return DeviceGone(
            f"the connection broke off in {short!r}: {shown(stderr) or 'no word'}",
            where=self.serial,
            mend="check the cable, then edgekd bench --resume",
        )


def connected(seconds: float = 30.0) -> dict[str, str]:
    """Serial and state of each phone that ``adb`` sees.

    Raises:
        NoAdb: there is no ``adb``.
        RunFailed: it does not work.
    """
    called = call_adb(["devices"], seconds=seconds, most_bytes=MAX_TEXT_BYTES)
    if called.status != 0:
        raise RunFailed(f"adb devices: {shown(called.stderr)}")
    text = called.stdout.decode(errors="replace").partition("List of devices attached")[2]
    rows = (line.split(maxsplit=1) for line in text.splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def choose_serial(wanted: str | None, seconds: float = 30.0) -> str:
    """The phone to use.

    Args:
        wanted: its serial; ``None``: ``$ANDROID_SERIAL``, or the only one that is there.
        seconds: the longest that asking may take.

    Raises:
        NoDevice, Offline, Unauthorized, SeveralDevices: which it is.
    """
    found = connected(seconds)
    serial = wanted or os.environ.get("ANDROID_SERIAL")
    if serial is None:
        if not found:
            raise NoDevice(
                "no phone is connected", mend="plug one in with USB debugging switched on"
            )
        if len(found) > 1:
            raise SeveralDevices(
                f"{len(found)} phones are connected: {', '.join(sorted(found))}",
                mend="name those to use in android.serials of the target, or set ANDROID_SERIAL",
            )
        [serial] = found
    if found.get(serial) != _READY:
        raise unusable(serial, found.get(serial))
    return serial


def unusable(serial: str, state: str | None) -> RunFailed:
    """The error for a phone in a state other than ready; ``None``: it is not listed."""
    if state is None:
        return NoDevice("is not connected", where=serial, mend="plug it in; adb devices lists all")
    if state in ("unauthorized", "authorizing"):
        return Unauthorized(
            "does not trust this computer", where=serial, mend="allow USB debugging on its screen"
        )
    if state.startswith("no permissions"):
        return Unauthorized(
            "this user may not use its USB port",
            where=serial,
            mend="add a udev rule; see developer.android.com/studio/run/device",
        )
    return Offline(
        f"is {state.split()[0]}", where=serial, mend="plug it in again, or adb reconnect"
    )
