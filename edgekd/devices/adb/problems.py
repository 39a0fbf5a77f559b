"""What goes wrong between here and a phone, by name."""

from __future__ import annotations

from edgekd.errors import BadInput, MissingPackage, RunFailed

_MOST_CHARACTERS = 200


def shown(text: str) -> str:
    """What a phone said, for a message: one line, without control characters, of bounded length."""
    # A word may be as long as the whole text.
    line = " ".join(text[: 8 * _MOST_CHARACTERS].split())
    return "".join(one for one in line if one.isprintable())[:_MOST_CHARACTERS]


class NoAdb(MissingPackage):
    """There is no ``adb`` program."""


class NoDevice(RunFailed):
    """No phone is connected, or not the one that was asked for."""


class Unauthorized(RunFailed):
    """The phone does not trust this computer yet."""


class Offline(RunFailed):
    """The phone is listed, but does not answer."""


class SeveralDevices(BadInput):
    """More than one phone is connected, and none was named."""


class DeviceGone(RunFailed):
    """The connection broke in the middle."""


class TimeLimit(RunFailed):
    """A call took longer than it may."""


class CommandFailed(RunFailed):
    """The phone carried a command out, and it failed."""


class ApplicationMissing(RunFailed):
    """The benchmark app is not installed, or is no debuggable build."""
