"""The figures at the top of a language model's report: how it predicts, and how it answers."""

from __future__ import annotations

from edgekd.records import Measurement, Report
from edgekd.report import units
from edgekd.report.language import gap_closed, perplexity, shortest_prompt
from edgekd.report.origin import origin_of
from edgekd.report.summary import KeyFigure, student_rung, teacher_rung

_CONTROL = "scratch"


def prediction_figures(report: Report) -> list[KeyFigure]:
    """The student's perplexity between its control's and its teacher's, and what that closes."""
    student = student_rung(report)
    if student is None or student.language is None:
        return []
    control = next((rung for rung in report.rungs if rung.name.startswith(_CONTROL)), None)
    beside = [
        f"{name} {units.perplexity(rung.language.perplexity)}"
        for name, rung in (("control", control), ("teacher", teacher_rung(report)))
        if rung is not None and rung is not student and rung.language is not None
    ]
    note = "; ".join([*beside, "before export"])
    figures = [KeyFigure("Student perplexity", units.perplexity(student.language.perplexity), note)]
    gap = gap_closed(report)
    if gap is not None:
        interval = f"95% interval {units.interval(*gap.ci95)}, of the nats a token"
        figures.append(KeyFigure("Gap to the teacher closed", units.percent(gap.share), interval))
    return figures


def answer_figures(usable: list[Measurement]) -> list[KeyFigure]:
    """The fastest answers of files of one origin, of these whose figures of time hold."""
    timed = [
        (found, figures)
        for found in usable
        if found.valid and (figures := shortest_prompt(found)) is not None
    ]
    if not timed:
        return []
    fastest, decoded = max(timed, key=lambda pair: pair[1].decode_tokens_per_second)
    first, begun = min(timed, key=lambda pair: pair[1].time_to_first_token_ms)
    ratio = fastest.vs_teacher.speedup
    faster = [] if ratio is None else [f"{units.times(ratio)} as many as the teacher's"]
    return [
        KeyFigure(
            "Fastest decoding, tokens/s",
            units.rate(decoded.decode_tokens_per_second),
            ", ".join([*faster, quality(fastest), _place(fastest)]),
        ),
        KeyFigure(
            "Shortest time to first token",
            f"{units.milliseconds(begun.time_to_first_token_ms)} ms",
            f"prompt of {units.count(begun.prompt_tokens)} tokens, {_place(first)}",
        ),
    ]


def quality(found: Measurement) -> str:
    """How a file of a language model predicts; empty where it is of none."""
    score = found.language
    return f"perplexity {units.perplexity(perplexity(score.nll))}" if score else ""


def _place(found: Measurement) -> str:
    return f"{found.rung} on {found.target} ({origin_of(found).text})"
