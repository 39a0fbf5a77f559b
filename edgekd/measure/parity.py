"""How far the outputs of one step of the deployment chain are from those of the step before it.

What counts as divergence depends on what the step is:

- Where either side computes in integers, single values differ by rounding and the distance says
  little; what must hold is the decision. The step diverges when the predicted class (top-1) agrees
  on less than 99 % of the samples.
- Where both sides compute in float (fp32 or fp16), the conversion claims to be the same function.
  The step diverges on the decision as above, or when the signal-to-quantization-noise ratio is
  below 40 dB, that is, when the difference carries more than 1 % of the signal's amplitude. For
  scale: fp16 kernels reach 60 dB and more against fp32, other fp32 kernels 120 dB.
- A library that was generated from a file claims to compute what the file's reference runtime
  computes, to the last bit. Such a step diverges with the first value that differs.
- Outputs that are no classes (reconstructions) have no decision to compare. There an integer step
  diverges below 10 dB, that is, when the difference carries a third of the signal's amplitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgekd.errors import RunFailed
from edgekd.records import Parity, ParityStep

MIN_TOP1_AGREEMENT = 0.99
MIN_FLOAT_SQNR_DB = 40.0
MIN_INTEGER_SQNR_DB = 10.0

Outputs = npt.NDArray[Any]


class Stage(NamedTuple):
    """One link of the chain.

    Attributes:
        name: what the report calls it, for example ``torch``, ``torch-int8`` or ``host-litert``.
        outputs: real values ``[n, classes]`` (further axes are flattened), the same samples in
            the same order at every stage.
        quantized: whether weights or activations are integers here.
        exact: whether it claims to equal the link before it to the last bit.
    """

    name: str
    outputs: Outputs
    quantized: bool
    exact: bool = False


def compare_outputs(before: Stage, after: Stage, *, classes: bool = True) -> ParityStep:
    """Compare one stage with the one before it.

    Args:
        before: the reference.
        after: what is compared with it.
        classes: whether the outputs are classes, whose largest is the decision.

    Raises:
        RunFailed: the shapes differ, there are no samples, or a value is NaN or infinite.
    """
    reference, candidate = _values(before), _values(after)
    if reference.shape != candidate.shape:
        raise RunFailed(
            f"outputs of shape {candidate.shape} cannot be compared with {reference.shape} of "
            f"{before.name}",
            where=after.name,
            mend="both must run the same samples and give the same classes",
        )
    noise = sqnr_db(reference, candidate)
    decided = reference.argmax(axis=1) == candidate.argmax(axis=1)
    agreement = float(decided.mean()) if classes else None
    is_float = not (before.quantized or after.quantized)
    least = MIN_FLOAT_SQNR_DB if is_float else (-np.inf if classes else MIN_INTEGER_SQNR_DB)
    furthest = float(np.abs(reference - candidate).max())
    return ParityStep(
        step=after.name,
        against=before.name,
        max_abs=furthest,
        sqnr_db=noise,
        top1_agreement=agreement,
        n=reference.shape[0],
        exact=after.exact,
        diverged=(agreement is not None and agreement < MIN_TOP1_AGREEMENT)
        or (noise is not None and noise < least)
        or (after.exact and furthest > 0),
    )


def how_far(parity: Parity) -> str:
    """How far the artifact is from its reference, in words."""
    if parity.steps[-1].exact and parity.max_abs > 0:
        return f"does not equal {parity.against} to the bit on {parity.n} samples"
    if parity.top1_agreement is not None:
        return f"agrees with {parity.against} on {parity.top1_agreement:.1%} of {parity.n} samples"
    noise = "no" if parity.sqnr_db is None else f"{parity.sqnr_db:.0f} dB of"
    return f"differs from {parity.against}: {noise} signal over noise on {parity.n} samples"


def parity_chain(stages: Sequence[Stage], *, classes: bool = True) -> Parity:
    """Compare each stage with the one before it.

    The record's own figures are those of the last step: the artifact against its reference.

    Args:
        stages: two or more, from the torch model to the artifact on its device.
        classes: whether the outputs are classes, whose largest is the decision.

    Raises:
        RunFailed: fewer than two stages, or outputs that cannot be compared.
    """
    if len(stages) < 2:
        raise RunFailed("parity needs an artifact and a reference before it")
    steps = [compare_outputs(before, after, classes=classes) for before, after in pairwise(stages)]
    last = steps[-1]
    return Parity(
        against=last.against,
        max_abs=last.max_abs,
        sqnr_db=last.sqnr_db,
        top1_agreement=last.top1_agreement,
        n=last.n,
        steps=steps,
        first_divergence=next((step.step for step in steps if step.diverged), None),
    )


def sqnr_db(reference: Outputs, candidate: Outputs) -> float | None:
    """Signal-to-quantization-noise ratio, 10 log10(sum r^2 / sum (r - c)^2), in decibel.

    Args:
        reference: finite values; their energy is the signal.
        candidate: finite values of the same shape.

    Returns:
        The ratio; ``None`` where both are equal. A reference of zeros gives a large negative
        number, not minus infinity.
    """
    signal = np.asarray(reference, np.float64).ravel()
    noise = signal - np.asarray(candidate, np.float64).ravel()
    loudest = float(np.abs(noise).max(initial=0.0))
    if loudest == 0.0:
        return None
    # Scaled by its own maximum the noise cannot underflow; the signal is kept from doing so.
    tiny = np.finfo(np.float64).tiny
    noise_db = 10 * np.log10(np.square(noise / loudest).sum()) + 20 * np.log10(loudest)
    peak = float(np.abs(signal).max())
    if peak == 0.0:
        return float(10 * np.log10(tiny) - noise_db)
    signal_db = 10 * np.log10(np.square(signal / peak).sum()) + 20 * np.log10(peak)
    return float(signal_db - noise_db)


def _values(stage: Stage) -> npt.NDArray[np.float64]:
    outputs = stage.outputs
    if outputs.ndim == 0 or outputs.size == 0:
        raise RunFailed(f"outputs of shape {outputs.shape} hold no samples", where=stage.name)
    values = outputs.reshape(outputs.shape[0], -1).astype(np.float64)
    broken = int((~np.isfinite(values)).any(axis=1).sum())
    if broken:
        raise RunFailed(
            f"{broken} of {values.shape[0]} outputs hold NaN or infinity", where=stage.name
        )
    return values
