"""The stand-in's shell through the real ``adb``."""

from __future__ import annotations

import subprocess

import pytest

from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import APPLICATION, Package, Phone
from tests.devices.adb.peer.client import call_adb


def said(line: str) -> str:
    return call_adb("shell", line).stdout.decode()


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_the_exit_status_comes_back(phone: Phone, status: int) -> None:
    assert call_adb("shell", f"exit {status}").returncode == status


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo 'a  b' \"c d\" e\\ f", "a  b c d e f\n"),
        ("false; echo $?", "1\n"),
        ("false && echo no; true && echo yes || echo never", "yes\n"),
        ("false || echo other", "other\n"),
        ("x=5; echo \"${x}\" '$x' $x", "5 $x 5\n"),
        ("echo one | cat | grep -o n", "n\n"),
        ("echo a > /sdcard/f; echo b >> /sdcard/f; cat < /sdcard/f", "a\nb\n"),
        ("cat /sdcard/nothing 2>/dev/null; echo $?", "1\n"),
        ("cat /sdcard/nothing 2>&1", "cat: /sdcard/nothing: No such file or directory\n"),
        ("touch /sdcard/a1 /sdcard/a2; cd /sdcard; echo a* b*", "a1 a2 b*\n"),
        ("echo /sys/devices/system/cpu/onli*", "/sys/devices/system/cpu/online\n"),
        ("mkdir -p /sdcard/x/y; mv /sdcard/x /sdcard/z; ls /sdcard/z", "y\n"),
        ("sh -c 'echo in; exit 3'; echo $?", "in\n3\n"),
        ("/system/bin/echo hi # not this", "hi\n"),
        ("[ -d /data/local/tmp ] && echo folder", "folder\n"),
        ("printenv", ""),
    ],
)
def test_the_syntax(phone: Phone, line: str, expected: str) -> None:
    assert said(line) == expected


@pytest.mark.parametrize(
    "line", ["echo $(id)", "echo `id`", "sleep 1 &", "if true; then id; fi", "echo 'open", "(id)"]
)
def test_other_syntax_is_refused_and_noted(phone: Phone, line: str) -> None:
    assert call_adb("shell", line).returncode == 2
    assert phone.not_understood.pop()


def test_an_unknown_command(phone: Phone) -> None:
    answer = call_adb("shell", "frobnicate")
    assert answer.returncode == 127
    assert b"not found" in answer.stderr


def test_the_first_version_has_no_exit_status_and_one_output(make_phone: MakePhone) -> None:
    make_phone(features=("cmd",))
    answer = call_adb("shell", "echo out; cat /sdcard/nothing; exit 9")
    assert answer.returncode == 0
    assert answer.stdout == b"out\ncat: /sdcard/nothing: No such file or directory\n"


def test_exec_mixes_both_outputs(phone: Phone) -> None:
    answer = call_adb("exec-out", "cat /sdcard/nothing")
    assert answer.returncode == 0
    assert answer.stdout == b"cat: /sdcard/nothing: No such file or directory\n"


def test_the_app_has_a_folder_of_its_own(phone: Phone) -> None:
    phone.path("/data/local/tmp/model").write_bytes(b"model")
    run_as = f"run-as {APPLICATION}"
    assert said(f"{run_as} cp /data/local/tmp/model files/m && {run_as} cat files/m") == "model"
    assert phone.path(f"/data/data/{APPLICATION}/files/m").read_bytes() == b"model"
    assert call_adb("shell", f"cat /data/data/{APPLICATION}/files/m").returncode == 1
    assert call_adb("shell", f"{run_as} cp files/m /data/local/tmp/n").returncode == 1


def test_run_as_is_refused(phone: Phone) -> None:
    phone.state.packages[APPLICATION] = Package(debuggable=False)
    answer = call_adb("shell", f"run-as {APPLICATION} ls")
    assert answer.returncode == 1
    assert answer.stderr.decode() == f"run-as: package not debuggable: {APPLICATION}\n"
    del phone.state.packages[APPLICATION]
    assert b"unknown package" in call_adb("shell", f"run-as {APPLICATION} ls").stderr


def test_the_state_is_shown(phone: Phone) -> None:
    state = phone.state
    state.thermal_status, state.screen_on = 3, False
    state.battery.percent, state.battery.celsius, state.battery.plugged = 12, 41.5, ""
    state.governors["policy4"] = "powersave"
    assert said("getprop ro.edgekd.stand_in") == "1\n"
    assert "[ro.product.model]: [Stand-in]\n" in said("getprop")
    assert said("getconf PAGESIZE") == "4096\n"
    assert "Thermal Status: 3\n" in said("dumpsys thermalservice")
    assert "  level: 12\n" in said("dumpsys battery")
    assert "  temperature: 415\n" in said("dumpsys battery")
    assert "true" not in said("dumpsys battery | grep powered")
    assert "mWakefulness=Asleep\n" in said("dumpsys power")
    governors = said("grep -H . /sys/devices/system/cpu/cpufreq/policy*/scaling_governor")
    assert "policy4/scaling_governor:powersave\n" in governors
    assert "asimddp" in said("cat /proc/cpuinfo")


def test_what_is_set_shows_in_the_state(phone: Phone) -> None:
    before = phone.state.left_set()
    phone.state.screen_on = False
    said("settings put global stay_on_while_plugged_in 7; input keyevent KEYCODE_WAKEUP")
    said("cmd power set-fixed-performance-mode-enabled true")
    assert phone.state.screen_on
    assert phone.state.fixed_performance
    assert said("settings get global stay_on_while_plugged_in") == "7\n"
    assert phone.state.left_set() != before
    said("svc power stayon false; cmd power set-fixed-performance-mode-enabled false")
    assert phone.state.left_set() == before
    said("settings delete global stay_on_while_plugged_in")
    assert said("settings get global stay_on_while_plugged_in") == "null\n"


def test_a_phone_without_fixed_performance(phone: Phone) -> None:
    phone.state.has_fixed_performance = False
    answer = call_adb("shell", "cmd power set-fixed-performance-mode-enabled true")
    assert answer.returncode == 255
    assert not phone.state.fixed_performance


def test_the_log_is_waited_for(phone: Phone) -> None:
    command = ["adb", "shell", "-n", "logcat -v raw -m 1 -e '^DONE 2$'"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        phone.log.write("edgekd", "DONE 1")
        phone.log.write("edgekd", "DONE 2")
        phone.log.write("edgekd", "DONE 3")
        told, _ = reader.communicate()
    assert told == b"--------- beginning of main\nDONE 2\n"


def test_the_log_is_shown_in_part(phone: Phone) -> None:
    said("log -t other hello; log -t edgekd done")
    assert said("logcat -d -v brief -s edgekd:I") == (
        "--------- beginning of main\nI/edgekd( 4242): done\n"
    )
    assert said("logcat -d -v raw -t 1").endswith("main\ndone\n")
    said("logcat -c")
    assert said("logcat -d") == ""
