"""What a report says, chosen from its records: ladder rows and target sections.

Pure functions that every renderer shares; nothing here knows Markdown, HTML or charts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from edgekd.records import Kind, Measurement, Report, Rung, UnavailableCell
from edgekd.report.origin import Origin, origin_of


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
    def of_language(self) -> bool:
        """Whether any of its files is of a language model."""
        return any(
            found.generation or found.counted or found.language for found in self.measurements
        )

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
