"""Accuracies and agreements of two reports in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from edgekd.measure.comparison import Change
from edgekd.measure.comparison_accuracy import Outcomes, Share, paired_change, share_change
from edgekd.measure.outcomes import METRICS
from edgekd.measure.statistics import CONFIDENCE, Interval, wilson_interval
from edgekd.pipeline.comparison.sides import Pending, Sides
from edgekd.records import Measurement, Rung
from edgekd.records.comparison import Baseline, ComparedFigure

# Its samples are no right and wrong answers.
_AREA = METRICS["anomaly-detection"]


def rung_figure(sides: Sides, before: Rung, after: Rung) -> Pending:
    """Accuracy of a rung in torch."""
    old, new = before.accuracy, after.accuracy
    figure = ComparedFigure(
        rung=before.name,
        target=None,
        kind=None,
        figure="accuracy",
        before=old.value,
        after=new.value,
        before_ci95=old.ci95,
        after_ci95=new.ci95,
        change=new.value - old.value,
        verdict="not judged",
    )
    reason = sides.other_data
    if old.metric != new.metric:
        reason = f"other metrics: {old.metric} and {new.metric}"
    if reason:
        return Pending(figure.model_copy(update={"reason": reason}), None, gain=True)
    shares = (_rung_share(before), _rung_share(after))
    same = sides.same_weights(before.name)
    outcomes = sides.outcomes(before.name)
    change = (
        paired_change(*shares, outcomes, same_weights=same)
        if outcomes
        else share_change(*shares, same_weights=same)
    )
    return Pending(figure, change, gain=True)


def share_figures(sides: Sides, before: Measurement, after: Measurement) -> Iterator[Pending]:
    """Accuracy of an exported file, and its agreement with the step before it."""
    rungs = sides.rungs(before.rung)
    same = sides.same_exported(before, after)
    old, new = before.accuracy, after.accuracy
    if old is not None and new is not None:
        seeds = [rung.accuracy.per_seed for rung in rungs] if rungs else [[old.value], [new.value]]
        shares = (Share(old.value, old.n, seeds[0]), Share(new.value, new.n, seeds[1]))
        reason = sides.other_data
        if not (before.accuracy_holds and after.accuracy_holds):
            reason = "outputs diverged"
        elif rungs and any(rung.accuracy.metric == _AREA for rung in rungs):
            reason = "the outcomes of exported files are not kept, and this metric needs them"
        differing = _differing(sides, before, after, same)
        change = share_change(*shares, same_weights=same, differing=differing)
        yield _share(before, "accuracy", shares, reason, change)
    if before.parity is None or after.parity is None:
        return
    agreed = (before.parity.top1_agreement, after.parity.top1_agreement)
    if agreed[0] is None or agreed[1] is None:
        return
    ns = (before.parity.n, after.parity.n)
    shares = (Share(agreed[0], ns[0], [agreed[0]]), Share(agreed[1], ns[1], [agreed[1]]))
    reason = sides.other_data
    if before.parity.against != after.parity.against:
        reason = f"other references: {before.parity.against} and {after.parity.against}"
    yield _share(before, "agreement", shares, reason, share_change(*shares, same_weights=same))


def _rung_share(rung: Rung) -> Share:
    accuracy = rung.accuracy
    share = Share(accuracy.value, accuracy.n, accuracy.per_seed, len(accuracy.per_seed))
    if accuracy.metric != _AREA:
        return share
    half = (accuracy.ci95[1] - accuracy.ci95[0]) / 2
    return replace(share, variance=(half / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)) ** 2)


def _differing(sides: Sides, before: Measurement, after: Measurement, same: bool) -> float | None:
    """At most so many answers of two exported files differ in being right; ``None``: unknown.

    Each file's answers differ from torch's where its parity says so, and torch's from each other
    as their outcomes say.
    """
    kept = (_disagreement(before), _disagreement(after))
    if sides.other_data or kept[0] is None or kept[1] is None:
        return None
    sampled = [(m.accuracy.n, m.accuracy.sampled_from) for m in (before, after) if m.accuracy]
    seeds = (sides.before.report.seeds[:1], sides.after.report.seeds[:1])
    if sampled[0] != sampled[1]:
        return None
    if sampled[0][1] is not None:
        # The same samples were drawn where the seed is the same.
        return kept[0] + kept[1] if before.sha256 == after.sha256 and seeds[0] == seeds[1] else None
    outcomes = sides.outcomes(before.rung)
    if outcomes is None:
        return kept[0] + kept[1] if before.sha256 == after.sha256 else None
    rows = [
        _row(side, found, known)
        for side, found, known in zip(
            (sides.before, sides.after), (before, after), outcomes, strict=True
        )
    ]
    if rows[0] is None or rows[1] is None:
        return None
    return float(np.abs(rows[0] - rows[1]).mean()) + kept[0] + kept[1]


def _row(side: Baseline, found: Measurement, outcomes: Outcomes) -> Outcomes | None:
    seeds = side.rungs[found.rung].seeds
    if len(seeds) == 1:
        return np.asarray(outcomes[0])
    return np.asarray(outcomes[seeds.index(str(found.seed))]) if str(found.seed) in seeds else None


def _disagreement(found: Measurement) -> float | None:
    """Share of samples on which a file decides otherwise than torch at its precision, at most."""
    if found.parity is None or found.accuracy is None or found.parity.n != found.accuracy.n:
        return None
    steps = [step for step in found.parity.steps if not step.step.startswith("torch")]
    agreed = [step.top1_agreement for step in steps]
    if not steps or None in agreed:
        return None
    return sum(1 - share for share in agreed if share is not None)


def _share(
    found: Measurement, name: str, shares: tuple[Share, Share], reason: str, change: Change
) -> Pending:
    old, new = shares
    intervals: list[Interval] = [wilson_interval(one.value * one.n, one.n) for one in shares]
    figure = ComparedFigure(
        rung=found.rung,
        target=found.target,
        kind=found.kind,
        figure=name,
        before=old.value,
        after=new.value,
        before_ci95=intervals[0],
        after_ci95=intervals[1],
        change=new.value - old.value,
        verdict="not judged",
        reason=reason or None,
    )
    return Pending(figure, None if reason else change, gain=True)
