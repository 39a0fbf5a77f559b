"""How well a model predicts held-out text, and how much of a gap a student closes.

Windows overlap where the stride is shorter than the context, and a token counts only in the first
window that reads it: so each token but the very first is scored once, most of them after a long
context.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.losses import cross_entropy
from edgekd.language.tokens import Tokens, Windows
from edgekd.records.language import GapClosed, LanguageScore

Progress = Callable[[int, int], None]
Floats = npt.NDArray[np.float64]

_RESAMPLES = 2000


@dataclass(frozen=True)
class Scored:
    """Sums over each window, float64 ``[windows]``: paired between models on the same text."""

    counts: Floats
    nll: Floats
    correct: Floats
    agreed: Floats | None


def score_windows(
    model: nn.Module,
    tokens: Tokens,
    progress: Progress,
    *,
    context: int,
    stride: int,
    teacher: nn.Module | None = None,
    max_windows: int | None = None,
) -> Scored:
    """Score each token of a text once.

    Args:
        model: int ``[B, T]`` to logits, in eval mode; asked where its weights are.
        tokens: the text.
        progress: called with (done, total) windows.
        context: most tokens that are read before one that is scored.
        stride: tokens that a window scores, but for the first one, which scores all.
        teacher: whose most likely tokens the model's are compared with; null: none.
        max_windows: score the first windows alone; null: all.

    Raises:
        BadInput: a stride that is longer than the context, or a text of one token.
    """
    if not 1 <= stride <= context or len(tokens) < 2:
        raise BadInput(
            f"a stride of {stride} in a context of {context} on {len(tokens)} tokens",
            where="evaluation",
        )
    device = next(model.parameters()).device
    ends = list(range(min(context, len(tokens) - 1), len(tokens) - 1, stride))
    ends = [*ends, len(tokens) - 1][:max_windows]
    rows, scored_until = [], 0
    for place, end in enumerate(ends):
        start = max(end - context, 0)
        row = torch.from_numpy(tokens.read(start, end + 1))[None].to(device)
        rows.append(_score(model, teacher, row, end - scored_until))
        scored_until = end
        progress(place + 1, len(ends))
    counts, nll, correct, agreed = np.array(rows, dtype=np.float64).T
    return Scored(counts, nll, correct, agreed if teacher is not None else None)


def summarize(scored: Scored, text_bytes: int | None, seed: int = 0) -> LanguageScore:
    """Figures of a model.

    Args:
        scored: of :func:`score_windows`.
        text_bytes: length of the text that was scored whole; null: only a part was.
        seed: of the bootstrap.
    """
    total = scored.counts.sum()
    nll = float(scored.nll.sum() / total)
    draws = _resampled(len(scored.counts), seed)
    means = scored.nll[draws].sum(1) / scored.counts[draws].sum(1)
    return LanguageScore(
        tokens=int(total),
        nll=nll,
        nll_ci95=_interval(means),
        perplexity=math.exp(nll),
        nll_per_byte=float(scored.nll.sum() / text_bytes) if text_bytes else None,
        accuracy=float(scored.correct.sum() / total),
        agreement=None if scored.agreed is None else float(scored.agreed.sum() / total),
    )


def gap_closed(control: Scored, student: Scored, teacher: Scored, seed: int = 0) -> GapClosed:
    """``(nll of control - nll of student) / (nll of control - nll of teacher)``.

    The bootstrap draws the same windows for all three.

    Raises:
        BadInput: they were scored on other windows, or the teacher is no better than the control.
    """
    if not (
        np.array_equal(control.counts, student.counts)
        and np.array_equal(control.counts, teacher.counts)
    ):
        raise BadInput("the models were scored on other windows", where="evaluation")
    gap = control.nll.sum() - teacher.nll.sum()
    if gap <= 0:
        raise BadInput(
            "the teacher is no better than the control",
            where="evaluation",
            mend="adapt the teacher to this text first",
        )
    draws = _resampled(len(control.counts), seed)
    gained = (control.nll - student.nll)[draws].sum(1)
    gaps = (control.nll - teacher.nll)[draws].sum(1)
    return GapClosed(
        share=float((control.nll.sum() - student.nll.sum()) / gap), ci95=_interval(gained / gaps)
    )


def accuracy_interval(scored: Scored, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the share of tokens that were the most likely one."""
    draws = _resampled(len(scored.counts), seed)
    return _interval(scored.correct[draws].sum(1) / scored.counts[draws].sum(1))


def accuracy_gain(
    student: Scored, control: Scored, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """By how much more tokens a student predicts right, and the 95 % interval of that.

    The bootstrap draws the same windows for both.
    """
    difference, counts = student.correct - control.correct, student.counts
    draws = _resampled(len(counts), seed)
    gains = difference[draws].sum(1) / counts[draws].sum(1)
    return float(difference.sum() / counts.sum()), _interval(gains)


def mean_nll(model: nn.Module, windows: Windows, limit: int, batch_size: int = 8) -> float:
    """Nats a token over windows evenly spread over a text: quick, for the curve of a training.

    Args:
        model: int ``[B, T]`` to logits.
        windows: of the validation text.
        limit: how many at most.
        batch_size: windows at once.
    """
    numbers = np.unique(np.linspace(0, windows.count - 1, min(limit, windows.count)).astype(int))
    device = next(model.parameters()).device
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(numbers), batch_size):
            part = numbers[start : start + batch_size].astype(np.int64)
            rows = torch.from_numpy(windows.read(part)).to(device)
            logits = model(rows[:, :-1]).float()
            total += float(cross_entropy(logits, rows[:, 1:]).double().sum())
    return total / (len(numbers) * windows.context)


def _score(
    model: nn.Module, teacher: nn.Module | None, row: torch.Tensor, count: int
) -> tuple[float, float, float, float]:
    """Sums over the last tokens of a row: how many, nats, correct, agreed."""
    with torch.no_grad():
        logits = model(row[:, :-1])[:, -count:].float()
        targets = row[:, -count:]
        likely = logits.argmax(-1)
        agreed = 0.0
        if teacher is not None:
            agreed = float((teacher(row[:, :-1])[:, -count:].argmax(-1) == likely).sum())
        nll = float(cross_entropy(logits, targets).double().sum())
    return float(count), nll, float((likely == targets).sum()), agreed


def _resampled(count: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))


def _interval(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
