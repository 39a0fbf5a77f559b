"""Sweeps and fits as real runs of the mnist recipe leave them."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Literal

from edgekd.records import Candidate, Fit, Lead, Precision, RungAccuracy, Sweep, SweepPoint

from .sample import TEST_SAMPLES, sample_report

TEMPERATURE, ALPHA, RATES = "distill.temperature", "distill.alpha", "distill.learning_rates"
STOPPED = 3
WON = "temperature 4, alpha 0.5 won by more than the noise: +1.55 points"
NOT_WON = "temperature 4 is best on validation data, but not by more than the noise: +0.40 points"
KIB = 1024


def accuracy(value: float, spread: float = 0.003, metric: str = "top-1") -> RungAccuracy:
    """Three seeds around a value."""
    return RungAccuracy(
        metric=metric,
        value=value,
        ci95=(value - 0.011, min(1.0, value + 0.011)),
        n=TEST_SAMPLES,
        per_seed=[value - spread, value, value + spread],
    )


def grid_sweep() -> Sweep:
    """Sixteen settings of temperature and alpha; one was stopped."""
    temperatures, alphas = [8, 1, 2, 4], [0, 0.1, 0.5, 0.9]
    points = []
    for index, (temperature, alpha) in enumerate(product(temperatures, alphas)):
        value = 0.97 - 0.012 * (math.log2(temperature) - 2) ** 2 - 0.05 * (alpha - 0.4) ** 2
        state = "stopped" if index == STOPPED else "finished"
        points.append(_point({TEMPERATURE: temperature, ALPHA: alpha}, value, state))
    return _sweep({TEMPERATURE: temperatures, ALPHA: alphas}, points)


def single_sweep() -> Sweep:
    """Four temperatures; every interval reaches the others'."""
    points = [_point({TEMPERATURE: t}, v) for t, v in ((1, 0.955), (2, 0.96), (4, 0.962), (8, 0.9))]
    return _sweep({TEMPERATURE: [1, 2, 4, 8]}, points)


def searched() -> Sweep:
    """Forty trials over a range of rates, a range of alphas and a choice; two were confirmed."""
    signals = ["soft targets", "decoupled, with a name that no panel has room for", None]
    own = _point({RATES: [0.01], ALPHA: 0.9, "distill.signal": "soft targets"}, 0.949)
    trials = []
    for trial in range(40):
        rate = 10 ** (-4 + 3 * ((trial * 0.618) % 1))
        alpha = (trial * 0.414) % 1
        value = 0.965 - 0.006 * (math.log10(rate) + 2.5) ** 2 - 0.03 * (alpha - 0.6) ** 2
        values = {RATES: rate, ALPHA: alpha, "distill.signal": signals[trial % 3]}
        trials.append(_point(values, value, "stopped" if trial % 5 == 4 else "trial"))
    # A rate with which nothing was learned.
    trials[0] = trials[0].model_copy(update={"validation": [0.1]})
    chosen = max((t for t in trials if t.state == "trial"), key=lambda t: t.validation)
    best = _point(chosen.values, chosen.validation[0] - 0.002)
    over = {RATES: "0.0001..0.1:log", ALPHA: "0..1", "distill.signal": signals}
    return _sweep(over, [best, own, *trials])


def fitted() -> Fit:
    """Three widths, whole and pruned, at two precisions; 24 channels at int8 are chosen."""
    candidates = [
        _candidate(64, 0.0, "fp32", None, ["ram: 196 KiB of 64.0 KiB", "flash: 432 KiB of 16 KiB"]),
        _candidate(24, 0.0, "int8", 0.968),
        _candidate(16, 0.0, "int8", 0.951),
        _candidate(24, 0.25, "int8", 0.957),
        _candidate(8, 0.0, "fp32", 0.921),
        _candidate(8, 0.0, "int8", None),
        _candidate(32, 0.0, "int8", None, ["flash: 27.0 KiB of 16.0 KiB"]),
    ]
    return Fit(
        recipe="mnist",
        seed=0,
        metric="top-1",
        environment=sample_report().environment,
        budget={"ram_bytes": 64 * KIB, "flash_bytes": 16 * KIB, "accuracy": 0.96},
        candidates=candidates,
        chosen=1,
        binding=None,
        why="the best student inside the budget is channels 24, depth 2, int8",
    )


def unfitted() -> Fit:
    """Nothing fits into the flash: no candidate was trained."""
    refused = [c for c in fitted().candidates if c.refused]
    why = "flash is what nothing fits into: the smallest candidate needs 27.0 KiB of 16.0 KiB"
    return fitted().model_copy(
        update={"candidates": refused, "chosen": None, "binding": "flash", "why": why}
    )


def _point(
    values: dict[str, Any],
    value: float,
    state: Literal["finished", "trial", "stopped"] = "finished",
) -> SweepPoint:
    finished = state == "finished"
    validation = [value + 0.002, value + 0.001, value + 0.003]
    return SweepPoint(
        values=values,
        state=state,
        validation=validation if finished else validation[:1],
        accuracy=accuracy(value) if finished else None,
        learning_rate=0.03 if finished else None,
    )


def _sweep(over: dict[str, Any], points: list[SweepPoint]) -> Sweep:
    finished = [i for i, point in enumerate(points) if point.state == "finished"]
    first, second = sorted(finished, key=lambda i: (-sum(points[i].validation), i))[:2]
    best, other = points[first].accuracy, points[second].accuracy
    assert best
    assert other
    gain = best.value - other.value
    return Sweep(
        recipe="mnist",
        seeds=[0, 1, 2],
        metric="top-1",
        over=over,
        environment=sample_report().environment,
        teacher=accuracy(0.989, 0.0),
        control=accuracy(0.928),
        points=points,
        best=first,
        lead=Lead(
            over=points[second].values,
            gain=gain,
            ci95=(gain - 0.005, gain + 0.005),
            beyond_noise=gain > 0.005,
        ),
        why=WON if gain > 0.005 else NOT_WON,
        teacher_seconds=41.2,
        student_seconds=812.5,
    )


def _candidate(
    channels: int,
    prune: float,
    precision: Precision,
    value: float | None,
    refused: list[str] | None = None,
) -> Candidate:
    parameters = round(27 * channels * channels * (1 - prune) ** 2)
    wide = 4 if precision == "fp32" else 1
    return Candidate(
        values={"student.channels": channels, "student.depth": 2},
        prune=prune,
        precision=precision,
        parameters=parameters,
        macs=parameters * 120,
        flash_bytes=parameters * wide,
        ram_bytes=channels * 28 * 28 * wide,
        refused=refused or [],
        validation=None if value is None else value + 0.002,
        accuracy=None if value is None else accuracy(value, 0.0),
    )
