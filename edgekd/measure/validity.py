"""Whether a latency run may be reported: why not, in words a report can print.

Each bound is loose enough for a quiet machine to pass at the first try, and each names a fault
that would move the median by more than the differences a ladder is read for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ENOUGH_SAMPLES = 1000
ENOUGH_SECONDS = 10.0
# From six samples on, the smallest and the largest hold the median with 95 % confidence
# (1 - 2 * 0.5^6 = 0.97), whatever the distribution.
FEWEST_SAMPLES = 6
# Below this a third has too few samples for its median to say anything about drift.
FEWEST_SAMPLES_FOR_DRIFT = 30
# Frequency scaling and throttling show as a trend; a steady run stays within a few per cent.
LARGEST_DRIFT = 1.25
# A benchmark loop computes all the time: what is missing of a core was given to somebody else.
SMALLEST_CPU_SHARE = 0.8
# Work of other threads in a run that claims to use one.
LARGEST_HELPER_SHARE = 0.05


@dataclass(frozen=True)
class Clocks:
    """What the clocks said about one latency run, in seconds.

    Attributes:
        wall: elapsed time of the whole timed loop.
        process: CPU time of all threads of the process in that time.
        main_thread: CPU time of the thread that called the runtime.
    """

    wall: float
    process: float
    main_thread: float


def check_latency(
    samples_ms: npt.NDArray[np.float64], clocks: Clocks | None = None, threads: int = 1
) -> list[str]:
    """Reasons why a latency run is invalid; empty: it may be reported.

    Args:
        samples_ms: ``[n]`` milliseconds in the order they were taken, warm-up dropped.
        clocks: of the timed loop; ``None`` where a device gives none (load is then not checked).
        threads: what the run claims to use.
    """
    checks = [_too_few(samples_ms, clocks), _drift(samples_ms)]
    if clocks is not None and clocks.wall > 0:
        checks += [_starved(clocks), _helped(clocks, threads)]
    return [reason for reason in checks if reason]


def _too_few(samples_ms: npt.NDArray[np.float64], clocks: Clocks | None) -> str:
    n = samples_ms.size
    seconds = clocks.wall if clocks else float(samples_ms.sum()) / 1000
    if n >= ENOUGH_SAMPLES or (n >= FEWEST_SAMPLES and seconds >= ENOUGH_SECONDS):
        return ""
    return (
        f"too few samples: {n} in {seconds:.1f} s "
        f"(needed: {ENOUGH_SAMPLES}, or {ENOUGH_SECONDS:.0f} s with at least {FEWEST_SAMPLES})"
    )


def _drift(samples_ms: npt.NDArray[np.float64]) -> str:
    third = samples_ms.size // 3
    if samples_ms.size < FEWEST_SAMPLES_FOR_DRIFT:
        return ""
    first = float(np.median(samples_ms[:third]))
    last = float(np.median(samples_ms[-third:]))
    if max(first, last) <= LARGEST_DRIFT * min(first, last):
        return ""
    return f"drift: median {first:.4g} ms in the first third, {last:.4g} ms in the last"


def _starved(clocks: Clocks) -> str:
    share = clocks.process / clocks.wall
    if share >= SMALLEST_CPU_SHARE:
        return ""
    return f"other load on the machine: the run got {share:.0%} of a core"


def _helped(clocks: Clocks, threads: int) -> str:
    if threads != 1 or clocks.process <= 0:
        return ""
    share = (clocks.process - clocks.main_thread) / clocks.process
    if share <= LARGEST_HELPER_SHARE:
        return ""
    return f"more than one thread: {share:.0%} of the CPU time was spent in others"
