"""Settings in their order, and where their values lie on an axis."""

from __future__ import annotations

import pytest

from edgekd.report.search.settings import (
    number_of,
    numeric,
    ranking,
    spreads_by_factors,
    surface_of,
)

from ..hostile import hostile_sweep
from ..search_samples import grid_sweep, searched


def test_numbers_stand_in_rising_order_on_the_surface() -> None:
    surface = surface_of(grid_sweep())

    assert surface
    assert surface.row_values == [1, 2, 4, 8]
    assert surface.column_values == [0, 0.1, 0.5, 0.9]


def test_one_and_true_are_two_values() -> None:
    sweep = hostile_sweep("a", "b", keys=2)
    keys = list(sweep.over)
    over = {keys[0]: [1, True], keys[1]: sweep.over[keys[1]]}
    points = [
        point.model_copy(update={"values": {keys[0]: value, keys[1]: point.values[keys[1]]}})
        for point, value in zip(sweep.points, [1] * 3 + [True] * 3, strict=True)
    ]

    surface = surface_of(sweep.model_copy(update={"over": over, "points": points}))

    assert surface
    assert len(set(surface.cells.values())) == 6


def test_the_settings_stand_in_the_order_of_their_choice() -> None:
    sweep = searched()
    order = [sweep.points[index] for index in ranking(sweep)]

    assert ranking(sweep)[0] == sweep.best
    assert [point.state for point in order] == ["finished"] * 2 + ["trial"] * 32 + ["stopped"] * 8
    trials = [point.validation[0] for point in order if point.state == "trial"]
    assert trials == sorted(trials, reverse=True)


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([1, 2, 4, 8], True),
        ([0.001, 0.01, 0.1], True),
        ([0, 0.1, 0.5, 0.9], False),
        ([0.1, 0.5, 0.9], False),
        ([1, 100], True),
        ([1, 2], False),
        ([-1, 1, 10], False),
    ],
)
def test_axes_are_logarithmic_where_that_spreads_better(values: list[float], log: bool) -> None:
    assert spreads_by_factors(values) == log


def test_only_finite_numbers_are_numbers() -> None:
    assert numeric([1, [0.5]])
    assert not numeric([1, True])
    assert not numeric([1, None])
    assert not numeric([3, 3.0])
    assert number_of([0.1]) == 0.1
    assert number_of(float("nan")) is None
