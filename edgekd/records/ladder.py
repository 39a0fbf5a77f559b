"""``report.json``, schema 1: rungs, measurements, verdict and losses."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edgekd.records.base import Format, Precision, Record
from edgekd.records.language import LanguageScore
from edgekd.records.measurement import Measurement


class RungAccuracy(Record):
    """Accuracy of a rung over its seeds.

    ``value`` is the mean over seeds; ``ci95`` covers both the seeds and the ``n`` test samples.
    """

    metric: str
    value: float
    ci95: tuple[float, float]
    n: int
    per_seed: list[float]


class Rung(Record):
    """One variant on the ladder. ``bytes`` is the size of its weights at its precision.

    Parameters, MACs and bytes are null where a teacher is only heard of. ``outside_auc`` is how
    well its exported seed tells test samples from samples of no class, by the probability of its
    first choice; null where the data has none. ``language`` is given for language models, whose
    accuracy is that of the next token.
    """

    name: str
    precision: Precision
    parameters: int | None
    macs: int | None
    bytes: int | None
    accuracy: RungAccuracy
    outside_auc: float | None = None
    language: LanguageScore | None = None


class UnavailableCell(Record):
    """A (rung, target) pair that cannot honestly be made, and why."""

    rung: str
    target: str
    format: Format
    precision: Precision
    reason: str


class Verdict(Record):
    """Whether distillation was worth it; ``gain`` and ``ci95`` in accuracy (0 to 1)."""

    distillation_worth_it: bool
    gain: float
    ci95: tuple[float, float]
    why: str
    teacher_labels: str | None = None


class Loss(Record):
    """Percentage points lost at one stage of the way to one artifact; negative is a gain."""

    stage: str
    points: float
    rung: str
    target: str


class Report(Record):
    """``report.json``, schema 1."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seeds: list[int]
    environment: dict[str, Any]
    rungs: list[Rung]
    measurements: list[Measurement]
    unavailable: list[UnavailableCell] = Field(default_factory=list)
    verdict: Verdict | None = None
    losses: list[Loss] = Field(default_factory=list)
    facts: dict[str, Any] = Field(
        default_factory=dict,
        description="what the figures rest on: splits, labels, chosen learning rates, cache use",
    )
