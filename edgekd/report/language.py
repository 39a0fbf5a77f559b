"""What a report says of a language model beyond what every model has.

Pure functions that every renderer shares, like those of ``summary``. What they take from
``Report.facts`` is checked: nothing vouches for its form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from edgekd.records import GapClosed, Measurement, PromptFigures, Report

# Of ``Report.facts``: what was trained, by rung, and the course of each training.
TRAINING = "training"
CURVE = "validation_nll"
GAP = "gap_closed"

# More could neither be told apart in a chart nor be looked at in a training.
_MOST_CURVES = 12
_MOST_POINTS = 4096
_HIGHEST_NLL = 1e4
_LAST_STEP = 10**12


class TrainingCurve(NamedTuple):
    """The looks of one training at the validation text.

    Attributes:
        rung: that was trained.
        steps: of each look, in their order.
        nll: nats a token at each of them.
    """

    rung: str
    steps: list[int]
    nll: list[float]

    @property
    def best(self) -> int:
        """The index of the lowest, which is the one that is kept."""
        return self.nll.index(min(self.nll))


def is_language_model(report: Report) -> bool:
    """Whether accuracies are those of the next token, and costs those of answers."""
    return any(rung.language for rung in report.rungs) or any(
        found.generation or found.counted or found.language for found in report.measurements
    )


def shortest_prompt(found: Measurement) -> PromptFigures | None:
    """The answers that a measurement is compared by."""
    return (
        found.generation.by_prompt[0] if found.generation and found.generation.by_prompt else None
    )


def perplexity(nll: float) -> float:
    """``exp(nll)``, finite for any number."""
    return math.exp(min(nll, 700.0))


def gap_closed(report: Report) -> GapClosed | None:
    """How much of the distance from the control to the teacher the student closes; if known."""
    try:
        return GapClosed.model_validate(report.facts.get(GAP))
    except ValidationError:
        return None


def training_curves(report: Report) -> list[TrainingCurve]:
    """The courses of all trainings, in the order of the facts; those that are none are left out."""
    trained = report.facts.get(TRAINING)
    if not isinstance(trained, Mapping):
        return []
    curves = []
    for rung, facts in trained.items():
        points = _points(facts.get(CURVE)) if isinstance(facts, Mapping) else []
        if points:
            steps, nll = [step for step, _ in points], [value for _, value in points]
            curves.append(TrainingCurve(str(rung), steps, nll))
    return curves[:_MOST_CURVES]


def facts_without_curves(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as a table can hold them: a curve is a chart, and no list of numbers."""
    trained = facts.get(TRAINING)
    if not isinstance(trained, Mapping):
        return dict(facts)
    without = {
        rung: {key: value for key, value in told.items() if key != CURVE}
        if isinstance(told, Mapping)
        else told
        for rung, told in trained.items()
    }
    return {**facts, TRAINING: without}


def _points(curve: Any) -> list[tuple[int, float]]:
    """Steps and nats a token; empty where anything in it is something else."""
    if not isinstance(curve, list) or len(curve) > _MOST_POINTS:
        return []
    points = []
    for point in curve:
        if not isinstance(point, list | tuple) or len(point) != 2:
            return []
        step, nll = point
        if type(step) is not int or type(nll) not in (int, float):
            return []
        if not (0 <= step <= _LAST_STEP and 0 <= nll <= _HIGHEST_NLL):
            return []
        points.append((step, float(nll)))
    return points
