"""A phone is set up for measuring, and put back as it was: on errors and on Ctrl-C too.

What was there before is written to a file first. A process that is killed leaves the file, and
the next one that uses the phone puts things back from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import Field, ValidationError

from edgekd import files
from edgekd.devices.adb.attempts import attempt
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.condition import read_condition
from edgekd.devices.adb.interrupts import ending_signals_raise, signals_held_back
from edgekd.devices.adb.problems import CommandFailed
from edgekd.errors import BadInput, RunFailed
from edgekd.records import Record

# BatteryManager: AC, USB and wireless.
_ANY_POWER = "7"
_STAY_ON = "stay_on_while_plugged_in"
_FIXED = "cmd power set-fixed-performance-mode-enabled"
_RESTORE_SECONDS = 10.0


class Before(Record):
    """What a phone's settings were.

    Attributes:
        stay_on: of ``stay_on_while_plugged_in``; null: not set.
        awake: whether the screen was on.
        held: whether steady clocks were switched on since then. The mode itself cannot be read: it
            is off unless somebody measures.
    """

    stay_on: str | None = Field(default=None, pattern=r"^[0-9]{1,3}$")
    awake: bool = True
    held: bool = False


@dataclass
class Steady:
    """A phone that is set up.

    Attributes:
        fixed_performance: whether it holds its clocks.
    """

    fixed_performance: bool = False


@contextmanager
def held_steady(
    adb: Adb, marker: Path, sleep: Callable[[float], None], problems: list[str]
) -> Iterator[Steady]:
    """Keep the screen on and, where the phone has that mode, its clocks steady.

    Args:
        adb: the phone.
        marker: file that holds what was there before, as long as it is not put back.
        sleep: waits so many seconds.
        problems: is given what could not be put back.

    Raises:
        RunFailed: the phone cannot be reached or does not tell its settings, or those of an
            earlier process cannot be put back.
    """
    restore_leftover(adb, marker)
    steady = Steady()
    with ending_signals_raise():
        before = Before(stay_on=_stay_on(adb), awake=read_condition(adb).awake is not False)
        files.write_text(marker, before.model_dump_json())
        try:
            adb.shell(f"settings put global {_STAY_ON} {_ANY_POWER}")
            wake(adb)
            steady.fixed_performance = adb.shell(f"{_FIXED} true").status == 0
            before = before.model_copy(update={"held": steady.fixed_performance})
            files.write_text(marker, before.model_dump_json())
            yield steady
        finally:
            with signals_held_back():
                try:
                    attempt(partial(_restore, adb, before, marker), adb, sleep)
                except RunFailed as error:
                    problems.append(
                        f"its settings are not put back yet ({error}); the next measurement on "
                        "it does so first"
                    )


def wake(adb: Adb) -> None:
    """Switch the screen on, and what it shows to the app.

    Raises:
        RunFailed: the phone cannot be reached.
    """
    adb.shell("input keyevent KEYCODE_WAKEUP")
    adb.shell("wm dismiss-keyguard")


def restore_leftover(adb: Adb, marker: Path) -> None:
    """Put back what an earlier process left set, if one did.

    Raises:
        RunFailed: the phone cannot be reached, or does not do it.
    """
    if not marker.exists():
        return
    try:
        before = Before.model_validate(files.read_json(marker))
    except (BadInput, ValidationError):
        before = Before(stay_on="0")
    with signals_held_back():
        _restore(adb, before, marker)


def _stay_on(adb: Adb) -> str | None:
    found = adb.run("settings", "get", "global", _STAY_ON).strip()
    if found == "null":
        return None
    # What is not known cannot be put back.
    if not re.fullmatch("[0-9]{1,3}", found):
        raise CommandFailed(f"does not tell its setting {_STAY_ON}", where=adb.serial)
    return found


def _restore(adb: Adb, before: Before, marker: Path) -> None:
    if before.stay_on is None:
        command = f"settings delete global {_STAY_ON}"
    else:
        command = f"settings put global {_STAY_ON} {before.stay_on}"
    # Where the phone has no mode of steady clocks, switching it off fails: nothing is to be done.
    answers = [
        adb.shell(command, seconds=_RESTORE_SECONDS),
        adb.shell(f"{_FIXED} false", seconds=_RESTORE_SECONDS),
    ]
    if not before.awake:
        adb.shell("input keyevent KEYCODE_SLEEP", seconds=_RESTORE_SECONDS)
    failed = [answer for answer in answers[: 2 if before.held else 1] if answer.status != 0]
    if failed:
        raise CommandFailed(failed[0].complaint, where=adb.serial)
    marker.unlink(missing_ok=True)
