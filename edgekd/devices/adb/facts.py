"""What a phone says of itself. What it does not tell, or tells in another form, is null."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.condition import Condition
from edgekd.devices.adb.problems import shown
from edgekd.devices.adb.result import AppResult, Seen
from edgekd.records import DeviceFacts

STAND_IN_PROPERTY = "ro.edgekd.stand_in"
_LONGEST = 100
_MOST_FEATURES = 256
_MOST_POLICIES = 64
_PROPERTY = re.compile(r"^\[([\w.\-]{1,100})\]: \[(.*)\]\r?$", re.M)
_FEATURES = re.compile(r"^Features\s*:(.*)$", re.M)
_GOVERNOR = re.compile(r"/(policy\d{1,3})/scaling_governor:\s*(\w{1,40})\s*$", re.M)
# In this order: the first one that is set. The first two came with Android 12.
_SOC = ("ro.soc.model", "ro.vendor.soc.model", "ro.hardware.chipname", "ro.board.platform")


@dataclass(frozen=True)
class Identity:
    """What does not change while a phone is measured.

    Attributes:
        facts: with the state left out.
        build: fingerprint of the system that runs on it.
    """

    facts: DeviceFacts
    build: str


def read_identity(adb: Adb) -> Identity:
    """Ask the phone what it is.

    Raises:
        RunFailed: it cannot be reached.
    """
    properties = parse_properties(adb.shell("getprop").text)
    pages = adb.shell("getconf PAGE_SIZE").text.strip()
    governors = adb.shell("grep -H . /sys/devices/system/cpu/cpufreq/policy*/scaling_governor")
    facts = DeviceFacts(
        manufacturer=properties.get("ro.product.manufacturer"),
        model=properties.get("ro.product.model"),
        soc=next((properties[name] for name in _SOC if name in properties), None),
        android_version=properties.get("ro.build.version.release"),
        api_level=_number(properties.get("ro.build.version.sdk", ""), 1, 10_000),
        abi=properties.get("ro.product.cpu.abi"),
        cpu_features=parse_cpu_features(adb.shell("cat /proc/cpuinfo").text),
        page_bytes=_number(pages, 1024, 2**20),
        governor=dict(_GOVERNOR.findall(governors.text)[:_MOST_POLICIES]),
        stand_in=properties.get(STAND_IN_PROPERTY) == "1",
    )
    return Identity(facts, properties.get("ro.build.fingerprint", ""))


def with_state(
    facts: DeviceFacts,
    conditions: Sequence[Condition],
    seen: Sequence[Seen],
    *,
    fixed_performance: bool,
) -> DeviceFacts:
    """Facts with the worst of each condition that was seen, from outside and by the app."""
    charging = [one.charging for one in conditions if one.charging is not None]
    looks: list[Condition | Seen] = [*conditions, *seen]
    return facts.model_copy(
        update={
            "thermal_status": max(_known(one.thermal_status for one in looks), default=None),
            "thermal_headroom": max(_known(one.thermal_headroom for one in seen), default=None),
            "battery_percent": min(_known(one.battery_percent for one in looks), default=None),
            "battery_celsius": max(_known(one.battery_celsius for one in looks), default=None),
            "charging": all(charging) if charging else None,
            "fixed_performance": fixed_performance,
        }
    )


def with_engine(facts: DeviceFacts, result: AppResult) -> DeviceFacts:
    """Facts with what ran the model, as it says itself."""
    used = result.engine
    told = {
        "application": result.application,
        "runtime_version": used and used.version,
        "delegate": used and used.delegate,
    }
    printable = {name: shown(text) or None for name, text in told.items() if text}
    return facts.model_copy(update=printable)


def parse_properties(text: str) -> Mapping[str, str]:
    """``getprop``'s lines; empty values and what cannot be printed are left out."""
    found = ((name, _printable(value)) for name, value in _PROPERTY.findall(text))
    return {name: value for name, value in found if value}


def parse_cpu_features(text: str) -> list[str]:
    """What all cores have of ``/proc/cpuinfo``'s features, in the order of the first."""
    cores = [_printable(line).split() for line in _FEATURES.findall(text)]
    if not cores:
        return []
    shared = set(cores[0]).intersection(*cores[1:])
    return [name[:_LONGEST] for name in dict.fromkeys(cores[0]) if name in shared][:_MOST_FEATURES]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _printable(text: str) -> str:
    # A line of features may be long; single words are cut by the caller.
    return "".join(character for character in text[:4096] if character.isprintable()).strip()


def _number(text: str, least: int, most: int) -> int | None:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        return None
    return int(text) if least <= int(text) <= most else None
