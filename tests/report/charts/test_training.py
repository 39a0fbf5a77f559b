"""Names beside a chart of trainings never lie on each other."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgekd.report.charts.training import spread_apart


@given(st.lists(st.floats(0, 200), min_size=1, max_size=14))
def test_names_are_apart_inside_and_in_order(places: list[float]) -> None:
    moved = spread_apart(places, 14.0, 0.0, 200.0)

    order = sorted(range(len(places)), key=lambda index: places[index])
    arranged = [moved[index] for index in order]
    assert all(after - before >= 14.0 - 1e-9 for before, after in pairwise(arranged))
    assert arranged[0] >= -1e-9
    assert arranged[-1] <= 200.0 + 1e-9


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9, unique=True))
def test_what_is_apart_stays_where_it_is(places: list[int]) -> None:
    wide = [place * 20.0 for place in places]

    assert spread_apart(wide, 14.0, 0.0, 200.0) == wide
