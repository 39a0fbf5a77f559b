"""Changes, their intervals, and the level at which many are judged together."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm, ttest_ind

from edgekd.measure.comparison import Change, Part, joint_level

estimates = st.floats(-1, 1)
variances = st.floats(1e-8, 1)
freedoms = st.one_of(st.just(inf), st.floats(1, 100))
levels = st.floats(1e-4, 0.5)


@given(estimates, st.lists(st.tuples(variances, freedoms), min_size=1, max_size=3), levels)
def test_an_interval_leaves_out_zero_where_the_p_value_says_so(
    estimate: float, parts: list[tuple[float, float]], level: float
) -> None:
    change = Change(estimate, tuple(Part(*part) for part in parts), "")
    low, high = change.interval(level)
    assert low <= estimate <= high
    if abs(change.p_value() - level) > 1e-9:
        assert (low > 0 or high < 0) == (change.p_value() < level)


def test_it_is_welchs_test_on_two_groups_and_the_normal_one_on_known_variances() -> None:
    draw = np.random.default_rng(0)
    old, new = draw.normal(0, 1, 5), draw.normal(1, 3, 9)
    parts = tuple(Part(float(x.var(ddof=1)) / x.size, x.size - 1) for x in (old, new))
    change = Change(float(new.mean() - old.mean()), parts, "")
    assert change.p_value() == pytest.approx(ttest_ind(old, new, equal_var=False).pvalue)
    known = Change(1.0, (Part(0.25),), "")
    assert known.p_value() == pytest.approx(2 * norm.sf(2))


@pytest.mark.parametrize(("estimate", "p"), [(0.0, 1.0), (1e-9, 0.0), (-1.0, 0.0)])
def test_an_exact_change_is_its_own_interval(estimate: float, p: float) -> None:
    change = Change(estimate, (), "")
    assert change.exact
    assert change.p_value() == p
    assert change.interval(0.05) == (estimate, estimate)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_level_finds_what_benjamini_and_hochberg_find(p_values: list[float]) -> None:
    level = joint_level(p_values)
    found = [p <= level for p in p_values]
    adjusted = false_discovery_control(p_values)
    for here, there in zip(found, adjusted, strict=True):
        if abs(there - 0.05) > 1e-9:
            assert here == (there <= 0.05)


def test_without_figures_the_level_is_five_per_cent() -> None:
    assert joint_level([]) == pytest.approx(0.05)


def test_where_nothing_changed_an_alarm_is_rare_however_many_figures_there_are() -> None:
    draw = np.random.default_rng(1)
    alarms = 0
    for _ in range(1000):
        # Accuracies on the same samples go up and down together.
        shared = draw.normal(0, 1)
        p_values = 2 * norm.sf(abs(0.7 * shared + 0.51**0.5 * draw.normal(0, 1, 60)))
        alarms += bool(min(p_values) <= joint_level(list(p_values)))
    assert alarms <= 60
