"""What many tests need: the command line as a user runs it, and one finished run on digits."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from tests.android.closing import register

ROOT = Path(__file__).resolve().parent.parent
# The reference models of MLPerf Tiny, which no package carries; tests that need them skip without.
MLPERF_TINY = ROOT.parent / "shared" / "data" / "mlperf_tiny"
# Each worker process of a run imports torch anew, and the suite keeps every core busy by itself.
ONE_JOB = ("--jobs", "1")


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
        *("--set", "augmentation.views=2", *ONE_JOB, *more),
    )


# What takes longest, that first: two processes that take whole files then end together.
LONGEST = (
    *("pipeline/test_run.py", "pipeline/search/test_sweep.py", "pipeline/test_teachers.py"),
    *("export/c/test_emulated.py", "devices/arm64/test_device.py", "pipeline/test_prune.py"),
    *("models/test_zoo.py", "devices/microcontroller/test_serial.py", "devices/test_host.py"),
    *("pipeline/test_foreign.py", "pipeline/test_microcontrollers.py", "cli/test_errors.py"),
    *("devices/adb/test_bench.py", "devices/adb/test_device.py", "export/test_executorch.py"),
    *("export/test_coreml.py", "compress/test_pruned_networks.py", "test_wheel.py"),
    *("export/test_executorch_vulkan.py", "report/test_browser.py", "pipeline/test_keywords.py"),
    *("pipeline/test_phones.py", "pipeline/test_language.py", "pipeline/test_texts.py"),
    *("language/test_training.py", "language/export/test_executorch.py"),
    *("language/export/test_optimum_executorch.py", "pipeline/test_foreign_language.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See ``--no-loadscope-reorder`` in pyproject.toml, which keeps this order."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


class Collector:
    """Keeps Python's cyclic collector away from what imports left, which stays until the end.

    Exporters make garbage and collect it themselves, through torch's and their own modules each
    time: a third of their time here.
    """

    _MANY_MODULES = 200

    def __init__(self) -> None:
        self._modules = 0

    def pytest_runtest_setup(self) -> None:
        if len(sys.modules) > self._modules + self._MANY_MODULES:
            self._modules = len(sys.modules)
            gc.collect()
            gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    # Python's own limit is 700 new objects; a traced network makes millions.
    gc.set_threshold(100_000, 20, 50)
    config.pluginmanager.register(Collector())
    register(config)


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
