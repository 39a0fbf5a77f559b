"""Where points were lost on the way from the teacher to one artifact, and who owns each loss."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Loss, Measurement, Report
from edgekd.report.origin import Origin, origin_of

# In the order that a model passes them. The report sorts and names losses by this list.
STAGES = ("distillation", "pruning", "quantization", "conversion", "device")


@dataclass(frozen=True)
class Waterfall:
    """The way to one artifact.

    Attributes:
        start: the teacher's accuracy, 0 to 1.
        steps: stage and points lost there (negative is a gain), in the order of ``STAGES``.
        end: the artifact's accuracy, 0 to 1.
        valid: whether the artifact's accuracy holds.
        origin: of the artifact's accuracy.
    """

    rung: str
    target: str
    start: float
    steps: list[tuple[str, float]]
    end: float
    valid: bool
    origin: Origin


def points_lost(
    teacher_accuracy: float,
    distilled_accuracy: float,
    quantized_torch_accuracy: float | None,
    artifact_accuracy: float,
    *,
    rung: str,
    target: str,
    pruned_accuracy: float | None = None,
) -> list[Loss]:
    """Split the way from teacher to artifact into the points lost at each stage.

    Args:
        teacher_accuracy: of the fp32 teacher in torch, 0 to 1, as all the others.
        distilled_accuracy: of the fp32 student in torch.
        quantized_torch_accuracy: of the student quantized in torch; None where the rung is not
            quantized, or the format's own tool quantizes: conversion then owns that loss too.
        artifact_accuracy: of the exported file in its runtime.
        rung: the rung that the artifact holds.
        target: the target that it was made for.
        pruned_accuracy: of the pruned fp32 student in torch; None where nothing was pruned.

    Returns:
        One record a stage that was passed, in percentage points; they add up to the whole loss.
    """
    after = {
        "distillation": distilled_accuracy,
        "pruning": pruned_accuracy,
        "quantization": quantized_torch_accuracy,
        "conversion": artifact_accuracy,
    }
    losses = []
    before = teacher_accuracy
    for stage in STAGES:
        accuracy = after.get(stage)
        if accuracy is None:
            continue
        # Six decimals: below any accuracy step, and free of binary noise such as 0.30000000000004.
        lost = round((before - accuracy) * 100, 6)
        losses.append(Loss(stage=stage, points=lost, rung=rung, target=target))
        before = accuracy
    return losses


def waterfalls(report: Report) -> list[Waterfall]:
    """One waterfall for each (rung, target) with losses and a measured accuracy, in their order.

    The end is the measured accuracy of the file, and the start is that plus every loss: so a chart
    of it always meets the measurement table.
    """
    grouped: dict[tuple[str, str], list[Loss]] = {}
    for loss in report.losses:
        grouped.setdefault((loss.rung, loss.target), []).append(loss)
    found = []
    for (rung, target), losses in grouped.items():
        measurement = _measured(report, rung, target)
        if measurement is None or measurement.accuracy is None:
            continue
        end = measurement.accuracy.value
        found.append(
            Waterfall(
                rung=rung,
                target=target,
                start=end + sum(loss.points for loss in losses) / 100,
                steps=[(loss.stage, loss.points) for loss in sorted(losses, key=_stage_order)],
                end=end,
                valid=measurement.accuracy_holds,
                origin=origin_of(measurement),
            )
        )
    return found


def _measured(report: Report, rung: str, target: str) -> Measurement | None:
    candidates = [
        measurement
        for measurement in report.measurements
        if (measurement.rung, measurement.target) == (rung, target) and measurement.accuracy
    ]
    candidates.sort(key=lambda found: (origin_of(found).stand_in, not found.valid))
    return candidates[0] if candidates else None


def _stage_order(loss: Loss) -> int:
    return STAGES.index(loss.stage) if loss.stage in STAGES else len(STAGES)
