"""What a report of any task says of a cell: why there is none, and how it stands to the teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgekd.files import read_json
from edgekd.records import Measurement, Precision, UnavailableCell, VsTeacher
from edgekd.report.origin import origin_of
from edgekd.target import Target

# In the folder of an artifact that could not be exported: why.
UNAVAILABLE = "unavailable.json"

Speedup = Callable[[Measurement, Measurement], float | None]


def export_problem(run: Path, target: str, rung: str) -> str | None:
    """Why a cell that was tried could not be exported; None: it was.

    Args:
        run: folder of the run.
        target: its name.
        rung: its name.
    """
    path = run / "artifacts" / target / rung / UNAVAILABLE
    return str(read_json(path)["reason"]) if path.exists() else None


def unavailable_cell(
    rung: str, precision: Precision, target: Target, reason: str
) -> UnavailableCell:
    """The record of a cell that there is not."""
    return UnavailableCell(
        rung=rung, target=target.name, format=target.format, precision=precision, reason=reason
    )


def against_teachers(measurements: Sequence[Measurement], speedup: Speedup) -> list[Measurement]:
    """Each measurement with its ratios to the teacher's of the same target and origin.

    Args:
        measurements: the teachers' among them; without a valid one a measurement stays as it is.
        speedup: how many times as fast the first is as the second.
    """
    teachers = {(m.target, origin_of(m)): m for m in measurements if m.rung == "teacher-fp32"}
    return [
        _against_teacher(m, teachers.get((m.target, origin_of(m))), speedup) for m in measurements
    ]


def ratio(above: float | None, below: float | None) -> float | None:
    """How many times one is the other; None where one is unknown or the other is zero."""
    return above / below if above is not None and below else None


def _against_teacher(
    measurement: Measurement, teacher: Measurement | None, speedup: Speedup
) -> Measurement:
    if teacher is None or not teacher.valid or not measurement.valid:
        return measurement
    own, theirs = measurement.memory, teacher.memory
    ratios = VsTeacher(
        accuracy_retained=ratio(_accuracy(measurement), _accuracy(teacher)),
        speedup=speedup(measurement, teacher),
        instructions_ratio=ratio(teacher.instructions, measurement.instructions),
        size_ratio=ratio(theirs.model_bytes, own.model_bytes),
        memory_ratio=ratio(theirs.ram_bytes, own.ram_bytes),
    )
    return measurement.model_copy(update={"vs_teacher": ratios})


def _accuracy(measurement: Measurement) -> float | None:
    return measurement.accuracy.value if measurement.accuracy else None
