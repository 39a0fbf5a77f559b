"""The stand-in's files through the real ``adb``: what goes in comes out, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import APPLICATION, Phone, PhoneState
from tests.devices.adb.peer.client import call_adb

# The phone is the same for all examples, which is as it should be.
few = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
REMOTE = "/data/local/tmp/file"
CHUNK = 64 * 1024
PACKET = 256 * 1024


@few
@given(size=st.integers(0, 3 * PACKET))
@example(size=0)
@example(size=CHUNK)
@example(size=PACKET + 1)
def test_what_is_pushed_is_pulled(phone: Phone, tmp_path: Path, size: int) -> None:
    data = bytes(index * 7 % 251 for index in range(size))
    (tmp_path / "local").write_bytes(data)
    assert call_adb("push", tmp_path / "local", REMOTE).returncode == 0
    assert phone.path(REMOTE).read_bytes() == data
    assert call_adb("pull", REMOTE, tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == data


@few
@given(data=st.binary(max_size=2000))
@example(data=b"\r\n\0\x04\xff\n")
def test_exec_passes_every_byte(phone: Phone, data: bytes) -> None:
    phone.path(REMOTE).write_bytes(data)
    assert call_adb("exec-out", f"cat {REMOTE}").stdout == data
    assert call_adb("shell", "cat", stdin=data).stdout == data


def test_a_folder_is_pushed_and_listed(phone: Phone, tmp_path: Path) -> None:
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "a name").write_bytes(b"1")
    assert call_adb("push", tmp_path / "tree", "/sdcard/").returncode == 0
    assert phone.path("/sdcard/tree/below/a name").read_bytes() == b"1"
    listed = call_adb("ls", "/sdcard/tree/below").stdout.decode()
    assert "00000001" in listed
    assert listed.endswith("a name\n")


def test_a_pushed_file_keeps_its_mode(phone: Phone, tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"1")
    (tmp_path / "program").chmod(0o755)
    call_adb("push", tmp_path / "program", REMOTE)
    assert call_adb("shell", "stat", "-c", "%a", REMOTE).stdout == b"755\n"


@pytest.mark.parametrize(
    "path", [f"/data/data/{APPLICATION}/files/x", "/system/bin/x", "/proc/x", "/data/x"]
)
def test_the_user_may_not_write_everywhere(phone: Phone, tmp_path: Path, path: str) -> None:
    (tmp_path / "local").write_bytes(b"1")
    pushed = call_adb("push", tmp_path / "local", path)
    assert pushed.returncode == 1
    assert b"Permission denied" in pushed.stdout + pushed.stderr
    assert not phone.path(path).exists()
    assert call_adb("shell", f"echo 1 > {path}").returncode == 1


def test_nothing_leads_out_of_the_tree(phone: Phone) -> None:
    escape = "/data/local/tmp/../../../../../../etc/passwd"
    assert phone.path(escape).is_relative_to(phone.tree.root)
    assert call_adb("shell", f"cat {escape}").returncode == 1


def test_a_full_phone_takes_no_more(make_phone: MakePhone, tmp_path: Path) -> None:
    phone = make_phone(state=PhoneState(free_bytes=100_000))
    (tmp_path / "local").write_bytes(bytes(150_000))
    pushed = call_adb("push", tmp_path / "local", REMOTE)
    assert pushed.returncode == 1
    assert b"No space left on device" in pushed.stdout + pushed.stderr
    assert phone.path(REMOTE).stat().st_size == 100_000
    assert call_adb("shell", f"cp {REMOTE} {REMOTE}2").returncode == 1


def test_df_tells_the_truth_or_the_lie(phone: Phone) -> None:
    def told() -> int:
        lines = call_adb("shell", "df -k /data/local/tmp").stdout.decode().splitlines()
        return int(lines[-1].split()[3])

    phone.state.free_bytes = 1_024_000
    assert told() == 1000
    phone.path(REMOTE).write_bytes(bytes(102_400))
    assert told() == 900
    phone.state.reported_free_bytes = 5 * 1024**3
    assert told() == 5 * 1024**2
