"""The report's tables as plain strings, so that Markdown and HTML always say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

from edgekd.records import Kind, Measurement, Report, Rung
from edgekd.report import units
from edgekd.report.columns import (
    CORRECTNESS,
    DISTURBED,
    PERFORMANCE,
    MeasurementColumn,
    Role,
    accuracy,
    having,
    ladder_columns,
)
from edgekd.report.losses import STAGES, waterfalls
from edgekd.report.prose import KIND_MEANINGS, flat_facts
from edgekd.report.summary import (
    NOT_RUN,
    Cell,
    TargetSection,
    kinds,
    ladder_rows,
    target_sections,
)
from edgekd.report.units import MISSING

State = Literal[
    "",
    "invalid",
    "not available",
    "not run",
    "over budget",
    "best",
    "chosen",
    "reference",
    "trial",
    "not trained",
    "stopped",
]
Tone = Literal["good", "plain", "bad"]

_ABOUT: dict[Kind | None, str] = {
    "emulated": "accuracy, instructions and memory",
    "estimate": "cycles and memory by a model",
}
_MEASURED = "accuracy, latency, memory and size"

_TONES: dict[State, Tone] = {
    "best": "good",
    "chosen": "good",
    "reference": "plain",
    "trial": "plain",
    "not run": "plain",
    "not trained": "plain",
    "stopped": "plain",
}


@dataclass(frozen=True)
class Column:
    """A heading; columns of one group stand side by side. A digest may be shown by its start."""

    heading: str
    group: str = ""
    role: Role = "figure"


@dataclass(frozen=True)
class Row:
    """Cells from left to right, the first one names the row.

    ``note`` says why the row is in its ``state``. A row that is not available may have fewer cells
    than there are columns.
    """

    cells: list[str]
    state: State = ""
    note: str = ""

    @property
    def tone(self) -> Tone:
        """How the state is to be taken."""
        return _TONES.get(self.state, "bad")


@dataclass(frozen=True)
class Table:
    """One table.

    ``kind`` is set where every figure in it is of that kind. ``unmarked`` is the word for the state
    of rows that have none, where other rows have one.
    """

    caption: str
    columns: list[Column]
    rows: list[Row]
    kind: Kind | None = None
    notes: list[str] = field(default_factory=list)
    unmarked: str = "valid"

    def heading_groups(self) -> list[list[Column]]:
        """The columns, those of one group together."""
        return [list(run) for _, run in groupby(self.columns, key=lambda column: column.group)]


def rungs_table(report: Report) -> Table:
    """Every rung as torch sees it: size and accuracy over its seeds."""
    metrics = dict.fromkeys(rung.accuracy.metric for rung in report.rungs)
    metric = "/".join(metrics) or "accuracy"
    return Table(
        caption="Rungs: the models before export",
        columns=[
            Column("Rung", role="text"),
            Column("Precision", role="text"),
            Column("Parameters"),
            Column("MACs"),
            Column("Weights"),
            Column(units.metric(metric)),
            Column("95% interval"),
            Column("Per seed"),
            Column("Test samples"),
        ],
        rows=[Row(_rung_cells(rung)) for rung in report.rungs],
    )


def targets_table(report: Report) -> Table:
    """The ladder over all targets: accuracy, cost and size of each exported file."""
    columns = [Column("Rung", role="text")]
    chosen = []
    for section in target_sections(report):
        group = f"{section.target} ({section.kind})" if section.kind else section.target
        chosen.append(ladder_columns(section.kind, section.measurements))
        columns += [Column(column.heading, group) for column in chosen[-1]]
    rows = []
    for row in ladder_rows(report):
        cells = [row.name]
        for cell, shown in zip(row.cells, chosen, strict=True):
            cells += _cell_texts(cell, shown)
        rows.append(Row(cells))
    return Table("Each rung on each target", columns, rows)


def losses_table(report: Report) -> Table:
    """Points lost at each stage, one row for each exported file."""
    falls = waterfalls(report)
    passed = {stage for fall in falls for stage, _ in fall.steps}
    stages = [stage for stage in STAGES if stage in passed]
    stages += sorted(passed - set(stages))
    columns = [Column("Rung", role="text"), Column("Target", role="text"), Column("Teacher")]
    columns += [Column(stage.capitalize(), "Points gained or lost") for stage in stages]
    rows = []
    for fall in falls:
        lost = dict(fall.steps)
        changes = [units.points(-lost[stage]) if stage in lost else MISSING for stage in stages]
        cells = [fall.rung, fall.target, units.percent(fall.start), *changes]
        rows.append(Row([*cells, units.percent(fall.end)], "" if fall.valid else "invalid"))
    return Table("Where points were lost", [*columns, Column("Exported file")], rows)


def performance_table(section: TargetSection) -> Table:
    """Accuracy, latency, memory and size on one target, and what could not be made for it."""
    table = _measurements(section, PERFORMANCE, _ABOUT.get(section.kind, _MEASURED))
    rows = [
        replace(row, note="; ".join([*found.reasons, *found.budget.exceeded]))
        for row, found in zip(table.rows, section.measurements, strict=True)
    ]
    rows += [
        Row([cell.rung, cell.precision], "not available", cell.reason)
        for cell in section.unavailable
    ]
    return replace(table, rows=rows)


def correctness_table(section: TargetSection) -> Table:
    """Parity and preflight on one target; without rows where neither was looked at."""
    table = _measurements(section, CORRECTNESS, "parity and preflight")
    rows = table.rows if having(CORRECTNESS, section.measurements) else []
    return replace(table, rows=rows, notes=_notes(section))


def parity_table(section: TargetSection) -> Table:
    """The chain from torch to the artifact, one row for each step that was compared."""
    columns = [Column(name, role="text") for name in ("Rung", "Step", "Against")]
    columns += [Column("Top-1 agreement"), Column("SQNR dB"), Column("Largest difference")]
    columns += [Column("Samples"), Column("Diverged", role="text")]
    rows = [
        Row(
            [
                found.rung,
                step.step,
                step.against,
                units.percent(step.top1_agreement),
                units.decibels(step.sqnr_db),
                f"{step.max_abs:.3g}",
                units.count(step.n),
                units.scalar(step.diverged),
            ]
        )
        for found in section.measurements
        if found.parity
        for step in found.parity.steps
    ]
    return Table(f"Parity step by step: {section.target}", columns, rows, section.kind)


def artifacts_table(report: Report) -> Table:
    """Where each exported file is, and the hash that names its content."""
    columns = [Column(name, role="text") for name in ("Rung", "Target", "File")]
    columns.append(Column("sha256", role="digest"))
    # An estimate and the measurement that it was made from share their file.
    files = dict.fromkeys(
        (found.rung, found.target, found.artifact, found.sha256) for found in report.measurements
    )
    return Table("Artifacts", columns, [Row(list(file)) for file in files])


def facts_table(caption: str, facts: Mapping[str, Any]) -> Table:
    """A nested record as two columns, one row for each of its leaves."""
    columns = [Column("What", role="text"), Column("Value", role="text")]
    return Table(caption, columns, [Row([what, value]) for what, value in flat_facts(facts)])


def kinds_table(report: Report) -> Table:
    """What the kinds of figures in this report are, and what they may claim."""
    columns = [Column("Kind", role="text"), Column("How its figures were made", role="text")]
    rows = [Row([kind, KIND_MEANINGS[kind]]) for kind in kinds(report)]
    return Table("Kinds of figures", columns, rows)


def _measurements(
    section: TargetSection, choice: tuple[MeasurementColumn, ...], about: str
) -> Table:
    shown = having(choice, section.measurements)
    columns = [Column("Rung", role="text"), Column("Precision", role="text")]
    columns += [Column(column.heading, column.group, column.role) for column in shown]
    rows = [
        Row(
            [found.rung, found.precision, *(column.read(found) for column in shown)],
            measurement_state(found),
        )
        for found in section.measurements
    ]
    return Table(f"{section.target}: {about}", columns, rows, section.kind)


def _rung_cells(rung: Rung) -> list[str]:
    accuracy = rung.accuracy
    return [
        rung.name,
        rung.precision,
        units.count(rung.parameters),
        units.count(rung.macs),
        units.size(rung.bytes),
        units.percent(accuracy.value),
        units.interval(*accuracy.ci95),
        ", ".join(f"{value * 100:.2f}" for value in accuracy.per_seed) or MISSING,
        units.count(accuracy.n),
    ]


def _cell_texts(cell: Cell, columns: list[MeasurementColumn]) -> list[str]:
    found = cell.measurement
    if found is None:
        missing = [MISSING] * (len(columns) - 1)
        return ["not available" if cell.unavailable else MISSING, *missing]
    return [_cell_text(found, column) for column in columns]


def _cell_text(found: Measurement, column: MeasurementColumn) -> str:
    void = not found.valid and column.heading in DISTURBED
    if void or (column.read is accuracy and not found.valid and not found.accuracy_holds):
        return "invalid"
    return column.read(found)


def measurement_state(found: Measurement) -> State:
    """How a measurement is to be taken."""
    if found.device == NOT_RUN:
        return "not run"
    if not found.valid:
        return "invalid"
    return "" if found.budget.ok else "over budget"


def _notes(section: TargetSection) -> list[str]:
    rungs: dict[str, list[str]] = {}
    for found in section.measurements:
        told = found.library.passes if found.library else []
        notes = found.preflight.notes if found.preflight else []
        for note in (note for note in notes if note not in told):
            rungs.setdefault(note, []).append(found.rung)
    return [f"{note} ({', '.join(dict.fromkeys(names))})" for note, names in rungs.items()]
