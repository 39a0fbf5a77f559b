"""Settings of a sweep or a search: how their values read, and where they lie on an axis."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edgekd.records import RungAccuracy, Sweep, SweepPoint

# Enough for every grid whose cells can still be told apart.
_MOST_CELLS = 24
_WIDEST = 6


@dataclass(frozen=True)
class Measured:
    """A finished setting: its place among the sweep's points, and its accuracy on test data."""

    index: int
    point: SweepPoint
    accuracy: RungAccuracy


@dataclass(frozen=True)
class Surface:
    """A full grid over two keys.

    Attributes:
        row_values: values of ``row_key``, numbers in rising order.
        cells: (row, column) to an index into the sweep's points.
    """

    row_key: str
    column_key: str
    row_values: list[Any]
    column_values: list[Any]
    cells: dict[tuple[int, int], int]


def value_text(value: object) -> str:
    """A value as a recipe would have it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False, default=str)


def setting_text(values: Mapping[str, Any]) -> str:
    """A setting on one line, its keys in full."""
    return ", ".join(f"{key} {value_text(value)}" for key, value in values.items())


def is_search(sweep: Sweep) -> bool:
    """Whether most points are trials of one seed, known on validation data only."""
    return any(point.state == "trial" for point in sweep.points)


def keys_of(sweep: Sweep) -> list[str]:
    """The keys that were swept over, and any other that a point has."""
    keys = dict.fromkeys(sweep.over)
    for point in sweep.points:
        keys.update(dict.fromkeys(point.values))
    return list(keys)


def validation_mean(point: SweepPoint) -> float | None:
    """Mean over the seeds that were validated; None where there was none."""
    return sum(point.validation) / len(point.validation) if point.validation else None


def ranking(sweep: Sweep) -> list[int]:
    """Indices of the points, best first: finished, trials, stopped, each by validation data."""
    states = ("finished", "trial", "stopped")

    def order(index: int) -> tuple[int, bool, float, int]:
        point = sweep.points[index]
        mean = validation_mean(point)
        worse = math.inf if mean is None else -mean
        return states.index(point.state), index != sweep.best, worse, index

    return sorted(range(len(sweep.points)), key=order)


def measured(sweep: Sweep) -> list[Measured]:
    """The settings whose accuracy may be drawn as measured."""
    return [
        Measured(index, point, point.accuracy)
        for index, point in enumerate(sweep.points)
        if point.state == "finished" and point.accuracy
    ]


def second_index(sweep: Sweep) -> int | None:
    """The setting that the best one is compared with."""
    if sweep.lead is None:
        return None
    wanted = _identity(sweep.lead.over)
    found = (found.index for found in measured(sweep) if _identity(found.point.values) == wanted)
    return next(found, None)


def number_of(value: object) -> float | None:
    """The number that a value is, or holds as its only one; None where it is none."""
    if isinstance(value, list) and len(value) == 1:
        return number_of(value[0])
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) else None


def numeric(values: list[Any]) -> bool:
    """Whether these can stand on an axis of numbers: at least two, all finite."""
    numbers = {number_of(value) for value in values}
    return None not in numbers and len(numbers) > 1


def spreads_by_factors(values: list[float]) -> bool:
    """Whether a logarithmic axis spreads the values more evenly than a linear one."""
    found = sorted(set(values))
    if found[0] <= 0 or len(found) < 3:
        return found[0] > 0 and found[-1] / found[0] >= 10
    return _evenness([math.log(value) for value in found]) > _evenness(found)


def surface_of(sweep: Sweep) -> Surface | None:
    """The grid, where exactly two keys have lists of values and each pair has one point."""
    keys = list(sweep.over)
    lists = [_in_order(values) for values in sweep.over.values() if isinstance(values, list)]
    if is_search(sweep) or len(keys) != 2 or len(lists) != 2:
        return None
    if not all(1 < len(values) <= _MOST_CELLS for values in lists):
        return None
    # A page is higher than wide.
    if len(lists[1]) > _WIDEST and len(lists[0]) < len(lists[1]):
        keys.reverse()
        lists.reverse()
    rows, columns = ({_identity(value): i for i, value in enumerate(v)} for v in lists)
    cells: dict[tuple[int, int], int] = {}
    for index, point in enumerate(sweep.points):
        if set(point.values) != set(keys):
            return None
        row = rows.get(_identity(point.values[keys[0]]))
        column = columns.get(_identity(point.values[keys[1]]))
        if row is None or column is None or (row, column) in cells:
            return None
        cells[row, column] = index
    if len(cells) != len(lists[0]) * len(lists[1]):
        return None
    return Surface(keys[0], keys[1], lists[0], lists[1], cells)


def _in_order(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: number_of(value) or 0.0) if numeric(values) else values


def _identity(value: object) -> str:
    # 1, 1.0 and true are equal in Python, but not in a recipe.
    return json.dumps(value, default=str, sort_keys=True)


def _evenness(values: list[float]) -> float:
    """The smallest gap as a share of the mean one."""
    gaps = [above - below for below, above in pairwise(values)]
    return min(gaps) * len(gaps) / (values[-1] - values[0])
