"""The real client: exit codes, bounds, and every way in which a phone cannot be had, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekd.devices.adb.client import Adb, choose_serial, connected
from edgekd.devices.adb.problems import (
    CommandFailed,
    DeviceGone,
    NoAdb,
    NoDevice,
    Offline,
    SeveralDevices,
    TimeLimit,
    Unauthorized,
)
from edgekd.devices.adb.program import call_adb
from edgekd.errors import RunFailed
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import Phone, faults
from tests.devices.adb.peer.client import call_adb as client


def test_a_command_and_its_exit_status(phone: Phone) -> None:
    adb = Adb(phone.serial)
    assert adb.shell("getprop ro.product.model").text == "Stand-in\n"
    answer = adb.shell("cat /no/such/file")
    assert answer.status == 1
    assert "No such file" in answer.complaint
    with pytest.raises(CommandFailed, match="No such file"):
        adb.run("cat", "/no/such/file")


def test_words_are_quoted(phone: Phone) -> None:
    assert Adb(phone.serial).run("echo", "a; echo b", "$HOME") == "a; echo b $HOME\n"


def test_a_file_travels_whole(phone: Phone, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    local = tmp_path / "file"
    local.write_bytes(content)
    adb = Adb(phone.serial)
    adb.push(local, "/data/local/tmp/file")
    assert adb.exec_out("cat", "/data/local/tmp/file", most_bytes=len(content)) == content
    with pytest.raises(RunFailed, match="more than"):
        adb.exec_out("cat", "/data/local/tmp/file", most_bytes=len(content) - 1)


def test_a_place_that_may_not_be_written_is_told(phone: Phone, tmp_path: Path) -> None:
    local = tmp_path / "file"
    local.write_bytes(b"x")
    with pytest.raises(RunFailed, match="file cannot be copied"):
        Adb(phone.serial).push(local, "/data/data/file")


@pytest.mark.parametrize("when", ["start", 3])
def test_a_connection_that_breaks_is_never_taken_for_an_answer(
    phone: Phone, when: faults.Moment
) -> None:
    phone.inject(faults.drop, matching="getprop", when=when)
    with pytest.raises(DeviceGone, match="getprop"):
        Adb(phone.serial).shell("getprop")


def test_a_command_that_does_not_end_is_left(phone: Phone) -> None:
    phone.inject(faults.hang, matching="getprop")
    with pytest.raises(TimeLimit, match=r"0\.5 s"):
        Adb(phone.serial).shell("getprop", seconds=0.5)
    assert Adb(phone.serial).shell("getprop").status == 0


def test_no_adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADB", str(tmp_path / "adb"))
    with pytest.raises(NoAdb, match="is not there"):
        connected()


def test_an_adb_that_is_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "adb"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    monkeypatch.setenv("ADB", str(program))
    with pytest.raises(NoAdb, match="cannot be started"):
        call_adb(["devices"], seconds=5, most_bytes=100)


@pytest.mark.usefixtures("adb_server")
def test_no_device() -> None:
    with pytest.raises(NoDevice, match="no phone is connected"):
        choose_serial(None)
    with pytest.raises(NoDevice, match="emulator-5554: is not connected"):
        choose_serial("emulator-5554")
    with pytest.raises(DeviceGone, match="is not connected"):
        Adb("emulator-5554").shell("getprop")


def test_the_only_one_is_taken(phone: Phone) -> None:
    assert choose_serial(None) == phone.serial
    assert choose_serial(phone.serial) == phone.serial


def test_several_and_none_named(make_phone: MakePhone, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make_phone(), make_phone()
    with pytest.raises(SeveralDevices, match="2 phones are connected"):
        choose_serial(None)
    monkeypatch.setenv("ANDROID_SERIAL", one.serial)
    assert choose_serial(None) == one.serial
    assert choose_serial(other.serial) == other.serial


def test_offline(phone: Phone) -> None:
    phone.inject(faults.drop, matching="getprop")
    client("-s", phone.serial, "shell", "getprop")
    assert connected()[phone.serial] == "offline"
    with pytest.raises(Offline, match="is offline"):
        choose_serial(None)


def test_unauthorized(phone: Phone) -> None:
    phone.authorized = False
    client("disconnect", phone.serial)
    client("connect", phone.serial)
    with pytest.raises(Unauthorized, match="does not trust this computer"):
        choose_serial(phone.serial)
