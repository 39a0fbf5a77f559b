"""What loaded teachers of every kind have in common: one input, one output of scores, batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, RunFailed
from edgekd.teachers.names import listed
from edgekd.teachers.probabilities import to_logits

Shape = tuple[int | None, ...]
Batch = npt.NDArray[np.float32]

_LARGEST_BATCH = 256
# Activations of one sample are some tens of times its input: this keeps a batch below a gigabyte.
_LARGEST_BATCH_BYTES = 16 * 1024**2


def only_input(names: Sequence[str], path: Path) -> None:
    """Make sure that a model takes one input.

    Raises:
        BadInput: it takes none or several; they are named.
    """
    if len(names) != 1:
        raise BadInput(
            f"takes {len(names)} inputs ({listed(names)})",
            where=str(path),
            mend="a teacher takes one image or feature tensor",
        )


def only_scores(names: Sequence[str], ranks: Sequence[int | None], path: Path) -> int:
    """Position of the output that holds the scores ``[N, classes]``.

    Args:
        names: of the outputs.
        ranks: of the outputs; null where the file does not tell.
        path: of the model, for errors.

    Raises:
        BadInput: no output, or not just one, has rank 2.
    """
    if len(names) == 1 and ranks[0] in (2, None):
        return 0
    fitting = [position for position, rank in enumerate(ranks) if rank == 2]
    if len(fitting) != 1:
        told = [f"{name} of rank {rank}" for name, rank in zip(names, ranks, strict=True)]
        raise BadInput(
            f"{len(fitting)} of its outputs are scores [N, classes] ({listed(told)})",
            where=str(path),
            mend="export the model with its scores as the only output of rank 2",
        )
    return fitting[0]


def check_shape(inputs: Batch, expected: Shape, path: Path) -> None:
    """Compare inputs with what a model declares, but for the batch.

    Raises:
        BadInput: rank or sizes differ; the mend names the key that brings them together.
    """
    given, wanted = inputs.shape[1:], expected[1:]
    fits = len(given) == len(wanted) and all(
        size in (None, actual) for actual, size in zip(given, wanted, strict=True)
    )
    if not fits:
        told = ["N", *("any" if size is None else str(size) for size in wanted)]
        raise BadInput(
            f"takes inputs of shape [{', '.join(told)}], not {['N', *given]}".replace("'", ""),
            where=str(path),
            mend="set teacher.inputs: layout, size, channels",
        )


def run_in_batches(
    run: Callable[[Batch], npt.NDArray[Any]], inputs: Batch, fixed: int | None
) -> npt.NDArray[np.float32]:
    """Scores ``[N, classes]`` of any number of inputs, in batches of bounded size.

    Args:
        run: one batch to its scores.
        inputs: float32 ``[N, ...]``.
        fixed: the only batch size that ``run`` takes; null: any. The last batch is filled up with
            copies of its last sample, whose scores are thrown away.

    Raises:
        RunFailed: ``run`` gives something else than scores of each sample.
    """
    sample_bytes = max(1, math.prod(inputs.shape[1:]) * inputs.itemsize)
    size = fixed or max(1, min(_LARGEST_BATCH, _LARGEST_BATCH_BYTES // sample_bytes))
    parts = []
    for start in range(0, len(inputs), size):
        batch = inputs[start : start + size]
        lacking = (fixed or len(batch)) - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[-1:], lacking, axis=0)])
        scores = np.asarray(run(filled), dtype=np.float32)
        if scores.ndim != 2 or len(scores) != len(filled):
            raise RunFailed(f"{len(filled)} inputs gave scores of shape {list(scores.shape)}")
        parts.append(scores[: len(batch)])
    if not parts:
        raise BadInput("there are no inputs to ask the teacher about")
    return np.concatenate(parts)


def finished(
    scores: npt.NDArray[np.float32],
    outputs: Literal["logits", "probabilities"] | None,
    classes: Sequence[str] | None,
    path: Path,
    step: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Logits from what a model gave, after the checks that need the recipe.

    Args:
        scores: float32 ``[N, classes]``.
        outputs: the recipe's ``teacher.outputs``; null: logits.
        classes: the recipe's ``teacher.classes``.
        path: of the model, for errors.
        step: distance of two neighbouring values, of a model with quantized outputs.

    Raises:
        BadInput: another number of classes than the recipe names, or not of the kind it says.
        RunFailed: an output is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise RunFailed("the teacher's outputs hold NaN or infinity", where=str(path))
    if classes is not None and len(classes) != scores.shape[1]:
        raise BadInput(
            f"gives {scores.shape[1]} outputs, but teacher.classes names {len(classes)}",
            where=str(path),
        )
    return to_logits(scores, outputs or "logits", where=str(path), step=step)
