"""Tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from edgekd.records import Fit, Measurement, Report, Sweep


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
                _shown(rung.parameters, "{:,}"),
                _shown(rung.bytes, "{:,} B"),
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


def print_sweep(sweep: Sweep) -> None:
    """One row for each setting, best first, and the verdict."""
    rows = []
    for point in sorted(sweep.points, key=lambda p: -sum(p.validation) / max(1, len(p.validation))):
        mean = sum(point.validation) / len(point.validation) if point.validation else None
        found = point.accuracy
        rows.append(
            (
                *(str(value) for value in point.values.values()),
                _shown(mean, "{:.2%}"),
                _shown(found and found.value, "{:.2%}"),
                "-" if found is None else "{:.2%} to {:.2%}".format(*found.ci95),
                "" if point.state == "finished" else point.state,
            )
        )
    print_table((*sweep.over, "validation", f"test {sweep.metric}", "95 % interval", ""), rows)
    print(f"{sweep.why}.")
    print(
        f"Seconds of work: the teacher once {sweep.teacher_seconds:.0f},"
        f" all students {sweep.student_seconds:.0f}."
    )


def print_fit(fit: Fit) -> None:
    """One row for each candidate, trained ones first, and the answer."""
    order = sorted(fit.candidates, key=lambda c: (bool(c.refused), -(c.validation or 0.0)))
    rows = [
        (
            ", ".join(f"{key}={value}" for key, value in candidate.values.items()),
            f"{candidate.prune:.0%}",
            candidate.precision,
            f"{candidate.parameters:,}",
            f"{candidate.flash_bytes:,} B",
            f"{candidate.ram_bytes:,} B",
            _shown(candidate.validation, "{:.2%}"),
            _shown(candidate.accuracy and candidate.accuracy.value, "{:.2%}"),
            "; ".join(candidate.refused),
        )
        for candidate in order
    ]
    print_table(
        ("", "pruned", "precision", "parameters", "flash", "RAM", "validation", "test", "refused"),
        rows,
    )
    print(f"{fit.why}.")
    print("Flash and RAM are estimates of weights and activations, without a runtime.")


def _row(measurement: Measurement) -> tuple[str, ...]:
    memory, latency = measurement.memory, measurement.latency_ms
    return (
        measurement.target,
        measurement.rung,
        _shown(measurement.accuracy and measurement.accuracy.value, "{:.2%}"),
        _shown(measurement.parity and measurement.parity.top1_agreement, "{:.1%}"),
        _shown(latency and latency.p50, "{:.4f}"),
        _shown(memory.model_bytes, "{:,} B"),
        _shown(memory.ram_bytes, "{:,} B"),
        _shown(measurement.vs_teacher.speedup, "{:.1f}x"),
        "" if measurement.valid else "invalid",
    )


def _shown(value: object, form: str) -> str:
    return "-" if value is None else form.format(value)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "?" for c in text))
