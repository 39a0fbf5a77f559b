"""What a phone says of itself, read with suspicion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.condition import Condition, parse_condition, read_condition
from edgekd.devices.adb.facts import (
    parse_cpu_features,
    parse_properties,
    read_identity,
    with_state,
)
from edgekd.devices.adb.result import Seen
from edgekd.records import DeviceFacts
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import Phone, PhoneState


def test_a_phone(phone: Phone) -> None:
    phone.state.properties["ro.build.fingerprint"] = "x/y:14/Z"
    found = read_identity(Adb(phone.serial))
    assert found.build == "x/y:14/Z"
    facts = found.facts
    assert (facts.manufacturer, facts.soc, facts.abi) == ("edgekd", "cortex-a76", "arm64-v8a")
    assert (facts.android_version, facts.api_level, facts.page_bytes) == ("14", 34, 4096)
    assert "asimddp" in facts.cpu_features
    assert facts.governor == {"policy0": "schedutil"}
    assert facts.stand_in


def test_a_phone_that_tells_nothing(make_phone: MakePhone) -> None:
    state = PhoneState(cpu_features="", governors={})
    state.properties = {name: "" for name in state.properties if "product" in name}
    facts = read_identity(Adb(make_phone(state=state).serial)).facts
    assert facts == DeviceFacts(page_bytes=facts.page_bytes)


def test_conditions(phone: Phone) -> None:
    phone.state.thermal_status, phone.state.screen_on = 3, False
    phone.state.battery.percent, phone.state.battery.plugged = 42, ""
    assert read_condition(Adb(phone.serial)) == Condition(
        thermal_status=3, battery_percent=42, battery_celsius=29.0, charging=False, awake=False
    )


def test_the_worst_of_what_was_seen_is_told() -> None:
    seen = [
        Condition(thermal_status=1, battery_percent=50, battery_celsius=30.0, charging=True),
        Condition(thermal_status=0, battery_percent=49, battery_celsius=31.5, charging=False),
        Condition(),
    ]
    app = [Seen(thermal_headroom=0.4), Seen(thermal_headroom=0.7, battery_percent=48), Seen()]
    facts = with_state(DeviceFacts(), seen, app, fixed_performance=True)
    assert (facts.thermal_status, facts.battery_percent, facts.battery_celsius) == (1, 48, 31.5)
    assert facts.thermal_headroom == 0.7
    assert with_state(DeviceFacts(), [], [Seen(thermal_status=4)], fixed_performance=False) == (
        DeviceFacts(thermal_status=4)
    )
    assert facts.charging is False
    assert facts.fixed_performance


def test_only_what_all_cores_have_is_told() -> None:
    text = "processor\t: 0\nFeatures\t: fp asimd sve\nprocessor\t: 1\nFeatures\t: asimd fp\n"
    assert parse_cpu_features(text) == ["fp", "asimd"]


@pytest.mark.parametrize(
    ("thermal", "battery"),
    [("Can't find service: thermalservice", ""), ("Thermal Status: 9", "  level: 101\n  level: x")],
)
def test_what_is_not_told_is_null(thermal: str, battery: str) -> None:
    assert parse_condition(thermal, battery, "") == Condition()


@given(st.text(max_size=200), st.sampled_from(["level: ", "temperature: ", "Thermal Status: ", ""]))
def test_any_state_is_survived(text: str, label: str) -> None:
    found = parse_condition(label + text, label + text, f"mWakefulness={text}")
    assert found.battery_percent is None or 0 <= found.battery_percent <= 100


@given(st.text(max_size=500))
def test_any_text_is_survived(text: str) -> None:
    for value in parse_properties(f"[ro.x]: [{text}]").values():
        assert value.isprintable()
    assert all(name.isprintable() for name in parse_cpu_features(f"Features\t: {text}"))
