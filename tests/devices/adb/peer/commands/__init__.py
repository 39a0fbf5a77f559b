"""The commands of the stand-in, by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.devices.adb.peer.commands import activity, files, logcat, system, text
from tests.devices.adb.peer.process import Process

COMMANDS: dict[str, Callable[[Process], int]] = {
    **files.COMMANDS,
    **text.COMMANDS,
    **system.COMMANDS,
    **activity.COMMANDS,
    **logcat.COMMANDS,
}
