"""Instructions, cycles, bytes and milliseconds of two reports in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import numpy as np

from edgekd.measure.comparison import Change
from edgekd.measure.comparison_cost import (
    COUNT_SPREAD,
    SIZE_SPREAD_BYTES,
    latency_change,
    latency_interval,
    retrained_change,
    same_weights_change,
)
from edgekd.pipeline.comparison.evidence import cell_name
from edgekd.pipeline.comparison.sides import Pending, Sides
from edgekd.records import Measurement
from edgekd.records.comparison import ComparedFigure

# Sizes that are linked, planned or painted: exact for given weights.
_EXACT_SIZES = ("model_bytes", "flash_bytes", "arena_bytes", "stack_bytes")
# Of these, what is padded to its sections' alignment.
_ALIGNED = ("model_bytes", "flash_bytes", "ram_bytes")
_RESIDENT = ("ram_bytes", "peak_rss_bytes")
_ONE_READING = "one reading on each side has no interval"


def cost_figures(
    sides: Sides, before: Measurement, after: Measurement, reason: str
) -> Iterator[Pending]:
    """Instructions, cycles and bytes.

    Args:
        sides: both reports.
        before: the baseline's.
        after: the candidate's.
        reason: why what it costs to run cannot be judged; empty where it can.
    """
    same = sides.same_exported(before, after)
    for name in ("instructions", "cycles", *_EXACT_SIZES, *_RESIDENT):
        old, new = (_count(found, name) for found in (before, after))
        if old is None or new is None:
            continue
        # The size of a file holds, whatever happened when it was run.
        why = "" if name == "model_bytes" else reason
        if name in _RESIDENT and (before.format != "c" or name == "peak_rss_bytes"):
            why = why or _ONE_READING
        if not why and old != new and min(old, new) == 0:
            why = "there is no ratio to nothing"
        counts = [_counts(found, name) for found in (before, after)]
        spread = COUNT_SPREAD
        if name in _ALIGNED and min(old, new) > 0:
            spread = float(np.hypot(spread, SIZE_SPREAD_BYTES / min(old, new)))
        change = None
        if not why and old == new == 0:
            change = Change(0.0, (), "exact")
        elif not why and same:
            change = same_weights_change(counts[0], counts[1])
        elif not why:
            change = retrained_change(counts[0], counts[1], spread)
        yield Pending(_cost(before, name, old, new, why), change, gain=False)


def latency_figures(
    sides: Sides, before: Measurement, after: Measurement, unchanged: list[float], reason: str
) -> Iterator[Pending]:
    """Milliseconds: the median is judged, the percentiles stand beside it.

    Args:
        sides: both reports.
        before: the baseline's.
        after: the candidate's.
        unchanged: as of :func:`edgekd.measure.comparison_cost.latency_change`.
        reason: why it cannot be judged; empty where it can.
    """
    old, new = before.latency_ms, after.latency_ms
    if old is None or new is None:
        return
    runs = [
        side.stretches.get(cell_name(found), [])
        for side, found in ((sides.before, before), (sides.after, after))
    ]
    change = None
    if not reason and not all(runs):
        reason = "the samples of a run are not there"
    if not reason:
        change = latency_change(runs[0], runs[1], unchanged)
        reason = "" if change else "how far one run is from the next is not known: too few files"
        reason += "" if change else " are the same in both reports"
    figure = _cost(before, "p50", old.p50, new.p50, reason)
    intervals = [latency_interval(run) for run in runs]
    shown = {"before_ci95": intervals[0], "after_ci95": intervals[1]}
    yield Pending(figure.model_copy(update=shown), change, gain=False)
    for name in ("p90", "p99"):
        low, high = getattr(old, name), getattr(new, name)
        if low and high:
            yield Pending(_cost(before, name, low, high, "shown only"), None, gain=False)


def latency_ratio(before: Measurement, after: Measurement) -> float | None:
    """Logarithm of after over before of the medians; ``None`` where one is invalid or missing."""
    if not before.valid or not after.valid:
        return None
    if before.latency_ms is None or after.latency_ms is None:
        return None
    return log(after.latency_ms.p50 / before.latency_ms.p50)


def _cost(found: Measurement, name: str, old: float, new: float, reason: str) -> ComparedFigure:
    return ComparedFigure(
        rung=found.rung,
        target=found.target,
        kind=found.kind,
        figure=name,
        before=old,
        after=new,
        change=new / old - 1 if old else float(new > 0),
        verdict="not judged",
        reason=reason or None,
    )


def _count(found: Measurement, name: str) -> int | None:
    value = getattr(found if name in ("instructions", "cycles") else found.memory, name)
    return None if value is None else int(value)


def _counts(found: Measurement, name: str) -> list[int]:
    value = _count(found, name)
    single = [] if value is None else [value]
    return found.instruction_counts or single if name == "instructions" else single
