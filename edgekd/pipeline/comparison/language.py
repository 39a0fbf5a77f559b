"""Perplexity and the speed of answers of two reports in pairs: shown, not judged.

A rung's next tokens are judged as any accuracy. How far the perplexity of one training is from the
next one's, and the speed of one run from the next one's, is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log

from edgekd.pipeline.comparison.sides import Pending, Sides
from edgekd.records import Measurement, Rung
from edgekd.records.comparison import ComparedFigure
from edgekd.records.language import PromptFigures

_TRAINING = "how far the perplexity of one training is from the next one's is not known"
_FILE = "a file's perplexity has no interval"
_RUN = "how far the speed of answers of one run is from the next one's is not known"
# The largest exponent whose power is finite, with room: a damaged report may say anything.
_LARGEST = 700.0


def rung_perplexity(sides: Sides, before: Rung, after: Rung) -> Iterator[Pending]:
    """Perplexity of a rung in torch; nothing where it is of no language model."""
    old, new = before.language, after.language
    if old is None or new is None:
        return
    values = (_power(old.nll), _power(new.nll))
    figure = _shown(before.name, None, "perplexity", values, sides.other_data or _TRAINING)
    intervals = {
        "before_ci95": (_power(old.nll_ci95[0]), _power(old.nll_ci95[1])),
        "after_ci95": (_power(new.nll_ci95[0]), _power(new.nll_ci95[1])),
    }
    yield Pending(figure.model_copy(update=intervals), None, gain=False)


def answer_figures(
    sides: Sides, before: Measurement, after: Measurement, reason: str
) -> Iterator[Pending]:
    """Perplexity of a file, and time to first token and tokens a second behind each prompt length.

    Args:
        sides: both reports.
        before: the baseline's.
        after: the candidate's.
        reason: why what it costs to run cannot be compared; empty where it can.
    """
    old, new = before.language, after.language
    if old is not None and new is not None and old.tokens == new.tokens:
        values = (_power(old.nll), _power(new.nll))
        yield _pending(before, "perplexity", values, sides.other_data or _FILE)
    for length, (first, second) in _shared_prompts(before, after).items():
        times = (first.time_to_first_token_ms, second.time_to_first_token_ms)
        rates = (first.decode_tokens_per_second, second.decode_tokens_per_second)
        yield _pending(before, f"first_token_ms/{length}", times, reason or _RUN)
        yield _pending(before, f"tokens_per_second/{length}", rates, reason or _RUN)


def _shared_prompts(
    before: Measurement, after: Measurement
) -> dict[int, tuple[PromptFigures, PromptFigures]]:
    """Figures of both sides, by the prompt length that both have."""
    old, new = (
        {one.prompt_tokens: one for one in found.generation.by_prompt} if found.generation else {}
        for found in (before, after)
    )
    return {length: (old[length], new[length]) for length in sorted(old.keys() & new.keys())}


def _pending(found: Measurement, name: str, values: tuple[float, float], reason: str) -> Pending:
    return Pending(_shown(found.rung, found, name, values, reason), None, gain=False)


def _shown(
    rung: str, found: Measurement | None, name: str, values: tuple[float, float], reason: str
) -> ComparedFigure:
    old, new = values
    return ComparedFigure(
        rung=rung,
        target=found.target if found else None,
        kind=found.kind if found else None,
        figure=name,
        before=old,
        after=new,
        change=_power(log(new) - log(old)) - 1,
        verdict="not judged",
        reason=reason,
    )


def _power(value: float) -> float:
    return exp(max(-_LARGEST, min(value, _LARGEST)))
