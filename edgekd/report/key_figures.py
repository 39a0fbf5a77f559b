"""The figures at the top of a report: the student, and the lowest of each cost."""

from __future__ import annotations

from edgekd.records import Measurement, Report
from edgekd.report import units
from edgekd.report.cores import families
from edgekd.report.language_figures import answer_figures, prediction_figures, quality
from edgekd.report.origin import origin_of, origins
from edgekd.report.planes import FILE_SIZE, FLASH, INSTRUCTIONS, LATENCY, Figure, sample_text
from edgekd.report.summary import KeyFigure, student_rung, teacher_rung

_NOT_SHIPPED = ("teacher", "scratch")


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
    figures = _student_figure(report) + prediction_figures(report) + _int8_figure(usable)
    figures += _lowest_figure("Smallest file", FILE_SIZE, usable)
    for origin in origins(usable):
        of_origin = [found for found in usable if origin_of(found) == origin]
        figures += _lowest_figure("Lowest latency, p50", LATENCY, of_origin)
        figures += answer_figures(of_origin)
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
    return [KeyFigure(label, text, _smaller(cost, usable[index]) + _with_accuracy(usable[index]))]


def _smaller(cost: Figure, measurement: Measurement) -> str:
    """How much smaller than the teacher's the file of a language model is."""
    ratio = measurement.vs_teacher.size_ratio
    if cost is not FILE_SIZE or measurement.language is None or ratio is None:
        return ""
    return f"{units.times(ratio)} smaller than the teacher's, "


def _with_accuracy(measurement: Measurement) -> str:
    sample = sample_text(measurement)
    accuracy = f"{units.percent(_accuracy(measurement))} accurate{f' {sample}' if sample else ''}"
    return f"{quality(measurement) or accuracy}, {_place(measurement)}"


def _accuracy(measurement: Measurement) -> float:
    return measurement.accuracy.value if measurement.accuracy else 0.0


def _place(measurement: Measurement) -> str:
    return f"{measurement.rung} on {measurement.target} ({origin_of(measurement).text})"
