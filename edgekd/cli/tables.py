"""Tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from edgekd.records import Measurement, Report


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as the terminal, or as wide as it needs where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*[_plain(cell) for cell in row])
    console.print(table)


def print_report(report: Report) -> None:
    """The ladder, the measurements and the verdict."""
    from edgekd.report.prose import verdict_line

    print_table(
        ("rung", "parameters", "weights", "accuracy (torch)", "95 % interval"),
        [
            (
                rung.name,
                f"{rung.parameters:,}",
                f"{rung.bytes:,} B",
                f"{rung.accuracy.value:.2%}",
                "{:.2%} to {:.2%}".format(*rung.accuracy.ci95),
            )
            for rung in report.rungs
        ],
    )
    print_measurements(report.measurements)
    for cell in report.unavailable:
        print(f"not available: {cell.rung} on {cell.target}: {cell.reason}")
    if report.verdict is not None:
        print(verdict_line(report.verdict))
        print(f"The teacher saw {report.verdict.teacher_labels}.")


def print_measurements(measurements: Sequence[Measurement]) -> None:
    """One row for each measurement."""
    print_table(
        ("target", "rung", "accuracy", "agreement", "p50 ms", "file", "RAM added", "speed-up", ""),
        [_row(measurement) for measurement in measurements],
    )
    for measurement in measurements:
        for reason in measurement.reasons:
            print(f"invalid: {measurement.rung} on {measurement.target}: {reason}")


def _row(measurement: Measurement) -> tuple[str, ...]:
    def shown(value: object, form: str) -> str:
        return "-" if value is None else form.format(value)

    memory, latency = measurement.memory, measurement.latency_ms
    return (
        measurement.target,
        measurement.rung,
        shown(measurement.accuracy and measurement.accuracy.value, "{:.2%}"),
        shown(measurement.parity and measurement.parity.top1_agreement, "{:.1%}"),
        shown(latency and latency.p50, "{:.4f}"),
        shown(memory.model_bytes, "{:,} B"),
        shown(memory.ram_bytes, "{:,} B"),
        shown(measurement.vs_teacher.speedup, "{:.1f}x"),
        "" if measurement.valid else "invalid",
    )


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "?" for c in text))
