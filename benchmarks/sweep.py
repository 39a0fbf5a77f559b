"""What a sweep of 16 (temperature, alpha) points costs, in trainings of one student.

    python benchmarks/sweep.py

The mnist recipe, one seed, one learning rate. Once with a teacher that is trained within the sweep,
once with its weights given, as for a teacher from elsewhere. Seconds of work in all worker
processes, from the run folder's manifest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from edgekd.pipeline.manifest import read_manifest

OVER = ("distill.temperature=1,2,4,8", "distill.alpha=0,0.1,0.5,0.9")
POINTS = 16


def sweep(folder: Path, *more: str) -> None:
    command = (
        *(sys.executable, "-m", "edgekd", "sweep", "mnist", "--seed", "0", "--out", str(folder)),
        *("--set", "distill.learning_rates=[0.02]", *more, "--over", *OVER),
    )
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def report(title: str, folder: Path) -> None:
    stages = read_manifest(folder).stages
    trainings = [
        record.seconds for name, record in stages.items() if "tuning/distilled/rate" in name
    ]
    assert len(trainings) == POINTS
    everything = sum(record.seconds for record in stages.values())
    teacher = sum(record.seconds for name, record in stages.items() if name.startswith("teacher"))
    print(
        f"{title:28} {everything:7.1f} s, of which teacher {teacher:6.1f} s;"
        f" 16 trainings {sum(trainings):7.1f} s; ratio {everything / sum(trainings):.3f}"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        sweep(first)
        weights = Path(scratch) / "teacher.safetensors"
        shutil.copy(first / "teacher/network/weights.safetensors", weights)
        sweep(second, "--set", f"teacher.weights={weights}")
        report("teacher trained in the sweep", first)
        report("teacher's weights given", second)


if __name__ == "__main__":
    main()
