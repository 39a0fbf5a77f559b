"""Wall-clock seconds of a whole run in an empty folder, of a second run, and of each part."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from edgekd.pipeline.manifest import read_manifest


def seconds(recipe: str, folder: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "edgekd", "run", recipe, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main(recipe: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        print(f"first run  {seconds(recipe, folder):8.1f} s")
        print(f"second run {seconds(recipe, folder):8.1f} s")
        parts: dict[str, list[float]] = defaultdict(list)
        for name, record in read_manifest(folder).stages.items():
            parts["/".join(name.split("/")[:2])].append(record.seconds)
        for part, times in sorted(parts.items()):
            print(f"{part:32} {len(times):3} stages {sum(times):8.1f} s")


if __name__ == "__main__":
    main(sys.argv[1])
