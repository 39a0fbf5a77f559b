"""Instructions, bytes and milliseconds: what is exact, what is noise, what is found."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from edgekd.measure.comparison import Change, joint_level
from edgekd.measure.comparison_cost import (
    COUNT_SPREAD,
    latency_change,
    latency_interval,
    retrained_change,
    same_weights_change,
    stretch_medians,
)

FIGURES = 60


def worse(change: Change, others: int = FIGURES - 1) -> bool:
    """Whether a cost is found to have grown, beside others that did not."""
    return change.interval(joint_level([change.p_value(), *[1.0] * others]))[0] > 0


@pytest.mark.parametrize(
    ("before", "after", "grew"),
    [
        ([1000], [1000], False),
        ([1000], [1001], True),
        ([1000], [999], False),
        ([1000, 1100], [1001, 1101], True),
        ([1000, 1100, 1050], [1001, 1099, 1050], False),
        ([46505] * 4, [46505] * 3, False),
        ([46505] * 4, [46506] * 3, True),
    ],
)
def test_counts_of_the_same_weights_are_exact(
    before: list[int], after: list[int], grew: bool
) -> None:
    assert worse(same_weights_change(before, after)) == grew


@pytest.mark.parametrize("base", [10_000, 715_117, 29_864_619])
def test_one_per_cent_is_found_with_the_same_weights(base: int) -> None:
    draw = np.random.default_rng(base)
    before = [int(base + count) for count in draw.integers(0, base // 500, 8)]
    after = [round(count * 1.01) for count in before]
    assert worse(same_weights_change(before, after))
    assert not worse(same_weights_change(after, before))


def test_other_inputs_of_the_same_weights_do_not_fire_and_one_per_cent_does() -> None:
    draw = np.random.default_rng(0)
    counts = [700_000 + round(count) for count in draw.normal(0, 1000, 24)]
    assert not worse(same_weights_change(counts[:8], counts[8:]))
    assert not worse(same_weights_change(counts[8:], counts[:8]))
    grown = [round(count * 1.01) for count in counts[8:]]
    assert worse(same_weights_change(counts[:8], grown))
    assert same_weights_change([700_000], [700_100] * 3).exact


def two_trainings(draw: np.random.Generator, regression: float) -> Change:
    """Counts as three seeds of digits had them at most, and as data-dependent kernels add."""
    sides = [
        [round(700_000 * (1 + level) * (1 + draw.normal(0, 0.0002)) * factor) for _ in range(8)]
        for level, factor in zip(draw.normal(0, 0.0003, 2), (1, 1 + regression), strict=True)
    ]
    return retrained_change(sides[0], sides[1], COUNT_SPREAD)


def test_two_trainings_do_not_fire_and_one_per_cent_does() -> None:
    draw = np.random.default_rng(2)
    assert sum(worse(two_trainings(draw, 0.0)) for _ in range(300)) == 0
    assert sum(worse(two_trainings(draw, 0.01)) for _ in range(300)) >= 297


def test_inputs_that_differ_widely_widen_the_interval() -> None:
    steady = retrained_change([1000] * 8, [1010] * 8, COUNT_SPREAD)
    varied = retrained_change([900, 1000, 1100], [910, 1010, 1110], COUNT_SPREAD)
    assert worse(steady)
    assert not worse(varied)
    assert "inputs" in varied.covers


def run_of(draw: np.random.Generator, level: float) -> list[float]:
    """A latency run with a slow wave of 2 % and noise of 10 %."""
    wave = 0.02 * np.sin(np.linspace(0, 6, 2000) + draw.uniform(0, 6))
    return stretch_medians(np.exp(log(level) + wave + draw.normal(0, 0.1, 2000)))


def test_runs_that_differ_as_unchanged_files_do_are_no_regression() -> None:
    draw = np.random.default_rng(3)
    alarms = found = 0
    for _ in range(300):
        shifts = draw.normal(0, 0.03, 9)
        unchanged = [float(shift) for shift in shifts[1:]]
        before, slower = run_of(draw, 2.0), 2.0 * exp(shifts[0])
        same = latency_change(before, run_of(draw, slower), unchanged)
        doubled = latency_change(before, run_of(draw, 2 * slower), unchanged)
        assert same is not None
        assert doubled is not None
        alarms += worse(same, others=9)
        found += worse(doubled, others=9)
    assert alarms <= 9
    assert found == 300


def test_without_unchanged_files_latency_is_not_judged() -> None:
    runs = [1.0, 1.1, 1.0], [2.0, 2.1, 2.0]
    assert latency_change(*runs, unchanged=[0.01, 0.02]) is None
    assert latency_change([1.0], runs[1], unchanged=[0.01] * 5) is None


def test_the_interval_of_a_run_holds_its_median() -> None:
    stretches = run_of(np.random.default_rng(4), 3.0)
    interval = latency_interval(stretches)
    assert len(stretches) == 10
    assert interval is not None
    assert interval[0] < 3.0 < interval[1] < 3.3
    assert latency_interval([3.0]) is None
    assert stretch_medians(np.array([1.0, 2.0])) == [1.0, 2.0]
