"""What is missing on a machine, and getting it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, run_edgekd


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
