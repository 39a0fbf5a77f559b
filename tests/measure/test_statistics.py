"""Intervals against closed forms, their bounds, and their coverage in simulation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from edgekd.errors import RunFailed
from edgekd.measure.statistics import (
    latency_summary,
    paired_gain,
    seed_accuracy,
    wilson_interval,
)

outcomes = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def _draw(
    generator: np.random.Generator, seeds: int, samples: int, hardness: float, luck: float
) -> npt.NDArray[np.bool_]:
    """Right or wrong by the difficulty of the sample and the luck of the seed; mean 0.8."""
    difficulty = generator.uniform(-hardness, hardness, (1, samples))
    fortune = np.clip(generator.normal(0, luck, (seeds, 1)), -0.15, 0.15)
    chance = 0.8 + difficulty + fortune
    return np.asarray(generator.random((seeds, samples)) < chance)


def test_wilson_has_the_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(n=st.integers(1, 100_000), data=st.data())
def test_wilson_holds_its_estimate_and_is_symmetric(n: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, n))
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    assert low < high
    mirrored = wilson_interval(n - correct, n)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-12)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(correct: int, n: int) -> None:
    with pytest.raises(RunFailed, match="not a proportion"):
        wilson_interval(correct, n)


@given(outcomes)
def test_accuracy_lies_inside_its_interval(correct: npt.NDArray[np.bool_]) -> None:
    mean, (low, high), per_seed = seed_accuracy(correct)
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1
    assert low < high
    assert mean == pytest.approx(np.mean(per_seed))
    assert len(per_seed) == correct.shape[0]


def test_one_seed_is_wilson() -> None:
    correct = np.arange(50)[None] < 40
    assert seed_accuracy(correct) == (0.8, wilson_interval(40, 50), [0.8])


def test_a_perfect_score_keeps_an_interval() -> None:
    mean, interval, _ = seed_accuracy(np.ones((3, 40), np.bool_))
    assert mean == 1
    assert interval == wilson_interval(40, 40)


def test_seeds_without_sample_variance_give_students_t() -> None:
    # Every sample is right in two of four seeds, so only the seeds vary.
    correct = np.zeros((4, 6), np.bool_)
    correct[:, ::2] = [[True], [True], [True], [False]]
    correct[:, 1::2] = [[True], [True], [False], [True]]
    per_seed = correct.mean(axis=1)
    mean, (low, high), _ = seed_accuracy(correct)
    expected = stats.t.interval(0.95, 3, loc=per_seed.mean(), scale=stats.sem(per_seed))
    assert mean == 0.75
    assert (low, high) == pytest.approx(np.clip(expected, 0, 1))


def test_both_parts_give_welch_satterthwaite() -> None:
    correct = np.random.default_rng(3).random((3, 80)) < 0.6
    first = correct.mean(axis=1)
    second = correct.mean(axis=0)
    # Welch's test uses the same standard error and degrees of freedom for two independent means.
    result = stats.ttest_ind(first, 1 - second, equal_var=False).confidence_interval(0.95)
    _, (low, high), _ = seed_accuracy(correct)
    assert high - low == pytest.approx(result.high - result.low)


def _coverage(seeds: int, samples: int, hardness: float, luck: float) -> float:
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(1000):
        _, (low, high), _ = seed_accuracy(_draw(generator, seeds, samples, hardness, luck))
        hits += low <= 0.8 <= high
    return hits / 1000


@pytest.mark.parametrize(
    ("seeds", "samples", "hardness", "luck"),
    [(3, 300, 0.2, 0.0), (3, 300, 0.2, 0.02), (5, 100, 0.05, 0.02), (5, 100, 0.05, 0.06)],
)
def test_accuracy_interval_covers_the_truth(
    seeds: int, samples: int, hardness: float, luck: float
) -> None:
    assert _coverage(seeds, samples, hardness, luck) >= 0.93


def test_one_seed_covers_the_truth() -> None:
    assert 0.93 <= _coverage(1, 200, 0.05, 0.0) <= 0.97


def test_three_seeds_that_differ_much_are_covered_a_little_less() -> None:
    # The documented weak side of Welch-Satterthwaite at two degrees of freedom.
    assert 0.90 <= _coverage(3, 300, 0.05, 0.06) <= 0.96


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_gain_interval_covers_the_truth(seeds: int) -> None:
    generator = np.random.default_rng(9)
    hits = 0
    for _ in range(600):
        difficulty = generator.uniform(-0.2, 0.2, (1, 250))
        luck = generator.uniform(-0.05, 0.05, (seeds, 1)) * (seeds > 1)
        treated = generator.random((seeds, 250)) < 0.78 + difficulty + luck
        control = generator.random((seeds, 250)) < 0.72 + difficulty - luck
        _, (low, high) = paired_gain(treated, control)
        hits += low <= 0.06 <= high
    assert hits / 600 >= 0.92


def test_pairing_by_sample_narrows_the_interval() -> None:
    generator = np.random.default_rng(11)
    hard = generator.random((1, 400)) < 0.3
    control = np.repeat(~hard, 3, axis=0)
    treated = control | (generator.random((3, 400)) < 0.1)
    _, (low, high) = paired_gain(treated, control)
    shuffled = generator.permuted(control, axis=1)
    _, (loose_low, loose_high) = paired_gain(treated, shuffled)
    assert low > 0
    assert high - low < 0.5 * (loose_high - loose_low)


def test_one_seed_is_the_paired_t_interval() -> None:
    generator = np.random.default_rng(12)
    treated, control = generator.random((2, 1, 60)) < 0.7
    gain, interval = paired_gain(treated, control)
    expected = stats.ttest_rel(treated[0].astype(float), control[0].astype(float))
    assert gain == pytest.approx(treated.mean() - control.mean())
    assert interval == pytest.approx(tuple(expected.confidence_interval(0.95)))


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 12)).flatmap(
        lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
    )
)
def test_gain_is_bounded_and_antisymmetric(
    arms: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
) -> None:
    gain, (low, high) = paired_gain(*arms)
    assert -1 <= low <= gain + 1e-12
    assert gain - 1e-12 <= high <= 1
    assert low < high
    back, (back_low, back_high) = paired_gain(arms[1], arms[0])
    assert (back, back_low, back_high) == pytest.approx((-gain, -high, -low))


def test_arms_must_pair() -> None:
    with pytest.raises(RunFailed, match="cannot be paired"):
        paired_gain(np.ones((3, 5), np.bool_), np.ones((2, 5), np.bool_))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (4,)])
def test_no_outcomes_give_no_accuracy(shape: tuple[int, ...]) -> None:
    with pytest.raises(RunFailed, match="give no accuracy"):
        seed_accuracy(np.ones(shape, np.bool_))


@pytest.mark.parametrize(("n", "has_p90", "has_p99"), [(99, 0, 0), (100, 1, 0), (1000, 1, 1)])
def test_percentiles_need_samples(n: int, has_p90: int, has_p99: int) -> None:
    summary = latency_summary(np.arange(n, dtype=np.float64), warmup=5, threads=2)
    assert summary.p50 == (n - 1) / 2
    assert (summary.p90 is not None, summary.p99 is not None) == (bool(has_p90), bool(has_p99))
    assert (summary.n, summary.warmup, summary.threads) == (n, 5, 2)


def test_percentiles_are_ordered() -> None:
    summary = latency_summary(np.random.default_rng(0).exponential(size=2000), 0, 1)
    assert summary.p90 is not None
    assert summary.p99 is not None
    assert summary.p50 < summary.p90 < summary.p99


@pytest.mark.parametrize("samples", [[], [1.0, np.nan], [1.0, np.inf], [-1.0]])
def test_latency_refuses_what_no_clock_gives(samples: list[float]) -> None:
    with pytest.raises(RunFailed, match="latency"):
        latency_summary(np.array(samples, np.float64), 0, 1)
