"""``sweep.json`` and ``fit.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edgekd.records.base import Precision, Record
from edgekd.records.ladder import RungAccuracy


class SweepPoint(Record):
    """One setting of a sweep or a search.

    Attributes:
        values: recipe key to value.
        state: ``finished``: trained with every seed. Of a search besides: ``trial``: trained with
            one seed, its validation figure chose the best; ``stopped``: given up, because it was
            behind the others on validation data.
        validation: metric on validation data at each seed.
        accuracy: on test data over the seeds; null unless finished.
        learning_rate: that was chosen.
    """

    values: dict[str, Any]
    state: Literal["finished", "trial", "stopped"]
    validation: list[float] = Field(default_factory=list)
    accuracy: RungAccuracy | None = None
    learning_rate: float | None = None


class Lead(Record):
    """How far the chosen setting is ahead of another on test data; intervals as of a verdict."""

    over: dict[str, Any]
    gain: float
    ci95: tuple[float, float]
    beyond_noise: bool


class Sweep(Record):
    """``sweep.json``: every setting that was tried, and which is best.

    Attributes:
        over: recipe key to the values or the range that was searched.
        teacher: over its test samples.
        control: the same student from its labels alone, under the recipe's own setting.
        best: index into ``points``: highest mean on validation data.
        lead: of the best over the second, on test data; null where there is no second.
        why: the verdict in a sentence.
        teacher_seconds: spent on the teacher and its answers.
        student_seconds: spent on all trainings of students.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seeds: list[int]
    metric: str
    over: dict[str, Any]
    environment: dict[str, Any]
    teacher: RungAccuracy
    control: RungAccuracy | None = None
    points: list[SweepPoint]
    best: int | None = None
    lead: Lead | None = None
    why: str
    teacher_seconds: float
    student_seconds: float


class Candidate(Record):
    """One student that ``edgekd fit`` considered.

    Attributes:
        values: recipe key to value.
        prune: share of its channels that is removed.
        flash_bytes: estimate of weights at the precision.
        ram_bytes: estimate of the arena of activations.
        refused: which budgets the estimate exceeds; empty where it was worth training.
        validation: metric of the student at its precision; null where it was not trained.
        accuracy: likewise, on test data.
    """

    values: dict[str, Any]
    prune: float
    precision: Precision
    parameters: int
    macs: int
    flash_bytes: int
    ram_bytes: int
    refused: list[str] = Field(default_factory=list)
    validation: float | None = None
    accuracy: RungAccuracy | None = None


class Fit(Record):
    """``fit.json``: the best student inside a budget, or what stands in its way.

    Attributes:
        budget: what was asked: ``ram_bytes``, ``flash_bytes``, ``accuracy``.
        chosen: index into ``candidates``; null where nothing fits.
        binding: the constraint that nothing meets; null where something fits.
        why: the answer in a sentence.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seed: int
    metric: str
    environment: dict[str, Any]
    budget: dict[str, float]
    candidates: list[Candidate]
    chosen: int | None
    binding: str | None
    why: str
