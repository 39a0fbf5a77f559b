"""What is set on a phone is put back: at the end, on an error, on a signal, and after SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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

_MEASURE = """
import sys
from pathlib import Path
from edgekd.devices.adb.device import AdbDevice
from edgekd.target import Target
target = Target.model_validate_json(sys.argv[2])
AdbDevice().measure(Path(sys.argv[1]), target)
"""


@pytest.fixture(autouse=True)
def _own_cache(adb_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone(benchmark=steady)


def test_it_sets_and_puts_back(phone: Phone, tmp_path: Path) -> None:
    before = phone.state.left_set()
    marker = tmp_path / "marker.json"
    with held_steady(Adb(phone.serial), marker) as held:
        assert held.fixed_performance
        assert phone.state.fixed_performance
        assert phone.state.settings["global"]["stay_on_while_plugged_in"] == "7"
        assert marker.exists()
    assert phone.state.left_set() == before
    assert not marker.exists()
    assert not held.problems


def test_a_phone_without_the_mode_is_measured_without_it(phone: Phone, tmp_path: Path) -> None:
    phone.state.has_fixed_performance = False
    with held_steady(Adb(phone.serial), tmp_path / "marker.json") as held:
        assert not held.fixed_performance
    assert not held.problems


def test_a_setting_that_was_not_there_is_gone_again(phone: Phone, tmp_path: Path) -> None:
    del phone.state.settings["global"]["stay_on_while_plugged_in"]
    with held_steady(Adb(phone.serial), tmp_path / "marker.json"):
        pass
    assert "stay_on_while_plugged_in" not in phone.state.settings["global"]


@pytest.mark.parametrize("error", [RunFailed("x"), KeyboardInterrupt(), ZeroDivisionError()])
def test_it_is_put_back_whatever_happens(
    phone: Phone, tmp_path: Path, error: BaseException
) -> None:
    before = phone.state.left_set()
    with pytest.raises(type(error)), held_steady(Adb(phone.serial), tmp_path / "marker.json"):
        raise error
    assert phone.state.left_set() == before


def test_a_phone_that_is_gone_is_put_back_by_the_next_one(phone: Phone, tmp_path: Path) -> None:
    before = phone.state.left_set()
    marker = tmp_path / "marker.json"
    with held_steady(Adb(phone.serial), marker) as held:
        phone.go_offline()
    assert "not put back yet" in held.problems[0]
    phone.come_back()
    connect(phone)
    assert phone.state.left_set() != before
    with held_steady(Adb(phone.serial), marker):
        pass
    assert phone.state.left_set() == before


def test_a_damaged_marker_still_puts_back(phone: Phone, tmp_path: Path) -> None:
    marker = tmp_path / "marker.json"
    marker.write_text("{")
    phone.state.fixed_performance = True
    with held_steady(Adb(phone.serial), marker):
        pass
    assert not phone.state.fixed_performance


def measuring_process(phone: Phone, folder: Path) -> tuple[subprocess.Popen[bytes], Gate]:
    """A process that measures, held while its app starts."""
    gate = Gate()
    phone.inject(faults.wait_for(gate), matching="am start")
    model = write_model(folder / "model.onnx")
    target = phone_target(phone).model_dump_json()
    process = subprocess.Popen([sys.executable, "-c", _MEASURE, str(model), target], cwd=ROOT)
    gate.reached.wait()
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
    assert "another edgekd measures on it" in figures.reasons[0]
    gate.release()
    assert process.wait() == 0
