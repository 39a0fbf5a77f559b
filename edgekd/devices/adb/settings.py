"""A phone is set up for measuring, and put back as it was: on errors and on Ctrl-C too.

What was there before is written to a file first. A process that is killed leaves the file, and
the next one that uses the phone puts things back from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, ValidationError

from edgekd import files
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
        awake: whether the screen was on. The mode of steady clocks cannot be read: it is off
            unless somebody measures.
    """

    stay_on: str | None = Field(default=None, pattern=r"^[0-9]{1,3}$")
    awake: bool = True


@dataclass
class Steady:
    """A phone that is set up.

    Attributes:
        fixed_performance: whether it holds its clocks.
        problems: what could not be put back.
    """

    fixed_performance: bool = False
    problems: list[str] = field(default_factory=list)


@contextmanager
def held_steady(adb: Adb, marker: Path) -> Iterator[Steady]:
    """Keep the screen on and, where the phone has that mode, its clocks steady.

    Args:
        adb: the phone.
        marker: file that holds what was there before, as long as it is not put back.

    Raises:
        RunFailed: the phone cannot be reached, or an earlier process's settings not be put back.
    """
    restore_leftover(adb, marker)
    steady = Steady()
    with ending_signals_raise():
        found = adb.shell(f"settings get global {_STAY_ON}").text.strip()
        before = Before(
            stay_on=found if re.fullmatch("[0-9]{1,3}", found) else None,
            awake=read_condition(adb).awake is not False,
        )
        files.write_text(marker, before.model_dump_json())
        try:
            adb.shell(f"settings put global {_STAY_ON} {_ANY_POWER}")
            adb.shell("input keyevent KEYCODE_WAKEUP")
            adb.shell("wm dismiss-keyguard")
            steady.fixed_performance = adb.shell(f"{_FIXED} true").status == 0
            yield steady
        finally:
            with signals_held_back():
                try:
                    _restore(adb, before, marker, was_held=steady.fixed_performance)
                except RunFailed as error:
                    steady.problems.append(
                        f"its settings are not put back yet ({error}); the next measurement on "
                        "it does so first"
                    )


def restore_leftover(adb: Adb, marker: Path) -> None:
    """Put back what an earlier process left set, if one did.

    Raises:
        RunFailed: the phone cannot be reached.
    """
    if not marker.exists():
        return
    try:
        before = Before.model_validate(files.read_json(marker))
    except (BadInput, ValidationError):
        before = Before(stay_on="0")
    with signals_held_back():
        _restore(adb, before, marker, was_held=False)


def _restore(adb: Adb, before: Before, marker: Path, *, was_held: bool) -> None:
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
    failed = [answer for answer in answers[: 2 if was_held else 1] if answer.status != 0]
    if failed:
        raise CommandFailed(failed[0].complaint, where=adb.serial)
    marker.unlink(missing_ok=True)
