"""How long loading takes: of each fresh start, and claimed by devices only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from edgekd.records import Kind, LoadTime, Measurement
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import device, phone_target, steady_result
from tests.devices.adb.peer.application import Launch, midway
from tests.devices.adb.peer.state import PhoneState

pytestmark = pytest.mark.usefixtures("own_cache")

LOADS: list[dict[str, float] | None] = [
    {"cold": 500.0, "warm": 90.0},
    {"cold": 12.0, "warm": 2.0},
    {"cold": 16.0},
    {"cold": 14.0, "warm": 4.0},
]
MEASUREMENT: dict[str, Any] = {
    "rung": "r",
    "target": "t",
    "format": "onnx",
    "precision": "fp32",
    "device": "d",
    "artifact": "a",
    "sha256": "0",
    "valid": True,
    "load_ms": {"cold": 1.0},
}


def loads_in_turn(loads: list[dict[str, float] | None]) -> Any:
    """An app that takes so long to load in its first start, in its second and so on."""
    left = list(loads)

    def benchmark(launch: Launch) -> None:
        result = steady_result(launch)
        if launch.text("pass") == "latency":
            result["load_ms"] = left.pop(0)
        launch.midway()
        launch.finish(json.dumps(result).encode())

    return benchmark


def _throttle(state: PhoneState) -> None:
    state.thermal_status = 2


def test_the_median_of_the_repetitions_that_count(make_phone: MakePhone, model: Path) -> None:
    phone = make_phone(benchmark=loads_in_turn(LOADS))
    phone.application.faults[0] = midway(_throttle)

    def cools(seconds: float) -> None:
        phone.state.thermal_status = 0

    figures = device(phone, sleep=cools).measure(model, phone_target(phone, repetitions=3))
    # The first start throttled: it does not count. One does not tell the second load.
    assert figures.load_ms == LoadTime(cold=14.0, warm=3.0)


def test_an_app_that_tells_none(make_phone: MakePhone, model: Path) -> None:
    phone = make_phone(benchmark=loads_in_turn([None, None]))
    assert device(phone).measure(model, phone_target(phone)).load_ms is None


@pytest.mark.parametrize("kind", get_args(Kind))
def test_only_a_device_may_claim_them(kind: Kind) -> None:
    if kind == "device":
        assert Measurement(kind=kind, **MEASUREMENT).load_ms == LoadTime(cold=1.0)
        return
    with pytest.raises(ValueError, match="only a measurement of a device"):
        Measurement(kind=kind, **MEASUREMENT)
