"""Digits as edgekd exports them: a small run, whose accuracy does not matter."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from filelock import FileLock

from tests.conftest import ONE_JOB, ROOT, run_edgekd


@cache
def exported_digits() -> Path:
    """The folder of a finished ``edgekd export digits``, float32 and int8.

    It stays in ``.cache/`` between test sessions: the run itself redoes what has changed, by
    content.
    """
    folder = ROOT / ".cache" / "tests" / "android-digits"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run in two processes; the second one finds all done.
    with FileLock(folder.with_suffix(".lock")):
        result = run_edgekd(
            *("export", "digits", "--out", folder),
            *("--targets", "host-onnx,host-executorch,host-litert"),
            *("--set", "teacher.steps=100", "--set", "distill.steps=100"),
            *("--set", "distill.learning_rates=[0.03]", "--set", "seeds=[0]"),
            *("--set", "augmentation.views=2", "--set", "compress.precisions=[int8]", *ONE_JOB),
        )
    assert result.returncode == 0, result.stderr
    return folder
