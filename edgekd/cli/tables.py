"""Tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from edgekd.records import Fit, Kind, Measurement, Report, Rung, Sweep
from edgekd.report.origin import origin_of
from edgekd.report.summary import NOT_RUN


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
        table.add_row(*[_markup(cell) for cell in row])
    console.print(table)


def print_report(report: Report) -> None:
    """The ladder, the measurements and the verdict."""
    from edgekd.report.prose import verdict_line

    of_language = any(rung.language for rung in report.rungs)
    print_table(
        (
            *("rung", "parameters", "weights", "accuracy (torch)", "95 % interval"),
            *(("perplexity", "nats a token") if of_language else ()),
        ),
        [
            (
                rung.name,
                _shown(rung.parameters, "{:,}"),
                _shown(rung.bytes, "{:,} B"),
                f"{rung.accuracy.value:.2%}",
                "{:.2%} to {:.2%}".format(*rung.accuracy.ci95),
                *(_score(rung) if of_language else ()),
            )
            for rung in report.rungs
        ],
    )
    print_measurements(report.measurements)
    for cell in report.unavailable:
        print(f"not available: {cell.rung} on {cell.target}: {cell.reason}")
    if report.verdict is not None:
        print(verdict_line(report))
        if report.verdict.teacher_labels is not None:
            print(f"The teacher saw {report.verdict.teacher_labels}.")


def print_measurements(measurements: Sequence[Measurement]) -> None:
    """A table for each origin of figures, one row for each measurement."""
    for origin in dict.fromkeys(origin_of(found) for found in measurements):
        of_origin = [found for found in measurements if origin_of(found) == origin]
        if len(of_origin) < len(measurements):
            print(f"{origin.text}{f', {_plain(origin.phone)}' if origin.phone else ''}:")
        columns = _columns(of_origin)
        print_table(
            ("target", "rung", "kind", *(heading for heading, _ in columns), ""),
            [_row(found, columns) for found in of_origin],
        )
        _print_cores(of_origin, columns)
        _print_assumptions(of_origin)
    _print_reasons(measurements)


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


Column = tuple[str, Callable[[Measurement], str]]


def _measured_columns() -> list[Column]:
    """What is shown of every host and device."""
    return [
        ("accuracy", _accuracy),
        ("agreement", lambda m: _shown(m.parity and m.parity.top1_agreement, "{:.1%}")),
        ("p50 ms", lambda m: _shown(m.latency_ms and m.latency_ms.p50, "{:.4f}")),
        ("file", lambda m: _shown(m.memory.model_bytes, "{:,} B")),
        ("RAM added", lambda m: _shown(m.memory.ram_bytes, "{:,} B")),
        ("speed-up", lambda m: _shown(m.vs_teacher.speedup, "{:.1f}x")),
    ]


def _answering_columns() -> list[Column]:
    """What is shown of language models: times are those behind the shortest prompt."""
    from edgekd.report.tables.columns import (
        decoding_rate,
        file_perplexity,
        first_token,
        prefill_rate,
    )

    files = [column for column in _measured_columns() if column[0] in ("file", "RAM added")]
    return [
        ("accuracy", _accuracy),
        ("perplexity", lambda m: _dashed(file_perplexity(m))),
        ("first token ms", lambda m: _dashed(first_token(m))),
        ("prefill tokens/s", lambda m: _dashed(prefill_rate(m))),
        ("decode tokens/s", lambda m: _dashed(decoding_rate(m))),
        *files,
        ("decode speed-up", lambda m: _shown(m.vs_teacher.speedup, "{:.1f}x")),
    ]


def _score(rung: Rung) -> tuple[str, str]:
    """Perplexity and nats a token of a rung."""
    from edgekd.report.units import nats, perplexity

    score = rung.language
    return (
        _dashed(perplexity(score.perplexity if score else None)),
        _dashed(nats(score.nll if score else None)),
    )


def _counted_columns(kind: Kind) -> list[Column]:
    """What may be known of a microcontroller or an NPU."""
    time = "estimated ms" if kind == "estimate" else "p50 ms"
    return [
        *_measured_columns()[:2],
        ("instructions", lambda m: _shown(m.instructions, "{:,}")),
        ("fewer", lambda m: _shown(m.vs_teacher.instructions_ratio, "{:.1f}x")),
        ("cycles", lambda m: _shown(m.cycles, "{:,}")),
        (time, lambda m: _shown(m.latency_ms and m.latency_ms.p50, "{:.4f}")),
        ("flash", lambda m: _shown(m.memory.flash_bytes, "{:,} B")),
        ("RAM", lambda m: _shown(m.memory.ram_bytes if _is_whole(m) else None, "{:,} B")),
        ("RAM added", lambda m: _shown(None if _is_whole(m) else m.memory.ram_bytes, "{:,} B")),
        ("arena", lambda m: _shown(m.memory.arena_bytes, "{:,} B")),
        ("stack", lambda m: _shown(m.memory.stack_bytes, "{:,} B")),
        ("file", lambda m: "-" if m.format == "c" else _shown(m.memory.model_bytes, "{:,} B")),
    ]


def _accuracy(measurement: Measurement) -> str:
    accuracy = measurement.accuracy
    if accuracy is None or accuracy.sampled_from is None:
        return _shown(accuracy and accuracy.value, "{:.2%}")
    return f"{accuracy.value:.2%} on {accuracy.n:,} of {accuracy.sampled_from:,}"


def _is_whole(measurement: Measurement) -> bool:
    """Whether its RAM is all that there is: a firmware's, or what a model of one needs."""
    return measurement.format == "c" or measurement.kind == "estimate"


def _columns(measurements: Sequence[Measurement]) -> list[Column]:
    """The columns of one kind; those of microcontrollers only where they hold a figure."""
    kind = measurements[0].kind
    if any(m.generation or m.language for m in measurements):
        return _answering_columns()
    if kind not in ("emulated", "estimate") and not any(m.format == "c" for m in measurements):
        return _measured_columns()
    counted = _counted_columns(kind)
    return [column for column in counted if any(column[1](m) != "-" for m in measurements)]


def _row(measurement: Measurement, columns: Sequence[Column]) -> tuple[str, ...]:
    figures = [read(measurement) for _, read in columns]
    made = origin_of(measurement).text
    return (measurement.target, measurement.rung, made, *figures, _state(measurement))


def _state(measurement: Measurement) -> str:
    if measurement.device == NOT_RUN:
        return "not run"
    return "" if measurement.valid else "invalid"


def _print_reasons(measurements: Sequence[Measurement]) -> None:
    """An estimate has the reasons of what it was made from: each is said once."""
    lines: dict[str, None] = {
        f"{_state(found)}: {found.rung} on {found.target}: {reason}": None
        for found in measurements
        if _state(found)
        for reason in found.reasons
    }
    for line in lines:
        print(line)


def _print_cores(measurements: Sequence[Measurement], columns: Sequence[Column]) -> None:
    """That counts of several targets are not always of the same instructions."""
    from edgekd.report.cores import CORES_NOTE

    counted = {m.target for m in measurements if m.instructions is not None or m.cycles is not None}
    if len(counted) > 1 and {"instructions", "cycles"} & {heading for heading, _ in columns}:
        print(CORES_NOTE)


def _print_assumptions(measurements: Sequence[Measurement]) -> None:
    """What figures rest on, each line once, with all that it is about."""
    about: dict[str, list[Measurement]] = {}
    for found in measurements:
        if found.kind == "estimate" and found.device != NOT_RUN:
            about.setdefault(f"estimated by {found.device}", []).append(found)
        for line in found.assumptions:
            about.setdefault(f"assumed: {line}", []).append(found)
    for line, of in about.items():
        print(f"{_subjects(of, measurements)}: {line}")


def _subjects(some: Sequence[Measurement], measurements: Sequence[Measurement]) -> str:
    """The targets, where all of their rungs are meant; or else each rung on its target."""
    names = []
    for found in some:
        rungs = {m.rung for m in measurements if m.target == found.target}
        whole = rungs <= {m.rung for m in some if m.target == found.target}
        names.append(found.target if whole else f"{found.rung} on {found.target}")
    return ", ".join(dict.fromkeys(names))


def _shown(value: object, form: str) -> str:
    return "-" if value is None else form.format(value)


def _dashed(text: str) -> str:
    """A figure as the pages have it; what is missing, as the other columns here have it."""
    from edgekd.report.units import MISSING

    return "-" if text == MISSING else text


def _markup(text: str) -> str:
    from rich.markup import escape

    return escape(_plain(text))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
