"""The tables and figures of a fit as plain strings, for Markdown and HTML alike."""

from __future__ import annotations

from edgekd.records import Candidate, Fit
from edgekd.report import units
from edgekd.report.search.settings import number_of, value_text
from edgekd.report.summary import KeyFigure
from edgekd.report.tables.table import Column, Row, State, Table
from edgekd.report.units import MISSING

# Field of a candidate, and what a reader calls it.
MEMORIES = {"flash_bytes": "Flash", "ram_bytes": "RAM"}


def trained(fit: Fit) -> list[int]:
    """Indices of the candidates that were trained: the chosen, then by validation data."""
    found = [i for i, one in enumerate(fit.candidates) if one.validation is not None]
    return sorted(found, key=lambda i: (i != fit.chosen, -(fit.candidates[i].validation or 0.0), i))


def fitting_table(fit: Fit) -> Table:
    """The candidates whose estimate holds the budget: the trained ones, best first, then others."""
    goal = fit.budget.get("accuracy")
    columns = [Column(units.metric(fit.metric), "Validation data")]
    columns += [Column("Points above goal", "Validation data")] if goal is not None else []
    columns += [
        Column(units.metric(fit.metric), "Test data"),
        Column("95% interval", "Test data"),
    ]
    order = trained(fit)
    order += [i for i, one in enumerate(fit.candidates) if i not in order and not one.refused]
    rows = [
        Row(
            _candidate_cells(fit, index, number, _accuracy_cells(fit.candidates[index], goal)),
            _state(fit, index),
        )
        for number, index in enumerate(order, start=1)
    ]
    columns = _candidate_columns(fit, columns)
    return Table("Candidates inside RAM and flash", columns, rows, unmarked="trained")


def refused_table(fit: Fit) -> Table:
    """The candidates that were never trained, because of their estimate; the nearest first."""
    limited = [field for field in MEMORIES if field in fit.budget]
    columns = [Column(MEMORIES[field], "Over the budget by") for field in limited]
    columns = _candidate_columns(fit, columns)
    found = [i for i, one in enumerate(fit.candidates) if one.refused and one.validation is None]
    found.sort(key=lambda i: (_worst_excess(fit, fit.candidates[i]), i))
    first = len(fit.candidates) - len(found) + 1
    rows = []
    for number, index in enumerate(found, start=first):
        one = fit.candidates[index]
        excess = [_excess_text(fit, one, field) for field in limited]
        # A reason that the columns do not give.
        note = "; ".join(one.refused) if set(excess) <= {MISSING} else ""
        rows.append(Row(_candidate_cells(fit, index, number, excess), note=note))
    return Table("Candidates refused by their estimate", columns, rows)


def budget_table(fit: Fit) -> Table:
    """What was asked for, what the chosen student takes, and what the candidates range over."""
    chosen = None if fit.chosen is None else fit.candidates[fit.chosen]
    rows = []
    for field, name in MEMORIES.items():
        limit = fit.budget.get(field)
        taken = getattr(chosen, field) if chosen else None
        smallest = min((getattr(one, field) for one in fit.candidates), default=None)
        limit_text = "no limit" if limit is None else units.size(round(limit))
        rows.append(Row([f"{name}, estimate", limit_text, units.size(taken), units.size(smallest)]))
    goal = fit.budget.get("accuracy")
    best = max((one.validation or 0.0 for one in fit.candidates if one.validation), default=None)
    rows.append(
        Row(
            [
                f"{units.metric(fit.metric)} on validation data",
                "no limit" if goal is None else f"at least {units.percent(goal)}",
                units.percent(chosen.validation if chosen else None),
                units.percent(best),
            ]
        )
    )
    columns = [Column("What", role="text"), Column("Budget"), Column("Chosen student")]
    return Table("Budget", [*columns, Column("Best of all candidates")], rows)


def fit_figures(fit: Fit) -> list[KeyFigure]:
    """The chosen student, or the constraint that nothing meets; and how many were considered."""
    figures = []
    if fit.chosen is not None:
        chosen = fit.candidates[fit.chosen]
        if chosen.accuracy:
            low_high = units.interval(*chosen.accuracy.ci95)
            note = f"95% interval {low_high}: {candidate_text(chosen)}"
            text = units.percent(chosen.accuracy.value)
            figures.append(KeyFigure("Chosen student, on test data", text, note))
        for field, name in MEMORIES.items():
            taken, limit = getattr(chosen, field), fit.budget.get(field)
            note = "no limit was given"
            if limit:
                note = f"{taken / limit:.0%} of {units.size(round(limit))}"
            figures.append(KeyFigure(f"{name}, estimate", units.size(taken), note))
    if fit.binding is not None:
        note = "the constraint that no candidate meets"
        figures.append(KeyFigure("In the way", fit.binding, note))
    refused = sum(bool(one.refused) for one in fit.candidates)
    note = f"{len(trained(fit))} trained in full, {refused} refused by their estimate"
    return [*figures, KeyFigure("Candidates", units.count(len(fit.candidates)), note)]


def candidate_text(candidate: Candidate) -> str:
    """A candidate on one line."""
    parts = [f"{key} {value_text(value)}" for key, value in candidate.values.items()]
    parts += [f"{candidate.prune:.0%} of channels pruned"] if candidate.prune else []
    return ", ".join([*parts, candidate.precision])


def _candidate_columns(fit: Fit, findings: list[Column]) -> list[Column]:
    """What a candidate is, what was found of it, and its sizes."""
    columns = [Column("No.", role="text")]
    for key in _keys(fit):
        values = [number_of(one.values[key]) for one in fit.candidates if key in one.values]
        columns.append(Column(key, role="text" if None in values else "figure"))
    columns += [Column("Pruned"), Column("Precision", role="text"), *findings]
    columns += [Column(name, "Estimate") for name in MEMORIES.values()]
    return [*columns, Column("Parameters"), Column("MACs")]


def _candidate_cells(fit: Fit, index: int, number: int, findings: list[str]) -> list[str]:
    one = fit.candidates[index]
    return [
        str(number),
        *(value_text(one.values[key]) if key in one.values else MISSING for key in _keys(fit)),
        f"{one.prune:.0%}" if one.prune else "no",
        one.precision,
        *findings,
        *(units.size(getattr(one, field)) for field in MEMORIES),
        units.count(one.parameters),
        units.count(one.macs),
    ]


def _accuracy_cells(candidate: Candidate, goal: float | None) -> list[str]:
    validation, accuracy = candidate.validation, candidate.accuracy
    cells = [units.percent(validation)]
    if goal is not None:
        cells.append(MISSING if validation is None else units.points((validation - goal) * 100))
    if accuracy is None:
        return [*cells, MISSING, MISSING]
    return [*cells, units.percent(accuracy.value), units.interval(*accuracy.ci95)]


def _keys(fit: Fit) -> list[str]:
    return list(dict.fromkeys(key for one in fit.candidates for key in one.values))


def _state(fit: Fit, index: int) -> State:
    if index == fit.chosen:
        return "chosen"
    return "not trained" if fit.candidates[index].validation is None else ""


def _excess_text(fit: Fit, candidate: Candidate, field: str) -> str:
    """By how much, and by which factor, the estimate exceeds the budget."""
    value, limit = getattr(candidate, field), fit.budget[field]
    if value <= limit:
        return MISSING
    factor = f" ({units.times(value / limit)} the budget)" if limit > 0 else ""
    return f"{units.size(round(value - limit))}{factor}"


def _worst_excess(fit: Fit, candidate: Candidate) -> float:
    limits = {field: fit.budget[field] for field in MEMORIES if fit.budget.get(field)}
    return max((getattr(candidate, f) / limit for f, limit in limits.items()), default=0.0)
