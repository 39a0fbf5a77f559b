"""Seconds until a light command has answered: the median of ten, beside an empty Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = (("-c", "pass"), *(("-m", "edgekd", c) for c in ("--help", "targets", "doctor")))
REPEATS = 10


def seconds(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    for command in COMMANDS:
        print(f"{statistics.median(seconds(command) for _ in range(REPEATS)):.3f} s", *command)
