"""``edgekd compare``: what it found, and the baseline that it can keep."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgekd.records.base import Kind, Record
from edgekd.records.ladder import Report

FigureVerdict = Literal["worse", "better", "no change shown", "not judged"]


class ComparedFigure(Record):
    """One figure of both reports.

    Attributes:
        rung: on the ladder.
        target: null: of the rung itself, in torch.
        kind: null where ``target`` is.
        figure: ``accuracy``, ``agreement`` (top-1, with the step before), ``p50``, ``p90``,
            ``p99``, ``instructions``, ``cycles``, or a field of ``Memory``; of a language model
            also ``perplexity``, ``first_token_ms/PROMPT`` and ``tokens_per_second/PROMPT``, with
            the tokens of the prompt.
        before: in the baseline: a share, milliseconds, a count, a rate or bytes.
        after: in the candidate.
        before_ci95: its own 95 % interval; null: exact, or not known.
        after_ci95: likewise.
        change: after less before for shares; for costs, relative to before.
        interval: of the change, at the comparison's ``confidence``; null: not judged.
        p_value: two-sided, of no change; null: not judged, or exact.
        verdict: ``no change shown`` is no proof that there is none.
        covers: what the interval covers.
        reason: why it is not judged.
    """

    rung: str
    target: str | None
    kind: Kind | None
    figure: str
    before: float
    after: float
    before_ci95: tuple[float, float] | None = None
    after_ci95: tuple[float, float] | None = None
    change: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    verdict: FigureVerdict
    covers: str | None = None
    reason: str | None = None


class Comparison(Record):
    """Two reports side by side.

    Attributes:
        baseline: where it was read from.
        candidate: likewise.
        family_confidence: chance of no false alarm where nothing changed.
        confidence: of each interval of a change, see ``docs/compare.md``.
        judged: figures that were judged by their intervals.
        figures: in the order of the reports.
        regressions: one line each.
        accepted: the same, where they were accepted.
        added: only in the candidate, one line each.
        removed: only in the baseline, likewise.
        refused: what cannot be compared, and why.
        context: what else differs between the reports.
        passed: there is no regression that was not accepted.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    baseline: str
    candidate: str
    family_confidence: float
    confidence: float
    judged: int
    figures: list[ComparedFigure]
    regressions: list[str] = Field(default_factory=list)
    accepted: list[str] = Field(default_factory=list)
    added: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)
    refused: list[str] = Field(default_factory=list)
    context: list[str] = Field(default_factory=list)
    passed: bool


class RungEvidence(Record):
    """What is known of a rung beyond its report.

    Attributes:
        weights: sha256 of them, by seed.
        seeds: of the rows of ``outcomes``.
        samples: in each row.
        encoding: ``bits``: one for each right answer, a row after the other, the highest bit of a
            byte first; ``float32``: values whose mean is the metric, lowest byte first.
        outcomes: of each seed on each test sample, in base64; null: not known.
    """

    weights: dict[str, str] = Field(default_factory=dict)
    seeds: list[str] = Field(default_factory=list)
    samples: int = Field(default=0, ge=0, le=10_000_000)
    encoding: Literal["bits", "float32"] = "bits"
    outcomes: str | None = None


class Baseline(Record):
    """One side of a comparison: a report, and of its run folder what intervals need.

    Attributes:
        report: as it was.
        data_sha256: of the stored data set, split included; null: not known.
        rungs: by name.
        stretches: medians of the stretches of each latency run, milliseconds, by its cell
            ``target/rung/kind``.
        accepted: regressions that were accepted when it was kept.
    """

    schema_version: Literal[1] = Field(default=1, alias="baseline")
    report: Report
    data_sha256: str | None = None
    rungs: dict[str, RungEvidence] = Field(default_factory=dict)
    stretches: dict[str, list[float]] = Field(default_factory=dict)
    accepted: list[str] = Field(default_factory=list)
