"""Every fault at every kind of step of ``edgekd bench`` on a phone's stand-in: what does not end as
it must. ``--part 1/2`` takes every second case, so that two can run side by side."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.devices.adb.fault_matrix import (
    APP_FAULTS,
    TROUBLES,
    check_app_fault,
    check_trouble,
    has_middle,
    record_spots,
)
from tests.devices.adb.peer.server import private_server

# Parity, two repetitions and memory.
_STARTS = 4


def cases(folder: Path, *, every: bool) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """What it is called, and what checks it in a folder of its own."""
    for start in range(_STARTS):
        for name, fault in APP_FAULTS.items():
            yield f"{name} in start {start}", partial(check_app_fault, fault=fault, start=start)
    for spot in record_spots(folder / "recorded", every=every):
        for name, trouble in TROUBLES.items():
            if isinstance(trouble.when, int) and not has_middle(spot):
                continue
            label = f"{name} at {spot.kind[:110]} ({spot.nth})"
            yield label, partial(check_trouble, trouble=trouble, spot=spot)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="1/1", help="which of how many parts of the cases")
    parser.add_argument("--every", action="store_true", help="every step, not one of each kind")
    chosen = parser.parse_args()
    part, parts = map(int, chosen.part.split("/"))
    began, failed, done = time.perf_counter(), 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="phone-faults-") as name,
        private_server(Path(name)) as e,
    ):
        os.environ.update(e)
        folder = Path(name)
        for index, (label, check) in enumerate(cases(folder, every=chosen.every)):
            if index % parts != part - 1:
                continue
            done += 1
            try:
                check(folder / str(index))
            except Exception as error:
                failed += 1
                print(f"FAILED {label}: {type(error).__name__}: {str(error)[:1000]}", flush=True)
    print(f"{done} cases, {failed} failed, {time.perf_counter() - began:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
