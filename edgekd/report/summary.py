"""What a report says, chosen from its records: ladder rows, target sections, key figures.

Pure functions that every renderer shares; nothing here knows Markdown, HTML or charts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from edgekd.records import Kind, Measurement, Report, Rung, UnavailableCell
from edgekd.report import units
from edgekd.report.cores import families
from edgekd.report.origin import Origin, origin_of, origins
from edgekd.report.planes import FILE_SIZE, FLASH, INSTRUCTIONS, LATENCY, Figure, sample_text


@dataclass(frozen=True)
class Cell:
    """One rung in one section: its measurement, or the reason why there is none."""

    target: str
    origin: Origin | None
    measurement: Measurement | None
    unavailable: str | None


@dataclass(frozen=True)
class LadderRow:
    """One rung over all targets. ``rung`` is None for a file that no rung describes."""

    name: str
    rung: Rung | None
    cells: list[Cell]


@dataclass(frozen=True)
class TargetSection:
    """All that is known about one target, of one origin; origins never share a section.

    ``origin`` is None where nothing could be measured.
    """

    target: str
    origin: Origin | None
    measurements: list[Measurement]
    unavailable: list[UnavailableCell]

    @property
    def kind(self) -> Kind | None:
        """Of its figures."""
        return self.origin.kind if self.origin else None

    @property
    def made(self) -> str:
        """How its figures were made, in a word; empty where there are none."""
        return self.origin.text if self.origin else ""

    @property
    def phone(self) -> str:
        """The phone that was measured; empty where it was none."""
        return self.origin.phone if self.origin else ""


@dataclass(frozen=True)
class KeyFigure:
    """One figure for the top of the page, and what it belongs to."""

    label: str
    value: str
    note: str


# The device of targets whose artifact is exported and sized only.
NOT_RUN = "not-run"

_NOT_SHIPPED = ("teacher", "scratch")


def teacher_rung(report: Report) -> Rung | None:
    """The rung that all others are laid beside."""
    return next((rung for rung in report.rungs if rung.name.startswith("teacher")), None)


def student_rung(report: Report) -> Rung | None:
    """The distilled student before compression; without one, the first rung not the teacher's."""
    students = [rung for rung in report.rungs if not rung.name.startswith("teacher")]
    distilled = [rung for rung in students if rung.name.startswith("distilled")]
    return next(iter(distilled or students), None)


def rung_names(report: Report) -> list[str]:
    """Every rung in the ladder's order, then those that only measurements name."""
    names = dict.fromkeys(rung.name for rung in report.rungs)
    names.update(dict.fromkeys(measurement.rung for measurement in report.measurements))
    names.update(dict.fromkeys(cell.rung for cell in report.unavailable))
    return list(names)


def target_names(report: Report) -> list[str]:
    """Every target in the order in which the records name them."""
    names = dict.fromkeys(measurement.target for measurement in report.measurements)
    names.update(dict.fromkeys(cell.target for cell in report.unavailable))
    return list(names)


def target_sections(report: Report) -> list[TargetSection]:
    """One section for each target and origin, its measurements in the ladder's order."""
    order = {name: index for index, name in enumerate(rung_names(report))}
    sections = []
    for target in target_names(report):
        measured = [found for found in report.measurements if found.target == target]
        missing = [cell for cell in report.unavailable if cell.target == target]
        found: list[Origin | None] = list(dict.fromkeys(origin_of(one) for one in measured))
        for origin in found or [None]:
            of_origin = [one for one in measured if origin_of(one) == origin]
            of_origin.sort(key=lambda one: order[one.rung])
            sections.append(TargetSection(target, origin, of_origin, missing))
            missing = []
    return sections


def ladder_rows(report: Report, sections: list[TargetSection]) -> list[LadderRow]:
    """The ladder as rows of rungs by columns of sections.

    Where a pair was measured more than once, the cell holds the first valid measurement: figures
    of several runs are never averaged here.
    """
    rungs = {rung.name: rung for rung in report.rungs}
    return [
        LadderRow(name, rungs.get(name), [_cell(section, name) for section in sections])
        for name in rung_names(report)
    ]


def kinds(report: Report) -> list[Kind]:
    """The kinds that the report's measurements have, in the order of its type."""
    present = {measurement.kind for measurement in report.measurements}
    return [kind for kind in get_args(Kind) if kind in present]


def key_figures(report: Report) -> list[KeyFigure]:
    """Student size, best INT8 accuracy, then the lowest of each cost: what could be measured.

    Files of the teacher and the control do not count: nobody ships them. Nor does a latency or a
    count that is invalid, or what a stand-in for a phone said. Each origin has a latency of its
    own, and each core a count of its own.
    """
    usable = [
        measurement
        for measurement in report.measurements
        if measurement.accuracy_holds
        and not measurement.rung.startswith(_NOT_SHIPPED)
        and not origin_of(measurement).stand_in
    ]
    figures = _student_figure(report) + _int8_figure(usable)
    figures += _lowest_figure("Smallest file", FILE_SIZE, usable)
    for origin in origins(usable):
        of_origin = [found for found in usable if origin_of(found) == origin]
        figures += _lowest_figure("Lowest latency, p50", LATENCY, of_origin)
        figures += _fewest_instructions(report, of_origin)
        figures += _lowest_figure("Least flash", FLASH, of_origin)
    return figures


def _fewest_instructions(report: Report, usable: list[Measurement]) -> list[KeyFigure]:
    family = families(report)
    cores: dict[str, list[Measurement]] = {}
    for found in usable:
        if found.instructions is not None:
            cores.setdefault(family[found.target], []).append(found)
    figures = []
    for core, measured in cores.items():
        label = f"Fewest instructions{f', {core}' if len(cores) > 1 else ''}"
        figures += _lowest_figure(label, INSTRUCTIONS, measured)
    return figures


def _cell(section: TargetSection, rung: str) -> Cell:
    measured = [found for found in section.measurements if found.rung == rung]
    measured.sort(key=lambda found: not found.valid)
    reasons = [cell.reason for cell in section.unavailable if cell.rung == rung]
    return Cell(
        target=section.target,
        origin=section.origin,
        measurement=measured[0] if measured else None,
        unavailable=reasons[0] if reasons else None,
    )


def _student_figure(report: Report) -> list[KeyFigure]:
    teacher, student = teacher_rung(report), student_rung(report)
    if student is None:
        return []
    note = ""
    if teacher and teacher.parameters and student.parameters:
        fewer = units.times(teacher.parameters / student.parameters)
        note = f"{fewer} fewer than the teacher's {units.count(teacher.parameters)}"
    return [KeyFigure("Student parameters", units.count(student.parameters), note)]


def _int8_figure(usable: list[Measurement]) -> list[KeyFigure]:
    int8 = [found for found in usable if found.precision in ("int8", "int8-qat")]
    if not int8:
        return []
    best = max(int8, key=_accuracy)
    note = " ".join(part for part in (sample_text(best), _place(best)) if part)
    return [KeyFigure("Best INT8 accuracy", units.percent(_accuracy(best)), note)]


def _lowest_figure(label: str, cost: Figure, usable: list[Measurement]) -> list[KeyFigure]:
    costs = [
        (value, index)
        for index, measurement in enumerate(usable)
        if cost.holds(measurement) and (value := cost.read(measurement)) is not None
    ]
    if not costs:
        return []
    value, index = min(costs)
    text = cost.text(value).removesuffix(" instructions")
    return [KeyFigure(label, text, _with_accuracy(usable[index]))]


def _with_accuracy(measurement: Measurement) -> str:
    sample = sample_text(measurement)
    accuracy = f"{units.percent(_accuracy(measurement))} accurate{f' {sample}' if sample else ''}"
    return f"{accuracy}, {_place(measurement)}"


def _accuracy(measurement: Measurement) -> float:
    return measurement.accuracy.value if measurement.accuracy else 0.0


def _place(measurement: Measurement) -> str:
    return f"{measurement.rung} on {measurement.target} ({origin_of(measurement).text})"
