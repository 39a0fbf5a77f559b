"""The change of a cost between two reports: instructions, bytes, milliseconds.

Changes are logarithms of ratios, so that they mean the same for every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np
import numpy.typing as npt

from edgekd.measure.comparison import Change, Part
from edgekd.measure.statistics import CONFIDENCE, Interval

# Consecutive stretches of a latency run. What changes slowly (clocks, heat, neighbours) differs
# from stretch to stretch, so that their spread holds it, and single samples' does not.
STRETCHES = 10
# Standard deviation of a count of one training, relative: ten times what three seeds of digits
# showed on emulated Cortex-M4 and M55 (1 instruction of 46,505; 5 estimated cycles of 71,842).
COUNT_SPREAD = 0.001
# Likewise of a size, beside that: half of a section's usual alignment (4 bytes of 6,420 were seen).
SIZE_SPREAD_BYTES = 8
# Files from which the spread of one run to the next may be taken.
FEWEST_UNCHANGED = 3


def same_weights_change(before: Sequence[int], after: Sequence[int]) -> Change:
    """Counts of the same weights, one for each input; they are exact.

    Inputs are paired where there are as many on both sides. Where all moved alike, or there is one,
    or all of either side count the same, the change is exact; else its interval covers the inputs.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    estimate = _log_ratio(float(old.mean()), float(new.mean()))
    paired = old.size == new.size
    varies = np.ptp(new - old) if paired else max(np.ptp(old), np.ptp(new))
    if varies == 0:
        return Change(estimate, (), "exact: the weights are the same")
    if not paired:
        inputs = _spread_of_inputs([old, new])
        each = inputs.variance * (1 / old.size + 1 / new.size)
        covers = "inputs, of which there are others; the weights are the same"
        return Change(estimate, (Part(each, inputs.freedom),), covers)
    moved = (new - old) / old.mean()
    variance = float(moved.var(ddof=1)) / moved.size
    return Change(
        estimate, (Part(variance, moved.size - 1),), "inputs, paired; the weights are the same"
    )


def retrained_change(before: Sequence[int], after: Sequence[int], spread: float) -> Change:
    """Counts of two trainings of one architecture.

    Each count is exact, but another training would have given another: by ``spread``, and, where
    the work depends on the data, as much as another input does. So either side is one draw with the
    variance of both, however many inputs were counted.

    Args:
        before: counts of the baseline, one for each input.
        after: likewise of the candidate.
        spread: standard deviation of one training, relative.
    """
    sides = [np.asarray(counts, np.float64) for counts in (before, after)]
    estimate = _log_ratio(float(sides[0].mean()), float(sides[1].mean()))
    training = Part(2 * spread**2)
    if not any(np.ptp(side) for side in sides):
        return Change(estimate, (training,), "trainings by the spread of other recipes")
    one = _spread_of_inputs(sides)
    inputs = Part(2 * one.variance, one.freedom)
    return Change(estimate, (training, inputs), "inputs; trainings by the spread of other recipes")


def stretch_medians(samples: npt.NDArray[np.float64]) -> list[float]:
    """Medians of ten consecutive stretches of a latency run (fewer where there are few samples)."""
    count = min(STRETCHES, samples.size)
    return [float(np.median(part)) for part in np.array_split(samples, count)]


def latency_interval(stretches: Sequence[float]) -> Interval | None:
    """95 % interval of a run's median by the spread of its stretches; ``None``: too few of them.

    It covers what changed within the run, and not how far another run would have been from it.
    """
    if len(stretches) < 2:
        return None
    logs = np.log(stretches)
    part = Part(float(logs.var(ddof=1)) / logs.size, logs.size - 1)
    low, high = Change(float(np.median(logs)), (part,), "").interval(1 - CONFIDENCE)
    return exp(low), exp(high)


def latency_change(
    before: Sequence[float], after: Sequence[float], unchanged: Sequence[float]
) -> Change | None:
    """Median latency; ``None`` where it is not known how much one run differs from the next.

    Two runs of one file differ by far more than the samples of either say: by placement in memory,
    clocks and neighbours. That spread is taken from the files that did not change between the
    reports. A device that got slower as a whole is thus not told from a busy one; a file that falls
    out of line is.

    Args:
        before: :func:`stretch_medians` of the baseline, two or more.
        after: likewise of the candidate.
        unchanged: logarithms of after over before of other files, which are the same on both sides.
    """
    if len(unchanged) < FEWEST_UNCHANGED or min(len(before), len(after)) < 2:
        return None
    logs = [np.log(side) for side in (before, after)]
    parts = [Part(float(side.var(ddof=1)) / side.size, side.size - 1) for side in logs]
    parts.append(Part(float(np.square(unchanged).mean()), len(unchanged)))
    return Change(
        float(np.median(logs[1]) - np.median(logs[0])),
        tuple(parts),
        f"stretches of each run, and runs by {len(unchanged)} files that did not change",
    )


def _spread_of_inputs(sides: Sequence[npt.NDArray[np.float64]]) -> Part:
    """Variance of the count of one input, relative, pooled over both sides."""
    freedom = sum(side.size - 1 for side in sides)
    squares = sum(float(np.square(side / side.mean() - 1).sum()) for side in sides)
    return Part(squares / freedom, freedom)


def _log_ratio(before: float, after: float) -> float:
    return log(after / before)
