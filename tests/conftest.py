"""What many tests need: the command line as a user runs it, and one finished run on digits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
# The reference models of MLPerf Tiny, which no package carries; tests that need them skip without.
MLPERF_TINY = ROOT.parent / "shared" / "data" / "mlperf_tiny"


def run_edgekd(
    *arguments: str | Path, cwd: Path | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run ``edgekd`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "edgekd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd or ROOT,
        check=False,
    )


def small_run(out: Path, *more: str) -> Sequence[str | Path]:
    """Arguments of the smallest whole distillation on digits: seconds, not accuracy."""
    return (
        *("distill", "digits", "--out", out),
        *("--set", "teacher.steps=20", "--set", "distill.steps=20"),
        *("--set", "distill.learning_rates=[0.01]", "--set", "seeds=[0]"),
        *("--set", "augmentation.views=2", *more),
    )


@pytest.fixture(scope="session")
def digits_run() -> Path:
    """A finished ``edgekd run digits``.

    It stays in ``.cache/`` between test sessions: the run itself redoes what has changed, by
    content, which is what is under test too.
    """
    folder = ROOT / ".cache" / "tests" / "digits"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run in two processes; the second one finds all done.
    with FileLock(folder.with_suffix(".lock")):
        result = run_edgekd("run", "digits", "--out", folder, timeout=1500)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
