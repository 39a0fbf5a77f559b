"""Logits from whatever a teacher gives: logits pass, probabilities become their logarithm."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput

# The smallest probability that is told from 0: about the resolution of float32 near 1.
FLOOR = 1e-7
_SUM_TOLERANCE = 1e-3
# Declared probabilities may be rounded: percentages, fp16, an API's four digits.
_DECLARED_TOLERANCE = 0.05


def to_logits(
    outputs: npt.NDArray[np.float32],
    kind: Literal["logits", "probabilities"],
    *,
    where: str = "teacher",
    step: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Logits whose softmax is what the teacher means.

    Args:
        outputs: finite float32 ``[N, classes]``.
        kind: what they are said to be.
        where: file or key that is named in errors.
        step: distance of two neighbouring values where the outputs were quantized: a probability
            below half of it was rounded to 0, and stands for a quarter of it here.

    Returns:
        float32 ``[N, classes]``: the same logits, or the logarithm of the probabilities, none
        taken below ``FLOOR``.

    Raises:
        BadInput: logits that are probabilities in truth (every row lies in [0, 1] and sums to 1),
            or probabilities that are none; the first bad row is named.
    """
    rounding = outputs.shape[1] * step / 2
    if kind == "logits":
        tolerance = _SUM_TOLERANCE + rounding
        if len(outputs) and (_faults(outputs, tolerance, below=tolerance) == "").all():
            raise BadInput(
                "every row of the teacher's outputs is a probability distribution, not logits",
                where=where,
                mend="set teacher.outputs: probabilities",
            )
        return outputs
    tolerance = max(_DECLARED_TOLERANCE, _SUM_TOLERANCE + rounding)
    check_probabilities(outputs, where, above=tolerance, below=tolerance)
    return np.asarray(np.log(np.maximum(outputs, max(FLOOR, step / 4))), dtype=np.float32)


def check_probabilities(
    rows: npt.NDArray[np.float32], where: str, *, above: float, below: float = 1.0
) -> None:
    """Make sure that each row holds probabilities.

    Args:
        rows: finite float32 ``[N, classes]``.
        where: file or key that is named in errors.
        above: how far a sum may lie above 1.
        below: how far a sum may lie below 1; 1: as far as it likes, which holds for the first few
            of many classes.

    Raises:
        BadInput: a value outside [0, 1] or a sum too far from 1; the first such row is named.
    """
    faults = _faults(rows, above, below)
    bad = np.flatnonzero(faults != "")
    if len(bad):
        raise BadInput(
            f"row {bad[0]} does not hold probabilities: {faults[bad[0]]}",
            where=where,
            mend="check teacher.outputs",
        )


def _faults(rows: npt.NDArray[np.float32], above: float, below: float) -> npt.NDArray[np.str_]:
    """What is wrong with each row as a distribution; empty where nothing is."""
    sums = rows.sum(axis=1, dtype=np.float64)
    outside = (rows.min(axis=1) < -_SUM_TOLERANCE) | (rows.max(axis=1) > 1 + _SUM_TOLERANCE)
    return np.select(
        [outside, sums > 1 + above, (sums < 1 - below) | (sums <= 0)],
        ["a value lies outside 0 to 1", "their sum is above 1", "their sum is below 1"],
        default="",
    )
