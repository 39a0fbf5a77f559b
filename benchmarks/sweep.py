"""What a sweep of 16 (temperature, alpha) points costs, in trainings of one student.

    python benchmarks/sweep.py

The mnist recipe, one seed, one learning rate. Seconds of work in all worker processes, from the run
folder's manifest: of everything, and of everything but the teacher's own training, as for a teacher
whose weights are there already.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from edgekd.pipeline.manifest import read_manifest

OVER = ("distill.temperature=1,2,4,8", "distill.alpha=0,0.1,0.5,0.9")
POINTS = 16


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        command = (
            *(sys.executable, "-m", "edgekd", "sweep", "mnist", "--seed", "0"),
            *("--out", str(folder), "--set", "distill.learning_rates=[0.02]", "--over", *OVER),
        )
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = {name: record.seconds for name, record in read_manifest(folder).stages.items()}
    trainings = [spent for name, spent in seconds.items() if "tuning/distilled/rate" in name]
    assert len(trainings) == POINTS
    whole, students = sum(seconds.values()), sum(trainings)
    trained_before = whole - seconds["teacher/network"]
    control = seconds["tuning/scratch/rate-0.02"]
    print(f"16 trainings of the student      {students:7.1f} s")
    print(f"teacher: training                {seconds['teacher/network']:7.1f} s")
    print(f"teacher: answers about all views {seconds['teacher/outputs']:7.1f} s")
    print(f"control: one more training       {control:7.1f} s")
    print(
        f"sweep, teacher trained before    {trained_before:7.1f} s  {trained_before / students:.3f}"
    )
    print(f"sweep, teacher trained in it     {whole:7.1f} s  {whole / students:.3f}")


if __name__ == "__main__":
    main()
