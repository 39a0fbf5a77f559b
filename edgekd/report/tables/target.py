"""What was measured on one target: figures, parity and preflight."""

from __future__ import annotations

from dataclasses import replace

from edgekd.records import Kind, Measurement
from edgekd.report import units
from edgekd.report.summary import NOT_RUN, TargetSection
from edgekd.report.tables.columns import CORRECTNESS, PERFORMANCE, MeasurementColumn, having
from edgekd.report.tables.table import NOT_AVAILABLE, Column, Row, State, Table

_ABOUT: dict[Kind | None, str] = {
    "emulated": "accuracy, instructions and memory",
    "estimate": "cycles and memory by a model",
}
_MEASURED = "accuracy, latency, memory and size"
_ANSWERED = "predictions, answers, memory and size"
_ANSWERS_COUNTED = "instructions, memory and size"


def performance_table(section: TargetSection) -> Table:
    """Accuracy, cost and size on one target, and what could not be made for it."""
    about = _ABOUT.get(section.kind, _MEASURED)
    if section.of_language:
        about = _ANSWERS_COUNTED if section.kind == "emulated" else _ANSWERED
    table = _measurements(section, PERFORMANCE, about, section.made)
    rows = [
        replace(row, note="; ".join([*found.reasons, *found.budget.exceeded]))
        for row, found in zip(table.rows, section.measurements, strict=True)
    ]
    rows += [
        Row([cell.rung, cell.precision], NOT_AVAILABLE, cell.reason) for cell in section.unavailable
    ]
    return replace(table, rows=rows)


def correctness_table(section: TargetSection) -> Table:
    """Parity and preflight on one target; without rows where neither was looked at."""
    table = _measurements(section, CORRECTNESS, "parity and preflight", "")
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
    return Table(f"Parity step by step: {section.target}", columns, rows, section.made)


def measurement_state(found: Measurement) -> State:
    """How a measurement is to be taken."""
    if found.device == NOT_RUN:
        return "not run"
    if not found.valid:
        return "invalid"
    return "" if found.budget.ok else "over budget"


def _measurements(
    section: TargetSection, choice: tuple[MeasurementColumn, ...], about: str, made: str
) -> Table:
    shown = having(choice, section.measurements)
    columns = [Column("Rung", role="text"), Column("Precision", role="text")]
    columns += [Column(column.heading, column.group, column.role, made) for column in shown]
    rows = [
        Row(
            [found.rung, found.precision, *(column.read(found) for column in shown)],
            measurement_state(found),
        )
        for found in section.measurements
    ]
    return Table(f"{section.target}: {about}", columns, rows, section.made)


def _notes(section: TargetSection) -> list[str]:
    rungs: dict[str, list[str]] = {}
    for found in section.measurements:
        told = found.library.passes if found.library else []
        notes = found.preflight.notes if found.preflight else []
        for note in (note for note in notes if note not in told):
            rungs.setdefault(note, []).append(found.rung)
    return [f"{note} ({', '.join(dict.fromkeys(names))})" for note, names in rungs.items()]
