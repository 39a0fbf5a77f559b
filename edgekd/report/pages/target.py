"""What the page of one target shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekd.records import Report
from edgekd.report.charts.chart import series_of
from edgekd.report.charts.latency import LatencyPanel, latency_panel
from edgekd.report.pages.firmware import FirmwarePart, firmware_part
from edgekd.report.samples import read_samples
from edgekd.report.section_lines import model_lines, samples_line
from edgekd.report.summary import TargetSection, target_sections
from edgekd.report.tables.language import (
    answers_table,
    counted_table,
    differences_table,
    torch_table,
)
from edgekd.report.tables.operators import Operators, operators_of
from edgekd.report.tables.phone import phone_table, state_note, state_table
from edgekd.report.tables.table import Table
from edgekd.report.tables.target import correctness_table, parity_table, performance_table


@dataclass(frozen=True)
class LatencyPart:
    """Latency over time of one file."""

    rung: str
    valid: bool
    panel: LatencyPanel


@dataclass(frozen=True)
class TargetPart:
    """One target; ``firmware`` is None where nothing is known of one.

    ``name`` is unique in the report: a link can lead to it.
    """

    name: str
    section: TargetSection
    stand_in: bool
    performance: Table
    model_lines: list[str]
    samples: str
    phone: Table
    state: Table
    state_note: str
    latencies: list[LatencyPart]
    answers: Table
    counted: Table
    beside_torch: Table
    differences: Table
    correctness: Table
    parity: Table
    operators: list[Operators]
    firmware: FirmwarePart | None


def target_parts(report: Report, folder: Path | None) -> list[TargetPart]:
    """Every target of a report, in its order.

    Args:
        report: to be shown.
        folder: of the run, with the raw samples; None: they are not at hand.
    """
    colours = series_of(report)
    return [
        _part(section, f"target-{number}", colours, folder)
        for number, section in enumerate(target_sections(report))
    ]


def _part(
    section: TargetSection, name: str, colours: dict[str, int], folder: Path | None
) -> TargetPart:
    return TargetPart(
        name=name,
        section=section,
        stand_in=section.origin is not None and section.origin.stand_in,
        performance=performance_table(section),
        model_lines=model_lines(section),
        samples=samples_line(section),
        phone=phone_table(section),
        state=state_table(section),
        state_note=state_note(section),
        latencies=_latencies(section, f"{name}-latency", colours, folder),
        answers=answers_table(section),
        counted=counted_table(section),
        beside_torch=torch_table(section),
        differences=differences_table(section),
        correctness=correctness_table(section),
        parity=parity_table(section),
        operators=operators_of(section),
        firmware=firmware_part(section, f"{name}-firmware"),
    )


def _latencies(
    section: TargetSection, name: str, colours: dict[str, int], folder: Path | None
) -> list[LatencyPart]:
    parts = []
    for number, found in enumerate(section.measurements):
        samples = read_samples(folder, found.latency_ms) if found.latency_ms else None
        if samples is not None:
            panel = latency_panel(
                samples,
                f"{found.rung} on {found.target}",
                f"series-{colours[found.rung]}",
                f"{name}-{number}",
                valid=found.valid,
            )
            parts.append(LatencyPart(found.rung, found.valid, panel))
    return parts
