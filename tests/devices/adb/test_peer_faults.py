"""Each fault of the stand-in, as the real ``adb`` meets it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import Gate, Phone, faults
from tests.devices.adb.peer.client import call_adb, connect

REMOTE = "/data/local/tmp/file"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.write_bytes(bytes(index % 251 for index in range(300_000)))
    return path


@pytest.mark.parametrize("size", [0, 1, 65_536, 200_001, 299_999])
def test_the_connection_drops_in_a_push(phone: Phone, local: Path, size: int) -> None:
    phone.inject(faults.drop, matching="SEND", when=size)
    assert call_adb("push", local, REMOTE).returncode == 1
    assert phone.path(REMOTE).read_bytes() == local.read_bytes()[:size]
    assert b"offline" in call_adb("shell", "true").stderr
    connect(phone)
    assert call_adb("push", local, REMOTE).returncode == 0
    assert phone.path(REMOTE).read_bytes() == local.read_bytes()


def test_the_connection_drops_when_a_push_is_done_but_not_confirmed(
    phone: Phone, local: Path
) -> None:
    phone.inject(faults.drop, matching="SEND", when="end")
    assert call_adb("push", local, REMOTE).returncode == 1
    assert phone.path(REMOTE).read_bytes() == local.read_bytes()


@pytest.mark.parametrize(("when", "output"), [("start", b""), (3, b"hel"), ("end", b"hello\n")])
def test_the_connection_drops_in_a_command(
    phone: Phone, when: faults.Moment, output: bytes
) -> None:
    phone.inject(faults.drop, matching="echo hello", when=when)
    # adb 29 has it end with status 0.
    answer = call_adb("shell", f"echo hello; touch {REMOTE}")
    assert answer.stdout == output
    assert phone.path(REMOTE).exists() == (when == "end")
    connect(phone)
    assert call_adb("shell", "echo hello").stdout == b"hello\n"


def test_the_nth_step_that_matches(phone: Phone) -> None:
    phone.inject(faults.refuse(5, "no"), matching="echo", nth=2)
    statuses = [call_adb("shell", "echo 1").returncode for _ in range(3)]
    assert statuses == [0, 5, 0]
    assert phone.steps == ["shell echo 1"] * 3


def test_a_transfer_is_refused(phone: Phone, local: Path) -> None:
    phone.inject(faults.refuse(1, "Read-only file system"), matching="SEND")
    pushed = call_adb("push", local, REMOTE)
    assert pushed.returncode == 1
    assert b"Read-only file system" in pushed.stdout + pushed.stderr
    assert call_adb("push", local, REMOTE).returncode == 0


def test_it_answers_when_the_test_says_so(phone: Phone) -> None:
    gate = Gate()
    phone.inject(faults.wait_for(gate), matching="echo")
    command = ["adb", "shell", "-n", "echo late"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as waiting:
        gate.wait_reached(waiting)
        # Others are served meanwhile.
        assert call_adb("shell", "id").returncode == 0
        assert waiting.poll() is None
        gate.release()
        assert waiting.communicate()[0] == b"late\n"


@pytest.mark.parametrize("when", ["start", 100_000, "end"])
def test_it_hangs_and_still_ends_cleanly(phone: Phone, local: Path, when: faults.Moment) -> None:
    gate = Gate()
    phone.inject(faults.wait_for(gate), matching="SEND", when=when)
    with subprocess.Popen(["adb", "push", local, REMOTE], stdout=subprocess.DEVNULL) as hanging:
        gate.wait_reached(hanging)
        assert hanging.poll() is None
        hanging.kill()
    assert call_adb("shell", "echo still here").stdout == b"still here\n"


def test_what_nobody_waits_for_any_more_is_not_done(phone: Phone) -> None:
    gate = Gate()
    phone.inject(faults.wait_for(gate), matching="touch")
    with subprocess.Popen(["adb", "shell", "-n", f"touch {REMOTE}"]) as killed:
        gate.wait_reached(killed)
        killed.kill()
    gate.gone.wait()
    gate.release()
    assert call_adb("shell", f"ls {REMOTE}").returncode == 1


def test_the_state_changes_at_a_step(phone: Phone) -> None:
    def throttle(state: object) -> None:
        phone.state.thermal_status = 4

    phone.inject(faults.change(throttle), matching="thermalservice", nth=2)
    told = [call_adb("shell", "dumpsys thermalservice | grep Status:").stdout for _ in range(2)]
    assert told == [b"Thermal Status: 0\n", b"Thermal Status: 4\n"]


def test_it_goes_offline_and_comes_back(phone: Phone) -> None:
    phone.inject(faults.go_offline, matching="id")
    call_adb("shell", "id")
    assert b"refused" in call_adb("connect", phone.serial).stdout
    assert call_adb("shell", "id").returncode == 1
    phone.come_back()
    connect(phone)
    assert call_adb("shell", "id").returncode == 0


def test_a_phone_that_does_not_trust_the_computer(phone: Phone) -> None:
    phone.authorized = False
    connect(phone, "failed to authenticate")
    assert f"{phone.serial}\tunauthorized" in call_adb("devices").stdout.decode()
    assert b"unauthorized" in call_adb("shell", "id").stderr


def test_two_phones_are_told_apart(make_phone: MakePhone) -> None:
    first, second = make_phone(), make_phone()
    second.state.properties["ro.product.model"] = "Other"
    asked = ("shell", "getprop ro.product.model")
    assert call_adb("-s", first.serial, *asked).stdout == b"Stand-in\n"
    assert call_adb("-s", second.serial, *asked).stdout == b"Other\n"
    assert first.steps == second.steps == ["shell getprop ro.product.model"]
