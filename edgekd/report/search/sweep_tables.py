"""The tables and figures of a sweep as plain strings, for Markdown and HTML alike."""

from __future__ import annotations

from collections import Counter

from edgekd.records import RungAccuracy, Sweep, SweepPoint
from edgekd.report import units
from edgekd.report.search.settings import (
    keys_of,
    measured,
    number_of,
    ranking,
    setting_text,
    validation_mean,
    value_text,
)
from edgekd.report.summary import KeyFigure
from edgekd.report.tables.columns import Role
from edgekd.report.tables.table import Column, Row, State, Table
from edgekd.report.units import MISSING

_STATES: dict[str, State] = {"finished": "", "trial": "trial", "stopped": "stopped"}
_COUNTED = {"finished": "finished", "trial": "as trials", "stopped": "stopped"}


def points_table(sweep: Sweep) -> Table:
    """The teacher and the control, then every setting, best on validation data first."""
    keys = keys_of(sweep)
    columns = [Column("Rank", role="text")]
    columns += [Column(key, role=_role(sweep, key)) for key in keys]
    columns += [
        Column("Learning rate"),
        Column("Mean", "Validation data"),
        Column("Per seed", "Validation data"),
        Column("Mean", "Test data"),
        Column("95% interval", "Test data"),
        Column("Per seed", "Test data"),
    ]
    rows = [
        Row([name, *[MISSING] * (len(keys) + 3), *_test_cells(accuracy)], "reference")
        for name, accuracy in (("Teacher", sweep.teacher), ("Control", sweep.control))
        if accuracy
    ]
    rows += [
        _point_row(sweep, index, rank, keys) for rank, index in enumerate(ranking(sweep), start=1)
    ]
    return Table(f"Every setting: {sweep.metric}", columns, rows, unmarked="finished")


def over_table(sweep: Sweep) -> Table:
    """What was searched: each key and its values, or its range."""
    columns = [Column("Key", role="text"), Column("Values", role="text")]
    rows = [
        Row([key, ", ".join(map(value_text, over)) if isinstance(over, list) else value_text(over)])
        for key, over in sweep.over.items()
    ]
    return Table("What was searched", columns, rows)


def cost_table(sweep: Sweep) -> Table:
    """Seconds of work: the teacher's once, the students' for every setting."""
    columns = [Column("What", role="text"), Column("Seconds of work")]
    rows = [
        Row(["The teacher and its answers, once", units.seconds(sweep.teacher_seconds)]),
        Row(["All trainings of students", units.seconds(sweep.student_seconds)]),
        Row(["Everything against the students alone", units.times(cost_ratio(sweep))]),
    ]
    return Table("What the sweep cost", columns, rows)


def cost_ratio(sweep: Sweep) -> float | None:
    """Seconds of teacher and students over those of the students; None where none was trained."""
    if sweep.student_seconds <= 0:
        return None
    return (sweep.teacher_seconds + sweep.student_seconds) / sweep.student_seconds


def sweep_figures(sweep: Sweep) -> list[KeyFigure]:
    """The best setting, its lead, how many settings there were, and what they cost."""
    figures = []
    best = next((found for found in measured(sweep) if found.index == sweep.best), None)
    if best:
        low_high = units.interval(*best.accuracy.ci95)
        note = f"95% interval {low_high}: {setting_text(best.point.values)}"
        text = units.percent(best.accuracy.value)
        figures.append(KeyFigure("Best setting, on test data", text, note))
    if sweep.lead:
        low, high = (units.points(end * 100) for end in sweep.lead.ci95)
        beyond = "beyond the noise" if sweep.lead.beyond_noise else "within the noise"
        text = f"{units.points(sweep.lead.gain * 100)} points"
        note = f"95% interval {low} to {high}: {beyond}. Second: {setting_text(sweep.lead.over)}"
        figures.append(KeyFigure("Against the second", text, note))
    states = Counter(str(point.state) for point in sweep.points)
    note = ", ".join(f"{states[state]} {word}" for state, word in _COUNTED.items() if states[state])
    figures.append(KeyFigure("Settings", units.count(len(sweep.points)), note))
    note = (
        f"teacher {units.seconds(sweep.teacher_seconds)} once, "
        f"students {units.seconds(sweep.student_seconds)}"
    )
    ratio = units.times(cost_ratio(sweep))
    return [*figures, KeyFigure("Cost against the students alone", ratio, note)]


def _point_row(sweep: Sweep, index: int, rank: int, keys: list[str]) -> Row:
    point = sweep.points[index]
    cells = [
        str(rank) if point.state == "finished" else MISSING,
        *(_value(point, key) for key in keys),
        MISSING if point.learning_rate is None else f"{point.learning_rate:g}",
        units.percent(validation_mean(point)),
        _per_seed(point.validation),
        *_test_cells(point.accuracy if point.state == "finished" else None),
    ]
    return Row(cells, "best" if index == sweep.best else _STATES[point.state])


def _test_cells(accuracy: RungAccuracy | None) -> list[str]:
    if accuracy is None:
        return [MISSING] * 3
    interval = units.interval(*accuracy.ci95)
    return [units.percent(accuracy.value), interval, _per_seed(accuracy.per_seed)]


def _per_seed(values: list[float]) -> str:
    return ", ".join(f"{value * 100:.2f}" for value in values) or MISSING


def _value(point: SweepPoint, key: str) -> str:
    return value_text(point.values[key]) if key in point.values else MISSING


def _role(sweep: Sweep, key: str) -> Role:
    values = [number_of(point.values[key]) for point in sweep.points if key in point.values]
    return "text" if None in values else "figure"
