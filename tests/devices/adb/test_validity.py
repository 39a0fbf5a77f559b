"""Heat, battery and screen: which repetitions count, how long is waited, and what the record says.

No clock is in here: waiting changes the phone's state.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekd.devices.adb.condition import Condition, why_invalid
from edgekd.devices.adb.figures import HEAT_UNKNOWN, STAND_IN_REASON
from edgekd.devices.adb.result import Seen
from edgekd.target import Android
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import (
    ITERATIONS,
    REPETITIONS,
    device,
    phone_target,
    steady,
)
from tests.devices.adb.peer import Phone, PhoneState, application

pytestmark = pytest.mark.usefixtures("own_cache")

ANDROID = Android(application="dev.edgekd.demo", lowest_battery_percent=20)
FINE = Condition(thermal_status=0, battery_percent=80, charging=False, awake=True)


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone(benchmark=steady)


def heats(status: int) -> Callable[[PhoneState], None]:
    def change(state: PhoneState) -> None:
        state.thermal_status = status

    return change


def goes_off(state: PhoneState) -> None:
    state.screen_on = False


def test_a_repetition_that_throttled_is_taken_again_once_it_has_cooled(
    phone: Phone, model: Path
) -> None:
    phone.application.faults[0] = application.midway(heats(2))
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if sum(waited) >= 30:
            phone.state.thermal_status = 0

    figures = device(phone, sleep=sleep).measure(model, phone_target(phone))
    assert figures.reasons == [STAND_IN_REASON]
    assert figures.assumptions == [
        "a repetition was left out and taken again: throttled: thermal status 2 of 6"
    ]
    assert figures.latency_ms is not None
    assert figures.latency_ms.n == REPETITIONS * ITERATIONS
    assert figures.device_facts is not None
    assert figures.device_facts.thermal_status == 2
    assert sum(waited) == 30


def test_a_phone_that_stays_hot_is_waited_for_up_to_the_limit(phone: Phone, model: Path) -> None:
    phone.state.thermal_status = 3
    waited: list[float] = []
    target = phone_target(phone, cool_down_seconds=25)
    figures = device(phone, sleep=waited.append).measure(model, target)
    assert waited == [10, 10, 5] * 2
    assert "0 of 2 repetitions count" in figures.reasons
    assert "throttled: thermal status 3 of 6" in figures.reasons
    assert figures.latency_ms is not None, "what was seen is told, as invalid"


def test_a_phone_that_does_not_tell_its_heat_counts_but_says_so(phone: Phone, model: Path) -> None:
    phone.state.thermal_status = None
    figures = device(phone).measure(model, phone_target(phone))
    assert figures.reasons == [STAND_IN_REASON]
    assert figures.assumptions == [HEAT_UNKNOWN]
    assert figures.device_facts is not None
    assert figures.device_facts.thermal_status is None


def test_a_low_battery_is_told(phone: Phone, model: Path) -> None:
    phone.state.battery.percent, phone.state.battery.plugged = 12, ""
    figures = device(phone).measure(model, phone_target(phone))
    assert "low battery: 12 % (needed: 20 %, or power)" in figures.reasons
    assert figures.device_facts is not None
    assert figures.device_facts.charging is False


def test_a_screen_that_goes_off_is_told_and_switched_on_for_the_next(
    phone: Phone, model: Path
) -> None:
    phone.application.faults[0] = application.midway(goes_off)
    figures = device(phone).measure(model, phone_target(phone))
    assert figures.reasons == [STAND_IN_REASON]
    assert "the screen was off, which lowers clocks" in figures.assumptions[0]


def test_a_screen_that_goes_off_each_time_makes_the_run_invalid(phone: Phone, model: Path) -> None:
    for start in range(REPETITIONS):
        phone.application.faults[start] = application.midway(goes_off)
    figures = device(phone).measure(model, phone_target(phone))
    assert "the screen was off, which lowers clocks" in figures.reasons


def test_a_screen_that_was_off_is_off_again_in_the_end(phone: Phone, model: Path) -> None:
    phone.state.screen_on = False
    figures = device(phone).measure(model, phone_target(phone))
    assert figures.reasons == [STAND_IN_REASON]
    assert not phone.state.screen_on


@pytest.mark.parametrize(
    ("after", "seen", "told"),
    [
        (FINE, None, []),
        (Condition(), None, []),
        (FINE.model_copy(update={"thermal_status": 1}), None, ["throttled"]),
        (FINE, Seen(thermal_status=4), ["thermal status 4"]),
        (FINE, Seen(foreground=False), ["not in front"]),
        (FINE.model_copy(update={"battery_percent": 19}), None, ["low battery: 19 %"]),
        (FINE.model_copy(update={"awake": False}), None, ["screen was off"]),
    ],
)
def test_reasons(after: Condition, seen: Seen | None, told: list[str]) -> None:
    reasons = why_invalid(FINE, after, seen, ANDROID)
    assert len(reasons) == len(told)
    assert all(part in reason for part, reason in zip(told, reasons, strict=True))


def test_a_low_battery_on_power_is_no_reason() -> None:
    low = FINE.model_copy(update={"battery_percent": 5, "charging": True})
    assert not why_invalid(low, low, None, ANDROID)
    assert why_invalid(low, low.model_copy(update={"charging": False}), None, ANDROID)
