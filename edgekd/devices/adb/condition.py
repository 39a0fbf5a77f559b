"""The state of a phone before and after a repetition, and whether its figures may be believed."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import Field

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.result import Seen
from edgekd.records import Record
from edgekd.target import Android

# PowerManager.THERMAL_STATUS_NONE; LIGHT (1) already lowers clocks.
COOL = 0
COOLING_STEP_SECONDS = 10
_THERMAL = re.compile(r"^\s*Thermal Status:\s*([0-6])\s*$", re.M)
_LEVEL = re.compile(r"^\s*level:\s*(\d{1,3})\s*$", re.M | re.A)
_TENTHS = re.compile(r"^\s*temperature:\s*(-?\d{1,4})\s*$", re.M | re.A)
_POWERED = re.compile(r"^\s*(?:AC|USB|Wireless|Dock) powered:\s*(true|false)\s*$", re.M)
_AWAKE = re.compile(r"^\s*mWakefulness=(\w+)\s*$", re.M)


class Condition(Record):
    """One look at a phone. Null: it does not tell.

    Attributes:
        thermal_status: 0 (none) to 6 (shutdown).
        battery_percent: charge.
        battery_celsius: its temperature.
        charging: whether it is on power.
        awake: whether the screen is on.
    """

    thermal_status: int | None = Field(default=None, ge=0, le=6)
    battery_percent: int | None = Field(default=None, ge=0, le=100)
    battery_celsius: float | None = None
    charging: bool | None = None
    awake: bool | None = None


def read_condition(adb: Adb) -> Condition:
    """Ask the phone how it is.

    Raises:
        RunFailed: it cannot be reached.
    """
    return parse_condition(
        adb.shell("dumpsys thermalservice").text,
        adb.shell("dumpsys battery").text,
        adb.shell("dumpsys power").text,
    )


def parse_condition(thermal: str, battery: str, power: str) -> Condition:
    """The condition in what ``dumpsys`` prints of these services, whatever that is."""
    level, tenths = _whole(_LEVEL, battery), _whole(_TENTHS, battery)
    powered = _POWERED.findall(battery)
    awake = _AWAKE.search(power)
    return Condition(
        thermal_status=_whole(_THERMAL, thermal),
        battery_percent=level if level is not None and level <= 100 else None,
        battery_celsius=None if tenths is None else tenths / 10,
        charging="true" in powered if powered else None,
        awake=awake[1] == "Awake" if awake else None,
    )


def cool_down(adb: Adb, limit_seconds: int, sleep: Callable[[float], None]) -> Condition:
    """Wait until the phone is cool, but no longer than the limit; how it then is.

    Args:
        adb: the phone.
        limit_seconds: the longest wait.
        sleep: waits so many seconds.

    Raises:
        RunFailed: the phone cannot be reached.
    """
    found = read_condition(adb)
    for waited in range(0, limit_seconds, COOLING_STEP_SECONDS):
        if not found.thermal_status:
            break
        sleep(min(COOLING_STEP_SECONDS, limit_seconds - waited))
        found = read_condition(adb)
    return found


def why_invalid(
    before: Condition, after: Condition, seen: Seen | None, android: Android
) -> list[str]:
    """Reasons why what was measured between two looks may not be believed; empty: it may."""
    looks = (before, after)
    reasons = []
    thermal = [look.thermal_status for look in looks if look.thermal_status is not None]
    if seen is not None and seen.thermal_status is not None:
        thermal.append(seen.thermal_status)
    if thermal and max(thermal) > COOL:
        reasons.append(f"throttled: thermal status {max(thermal)} of 6")
    levels = [look.battery_percent for look in looks if look.battery_percent is not None]
    low = bool(levels) and min(levels) < android.lowest_battery_percent
    if low and not all(look.charging for look in looks):
        reasons.append(
            f"low battery: {min(levels)} % (needed: {android.lowest_battery_percent} %, or power)"
        )
    if any(look.awake is False for look in looks):
        reasons.append("the screen was off, which lowers clocks")
    if seen is not None and seen.foreground is False:
        reasons.append("the app was not in front all the time, which lowers clocks")
    return reasons


def _whole(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1]) if found else None
