"""What is set on a phone is put back: at the end, on an error, on a signal, and after SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.settings import held_steady
from edgekd.errors import RunFailed
from tests.conftest import ROOT
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import device, phone_target, steady, write_model
from tests.devices.adb.peer import Gate, Phone, faults
from tests.devices.adb.peer.client import connect

pytestmark = pytest.mark.usefixtures("own_cache")

# A suite that was started in the background ignores SIGINT, and what it starts would as well.
_MEASURE = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgekd.devices.adb.device import AdbDevice
from edgekd.target import Target
target = Target.model_validate_json(sys.argv[2])
AdbDevice().measure(Path(sys.argv[1]), target)
"""


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone(benchmark=steady)


def plug_in(phone: Phone) -> Callable[[float], None]:
    """Where the phone is waited for, its cable is put back."""
    return lambda seconds: connect(phone)


def test_it_sets_and_puts_back(phone: Phone, tmp_path: Path) -> None:
    before = phone.state.left_set()
    marker = tmp_path / "marker.json"
    problems: list[str] = []
    with held_steady(Adb(phone.serial), marker, plug_in(phone), problems) as held:
        assert held.fixed_performance
        assert phone.state.fixed_performance
        assert phone.state.settings["global"]["stay_on_while_plugged_in"] == "7"
        assert marker.exists()
    assert phone.state.left_set() == before
    assert not marker.exists()
    assert not problems


def test_a_phone_without_the_mode_is_measured_without_it(phone: Phone, tmp_path: Path) -> None:
    phone.state.has_fixed_performance = False
    problems: list[str] = []
    marker = tmp_path / "marker.json"
    with held_steady(Adb(phone.serial), marker, plug_in(phone), problems) as held:
        assert not held.fixed_performance
    assert not problems


def test_a_setting_that_was_not_there_is_gone_again(phone: Phone, tmp_path: Path) -> None:
    del phone.state.settings["global"]["stay_on_while_plugged_in"]
    with held_steady(Adb(phone.serial), tmp_path / "marker.json", plug_in(phone), []):
        pass
    assert "stay_on_while_plugged_in" not in phone.state.settings["global"]


@pytest.mark.parametrize("error", [RunFailed("x"), KeyboardInterrupt(), ZeroDivisionError()])
def test_it_is_put_back_whatever_happens(
    phone: Phone, tmp_path: Path, error: BaseException
) -> None:
    before = phone.state.left_set()
    marker = tmp_path / "marker.json"
    with pytest.raises(type(error)), held_steady(Adb(phone.serial), marker, plug_in(phone), []):
        raise error
    assert phone.state.left_set() == before


def test_a_phone_that_is_gone_is_put_back_by_the_next_one(phone: Phone, tmp_path: Path) -> None:
    before = phone.state.left_set()
    marker = tmp_path / "marker.json"
    problems: list[str] = []
    with held_steady(Adb(phone.serial), marker, lambda seconds: None, problems):
        phone.go_offline()
    assert "not put back yet" in problems[0]
    phone.come_back()
    connect(phone)
    assert phone.state.left_set() != before
    with held_steady(Adb(phone.serial), marker, plug_in(phone), []):
        pass
    assert phone.state.left_set() == before


@pytest.mark.parametrize("when", ["start", 1, "end"])
@pytest.mark.parametrize("step", ["settings put global .* 0", "performance-mode-enabled false"])
def test_a_cable_put_back_in_time_leaves_nothing_set(
    phone: Phone, tmp_path: Path, step: str, when: faults.Moment
) -> None:
    before = phone.state.left_set()
    problems: list[str] = []
    phone.inject(faults.drop, matching=step, when=when)
    with held_steady(Adb(phone.serial), tmp_path / "marker.json", plug_in(phone), problems):
        pass
    assert phone.struck == 1
    assert not problems
    assert phone.state.left_set() == before


def test_a_setting_that_cannot_be_read_is_never_changed(phone: Phone, tmp_path: Path) -> None:
    phone.state.settings["global"]["stay_on_while_plugged_in"] = "3"
    before = phone.state.left_set()
    phone.inject(faults.refuse(1, "no"), matching="settings get")
    marker = tmp_path / "marker.json"
    with (
        pytest.raises(RunFailed, match="settings get"),
        held_steady(Adb(phone.serial), marker, plug_in(phone), []),
    ):
        pass
    assert phone.state.left_set() == before


def test_steady_clocks_that_a_killed_process_left_are_never_forgotten(
    phone: Phone, tmp_path: Path
) -> None:
    process, gate = measuring_process(phone, tmp_path)
    process.kill()
    process.wait()
    gate.release()
    phone.inject(faults.refuse(1, "busy"), matching="performance-mode-enabled false")
    figures = device(phone).measure(tmp_path / "model.onnx", phone_target(phone))
    assert any("busy" in reason for reason in figures.reasons)
    assert phone.state.fixed_performance
    device(phone).measure(tmp_path / "model.onnx", phone_target(phone))
    assert not phone.state.fixed_performance


def test_a_phone_lost_before_it_is_measured_tells_what_is_left_set(
    phone: Phone, tmp_path: Path
) -> None:
    phone.inject(faults.go_offline, matching="getprop")
    model = write_model(tmp_path / "model.onnx")
    waits = device(phone, sleep=lambda seconds: None)
    figures = waits.measure(model, phone_target(phone))
    assert any("not put back yet" in reason for reason in figures.reasons)


def test_a_damaged_marker_still_puts_back(phone: Phone, tmp_path: Path) -> None:
    marker = tmp_path / "marker.json"
    marker.write_text("{")
    phone.state.fixed_performance = True
    with held_steady(Adb(phone.serial), marker, plug_in(phone), []):
        pass
    assert not phone.state.fixed_performance


def measuring_process(phone: Phone, folder: Path) -> tuple[subprocess.Popen[bytes], Gate]:
    """A process that measures, held while its app starts."""
    gate = Gate()
    phone.inject(faults.wait_for(gate), matching="am start")
    model = write_model(folder / "model.onnx")
    target = phone_target(phone).model_dump_json()
    process = subprocess.Popen([sys.executable, "-c", _MEASURE, str(model), target], cwd=ROOT)
    gate.wait_reached(process)
    return process, gate


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_nothing_set(
    phone: Phone, tmp_path: Path, number: signal.Signals
) -> None:
    before = phone.state.left_set()
    process, gate = measuring_process(phone, tmp_path)
    assert phone.state.left_set() != before
    os.kill(process.pid, number)
    assert process.wait() != 0
    gate.release()
    assert phone.state.left_set() == before
    assert not phone.path("/data/local/tmp/edgekd").exists()


def test_after_sigkill_the_next_measurement_puts_back_first(phone: Phone, tmp_path: Path) -> None:
    before = phone.state.left_set()
    process, gate = measuring_process(phone, tmp_path)
    process.kill()
    process.wait()
    gate.release()
    assert phone.state.left_set() != before
    device(phone).measure(tmp_path / "model.onnx", phone_target(phone))
    assert phone.state.left_set() == before


def test_one_phone_is_measured_by_one_process(phone: Phone, tmp_path: Path) -> None:
    process, gate = measuring_process(phone, tmp_path)
    figures = device(phone).measure(tmp_path / "model.onnx", phone_target(phone))
    assert "another edgekd uses this phone" in figures.reasons[0]
    gate.release()
    assert process.wait() == 0
