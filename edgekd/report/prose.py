"""The report's sentences: the verdict, what each kind of figure may claim, the nested facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from edgekd.records import Kind, Report
from edgekd.report import units
from edgekd.report.language import is_language_model

# What each kind of figure is, and so what may be concluded from it.
KIND_MEANINGS: dict[Kind, str] = {
    "device": "Run on the named device. Milliseconds and memory are that device's own, and so are "
    "temperature and energy where it tells them. A throttled run is marked invalid.",
    "host": "Run on the machine named under Environment. Milliseconds and memory are this "
    "machine's and say nothing about another one.",
    "emulated": "Run in an emulator that counts. Retired instructions, planned memory, stack and "
    "linked sizes are exact; no time and no cycles are claimed.",
    "estimate": "Computed by a named model such as a vendor's tool, never run. Its assumptions "
    "stand beside the figure.",
}

_LADDER_NOTE = (
    "Accuracy of the torch models, before export. The mean over seeds, its 95% interval over "
    "seeds and test samples, and each seed by itself."
)
_NEXT_TOKEN_NOTE = (
    "The torch models before export, on the test text. Accuracy is the share of tokens that were "
    "the most likely one, perplexity the exponential of the nats a token, agreement the "
    "share of positions at which the most likely token is the teacher's. 95% intervals are over "
    "windows of the text."
)
_LADDER_KEY = (
    "Large dot: mean over seeds. Bar: 95% interval. Small dots: single seeds. The axis does not "
    "start at zero."
)
_NEXT_TOKEN_KEY = (
    "Dot: share of next tokens that were the most likely one. Bar: 95% interval. The axis does "
    "not start at zero."
)
TRAINING_NOTE = (
    "Nats a token on the validation text while each rung was trained, lower is better. The large "
    "dot is the step whose weights were kept; dotted lines lead to the names. The axis of nats "
    "does not start at zero."
)
LOSSES_NOTE = (
    "Percentage points from the teacher to each exported file, by the stage that owns them. "
    "Minus is a loss, plus is a gain."
)
_EVERY_FIGURE = (
    "Every figure is from the exported file itself, and beside it stands how it was made. "
)
_AGAINST_TEACHER = (
    "and smaller are against the teacher on the same target in the same run; retained is the share "
    "of its accuracy. Added memory is what loading and running the model adds; peak RSS is the "
    "whole process with its runtime. KiB is 1,024 bytes."
)
_TARGETS_NOTE = (
    f"{_EVERY_FIGURE}Speed-up (of milliseconds), fewer (of counted instructions) {_AGAINST_TEACHER}"
)
_COUNTED_TOKEN = (
    " Instructions, and how many times fewer they are, are those of one decoded token; they are "
    "counted, and say nothing of time."
)
_ANSWERS_NOTE = (
    f"{_EVERY_FIGURE}First token is the time until an answer begins, tokens/s how fast it goes on, "
    "both with the shortest prompt. Speed-up (the ratio of tokens/s, not of the time to the first "
    f"token) {_AGAINST_TEACHER}"
)
SAMPLED_NOTE = (
    "An accuracy on so many of so many was found on a part of the test samples, drawn by the run's "
    "first seed."
)
SAMPLED_PLANE_NOTE = (
    "Where an accuracy was found on a part of the test samples, the list of the front says so."
)
LATENCY_NOTE = (
    "Milliseconds in the order in which the inferences ran, warm-up dropped. Line: median of each "
    "slice of time; band: its middle 80%; triangles: the slowest, above the axis. To the "
    "right: how often each latency occurred. The thin line through both is the median of all. "
    "Each panel has its own axis, which does not start at zero. An invalid measurement has dashed "
    "edges and no band."
)
INVALID_NOTE = "Hollow markers are invalid measurements; they take no part in the front."

_AREA_NOTE = (
    " The task is anomaly detection: wherever this report says accuracy, it is the area under the "
    "ROC curve (AUC) of the squared error with which each sample is given back."
)

_DEEPEST = 6


def title_line(report: Report) -> str:
    """Seeds and, where the environment holds a ``date`` (ISO 8601), when the run was made."""
    return run_line(report.seeds, report.environment)


def ladder_note(report: Report) -> str:
    """What the figures of the ladder are."""
    if is_language_model(report):
        return _NEXT_TOKEN_NOTE
    area = any(rung.accuracy.metric == "auc" for rung in report.rungs)
    return _LADDER_NOTE + (_AREA_NOTE if area else "")


def ladder_key(report: Report) -> str:
    """How to read the chart of the ladder."""
    return _NEXT_TOKEN_KEY if is_language_model(report) else _LADDER_KEY


def targets_note(report: Report) -> str:
    """What the figures of the targets are."""
    if not is_language_model(report):
        return _TARGETS_NOTE
    counted = any(found.counted for found in report.measurements)
    return _ANSWERS_NOTE + (_COUNTED_TOKEN if counted else "")


def run_line(seeds: list[int], environment: Mapping[str, Any]) -> str:
    """``title_line`` of any kind of run."""
    named = ", ".join(str(seed) for seed in seeds)
    parts = [f"{'seed' if len(seeds) == 1 else 'seeds'} {named}"] if seeds else []
    if environment.get("date"):
        parts.append(_moment(str(environment["date"])))
    return " · ".join(parts)


def verdict_line(report: Report) -> str:
    """One sentence: whether distillation was worth it, and by how many points."""
    verdict = report.verdict
    if verdict is None:
        return "No verdict: there is no distilled student with its control from scratch."
    was = "was" if verdict.distillation_worth_it else "was not shown to be"
    low, high = (units.points(bound * 100) for bound in verdict.ci95)
    points, control = "points", "from scratch"
    if is_language_model(report):
        # There the control starts from the same part of the teacher as the student does.
        points, control = "points of next tokens", "without the teacher"
    return (
        f"Distillation {was} worth it: {units.points(verdict.gain * 100)} {points} "
        f"(95% interval {low} to {high}) against the same student trained {control}."
    )


def verdict_details(report: Report) -> list[tuple[str, str]]:
    """Why the verdict is so, and which labels the teacher saw: it means nothing without them.

    A language model's teacher saw no labels.
    """
    verdict = report.verdict
    if verdict is None:
        return []
    why = ("Why", verdict.why)
    if is_language_model(report) and verdict.teacher_labels is None:
        return [why]
    return [why, ("Labels the teacher saw", verdict.teacher_labels or "not recorded")]


def flat_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested facts as (path, value) lines, in their order."""
    return list(_flatten(facts, ())) if facts else []


def _flatten(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    nested = isinstance(value, Mapping | list) and len(path) < _DEEPEST
    if nested and isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, (*path, _words(str(key))))
    elif nested and any(isinstance(item, Mapping | list) for item in value):
        for index, inner in enumerate(value, start=1):
            yield from _flatten(inner, (*path, str(index)))
    elif isinstance(value, list):
        yield _path(path), ", ".join(units.scalar(item) for item in value) or units.MISSING
    elif value == {}:
        yield _path(path), units.MISSING
    else:
        yield _path(path), units.scalar(value)


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def _words(key: str) -> str:
    return key.replace("_", " ")


def _path(path: tuple[str, ...]) -> str:
    return ": ".join(path)
