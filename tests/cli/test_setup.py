"""What is missing on a machine, and getting it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgekd.devices.arm64.sysroot import build_sysroot, find_sysroot
from edgekd.files import cache_folder
from tests.conftest import ROOT, run_edgekd

_PHONES = {
    "my-phone": "device: qemu-arm64\nruntime: litert\narm64: {core: cortex-a76}\n",
    "my-cable": "device: adb\nruntime: litert\nandroid: {application: org.example.app}\n",
    "my-dream": "device: qemu-arm64\nruntime: litert\narm64: {core: max}\n",
}


@pytest.fixture
def phones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulated phone, one on a cable, and one that cannot be emulated, as a user writes them."""
    folder = tmp_path / "targets"
    folder.mkdir()
    for name, text in _PHONES.items():
        kind = "device" if "adb" in text else "emulated"
        text += f"format: tflite\nprecisions: [int8]\nkind: {kind}\n"
        (folder / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("EDGEKD_TARGETS", str(folder))


def test_doctor_shows_every_target_with_its_state() -> None:
    result = run_edgekd("doctor")
    assert result.returncode == 0
    for path in (ROOT / "targets").glob("*.yaml"):
        line = next(row for row in result.stdout.splitlines() if row.split()[:1] == [path.stem])
        assert "ready" in line


def test_setup_of_a_target_that_is_ready() -> None:
    result = run_edgekd("setup", "cortex-m4", "riscv32")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["cortex-m4: ready", "riscv32: ready"]


def test_doctor_names_the_packages_that_are_missing(tmp_path: Path) -> None:
    """A machine without compilers: nothing but Python on the path."""
    code = "import sys; sys.argv = ['edgekd', 'doctor']; from edgekd.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    row = next(row for row in result.stdout.splitlines() if "cortex-m4 " in row)
    assert "not ready" in row
    assert "gcc-arm-none-eabi" in result.stdout


def test_setup_without_the_right_to_install_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['edgekd', 'setup', 'cortex-m4']; "
        "from edgekd.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "apt-get install gcc-arm-none-eabi" in result.stderr


def test_a_run_says_what_is_missing_before_it_trains(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['edgekd', 'run', 'digits', '--targets', 'cortex-m4', "
        f"'--out', {str(tmp_path / 'run')!r}]; from edgekd.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "edgekd setup cortex-m4" in result.stderr
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_setup_of_an_emulated_phone(phones: None) -> None:
    result = run_edgekd("setup", "my-phone")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "my-phone: ready\n"
    assert find_sysroot("litert", "cortex-a76") is not None


def test_what_was_set_up_is_removed(
    phones: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_sysroot("litert", "cortex-a76")
    real = cache_folder() / "arm64"
    own = tmp_path / "cache" / "edgekd" / "arm64"
    shutil.copytree(real, own, symlinks=True, copy_function=_link)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert find_sysroot("litert", "cortex-a76") is not None
    said = [run_edgekd("setup", "--remove", "my-phone", "cortex-m4").stdout for _ in range(2)]
    assert said == [
        "my-phone: removed\ncortex-m4: nothing was built for it\n",
        "my-phone: nothing was built for it\ncortex-m4: nothing was built for it\n",
    ]
    assert find_sysroot("litert", "cortex-a76") is None
    assert not list(own.glob("roots/litert-cortex-a76-*"))
    row = next(row for row in run_edgekd("doctor").stdout.splitlines() if "my-phone " in row)
    assert "not ready" in row


def test_a_phone_without_its_programs_says_how_to_get_them(phones: None, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['edgekd', 'setup', 'my-phone', 'my-cable', 'my-dream']; "
        "from edgekd.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "my-phone: not set up: qemu-aarch64: apt-get install qemu-user" in result.stderr
    assert "my-phone: not set up: gcc: apt-get install gcc libc6-dev" in result.stderr
    assert "my-phone: not set up: the ARM64 sysroot: edgekd setup my-phone" in result.stderr
    assert "my-cable: not set up: the program adb: apt-get install adb" in result.stderr
    assert "my-dream: not set up: a core" in result.stderr
    assert "QEMU 7.2" in result.stderr


def _link(source: str, target: str) -> None:
    os.link(source, target, follow_symlinks=False)
