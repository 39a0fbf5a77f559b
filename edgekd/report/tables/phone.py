"""What a phone says of itself, and the state that it was in at each measurement."""

from __future__ import annotations

from collections.abc import Callable

from edgekd.records import DeviceFacts
from edgekd.report import units
from edgekd.report.summary import TargetSection
from edgekd.report.tables.table import Column, Row, Table
from edgekd.report.tables.target import measurement_state
from edgekd.report.units import MISSING

STAND_IN_NOTE = (
    "STAND-IN: no phone was measured here. A stand-in for one answered, to test the way to a "
    "phone. These figures say nothing about any device, and are held against none."
)
_STATE_NOTE = (
    "Thermal status is the highest that was seen (0 none, 1 light, 2 moderate, 3 severe, 4 "
    "critical, 5 emergency, 6 shutdown), headroom the largest forecast (1.00 is severe "
    "throttling), the battery's charge the lowest and its temperature the highest."
)

# Android's PowerManager.THERMAL_STATUS_*.
_THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")

_IDENTITY: tuple[tuple[str, Callable[[DeviceFacts], str]], ...] = (
    ("Maker", lambda facts: facts.manufacturer or MISSING),
    ("Model", lambda facts: facts.model or MISSING),
    ("Chip", lambda facts: facts.soc or MISSING),
    ("Android", lambda facts: _android(facts)),
    ("ABI", lambda facts: facts.abi or MISSING),
    ("CPU features", lambda facts: ", ".join(facts.cpu_features) or MISSING),
    ("Memory page", lambda facts: units.size(facts.page_bytes)),
    ("App", lambda facts: facts.application or MISSING),
    ("Runtime", lambda facts: facts.runtime_version or MISSING),
    ("Delegate", lambda facts: facts.delegate or MISSING),
)
_STATE: tuple[tuple[str, str, Callable[[DeviceFacts], str]], ...] = (
    ("Status", "Heat", lambda facts: _thermal(facts)),
    ("Headroom", "Heat", lambda facts: _headroom(facts)),
    ("Battery", "Heat", lambda facts: _celsius(facts)),
    ("Charge", "Power", lambda facts: _charge(facts)),
    ("Plugged in", "Power", lambda facts: units.scalar(facts.charging)),
    ("Governor", "Clocks", lambda facts: _governor(facts)),
    ("Fixed performance", "Clocks", lambda facts: _fixed(facts)),
)


def phone_table(section: TargetSection) -> Table:
    """The phone of a section; without rows where none was measured."""
    told = _told(section)
    rows = []
    for what, read in _IDENTITY:
        values = list(dict.fromkeys(read(facts) for facts in told))
        if values and values != [MISSING]:
            rows.append(Row([what, "; ".join(values)]))
    columns = [Column("What", role="text"), Column("Value", role="text")]
    return Table(f"{section.target}: the phone", columns, rows, section.made)


def state_table(section: TargetSection) -> Table:
    """The state of the phone at each measurement; without rows where none told it."""
    shown = [
        (heading, group, read)
        for heading, group, read in _STATE
        if any(read(facts) != MISSING for facts in _told(section))
    ]
    columns = [Column("Rung", role="text")]
    columns += [Column(heading, group, "text") for heading, group, _ in shown]
    rows = [
        Row(
            [found.rung, *(read(found.device_facts) for _, _, read in shown)],
            measurement_state(found),
        )
        for found in section.measurements
        if found.device_facts is not None and shown
    ]
    return Table(f"{section.target}: the phone's state", columns, rows, section.made)


def state_note(section: TargetSection) -> str:
    """How to read the state; empty where neither heat nor battery is known."""
    told = _told(section)
    known = any(facts.thermal_status is not None for facts in told)
    return _STATE_NOTE if known or any(facts.battery_percent is not None for facts in told) else ""


def _told(section: TargetSection) -> list[DeviceFacts]:
    return [found.device_facts for found in section.measurements if found.device_facts is not None]


def _android(facts: DeviceFacts) -> str:
    if facts.android_version is None:
        return MISSING if facts.api_level is None else f"API level {facts.api_level}"
    level = "" if facts.api_level is None else f" (API level {facts.api_level})"
    return f"{facts.android_version}{level}"


def _thermal(facts: DeviceFacts) -> str:
    status = facts.thermal_status
    return MISSING if status is None else f"{status} ({_THERMAL[status]})"


def _headroom(facts: DeviceFacts) -> str:
    headroom = facts.thermal_headroom
    return MISSING if headroom is None else f"{headroom:.2f}"


def _celsius(facts: DeviceFacts) -> str:
    celsius = facts.battery_celsius
    return MISSING if celsius is None else f"{celsius:.1f} °C"


def _charge(facts: DeviceFacts) -> str:
    return MISSING if facts.battery_percent is None else f"{facts.battery_percent}%"


def _fixed(facts: DeviceFacts) -> str:
    """That the clocks were not held says nothing where nothing was heard of the state."""
    heard = facts.thermal_status is not None or facts.governor or facts.charging is not None
    return units.scalar(facts.fixed_performance) if heard or facts.fixed_performance else MISSING


def _governor(facts: DeviceFacts) -> str:
    """``schedutil (policy0, policy4)``; the policies are left out where all have one governor."""
    policies: dict[str, list[str]] = {}
    for policy, governor in sorted(facts.governor.items()):
        policies.setdefault(governor, []).append(policy)
    if len(policies) == 1:
        return next(iter(policies))
    return (
        "; ".join(f"{governor} ({', '.join(of)})" for governor, of in policies.items()) or MISSING
    )
