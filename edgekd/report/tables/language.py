"""A language model's rungs and files: how they predict, what they answer, and how fast."""

from __future__ import annotations

from collections.abc import Callable

from edgekd.records import (
    CountedCall,
    FirstDifference,
    GreedyComparison,
    LanguageScore,
    Measurement,
    Report,
    Rung,
)
from edgekd.report import units
from edgekd.report.language import perplexity, training_curves
from edgekd.report.summary import TargetSection
from edgekd.report.tables.table import Column, Row, Table
from edgekd.report.tables.target import measurement_state
from edgekd.report.units import MISSING

ANSWERS_NOTE = (
    "Greedy answers to prompts of one length, medians over the repetitions. Prefill: the tokens of "
    "the prompt; decode: those of the answer behind the first."
)
COUNTED_NOTE = (
    "Instructions of one call each, exact: prefill reads the beginning of a prompt in one call, "
    "decode one token behind a prompt, which the cache then holds. Loading the file is in neither. "
    "A token is the call's instructions over the tokens that it reads; fewer is against the "
    "teacher on the same target. Instructions are no milliseconds and no tokens/s."
)
TORCH_NOTE = (
    "The exported file against torch at the same precision, both with the same tokens before each "
    "one: on the beginning of the test text, and in greedy answers, where both read what torch "
    "took. A tie is a preference of torch that the usual difference between the two (of their "
    "logits, median over steps) can turn round, from twice its size downwards; a divergence is one "
    "that it cannot."
)

RungColumn = tuple[Column, Callable[[Rung], str]]


def training_table(report: Report) -> Table:
    """What the trainings made of the validation text; without rows where no course is known."""
    columns = [Column("Rung", role="text"), Column("Looks"), Column("Last step")]
    columns += [
        Column("Best step"),
        Column("First", "Nats a token"),
        Column("Best", "Nats a token"),
    ]
    columns.append(Column("Last", "Nats a token"))
    rows = [
        Row(
            [
                curve.rung,
                units.count(len(curve.steps)),
                units.count(curve.steps[-1]),
                units.count(curve.steps[curve.best]),
                *(units.nats(curve.nll[index]) for index in (0, curve.best, -1)),
            ]
        )
        for curve in training_curves(report)
    ]
    return Table("Trainings on the validation text", columns, rows)


def answers_table(section: TargetSection) -> Table:
    """Cost of answers on one target, a row for each rung and length of the prompt."""
    made = section.made
    columns = [Column("Rung", role="text"), Column("Prompt tokens"), Column("Answer tokens")]
    columns += [
        Column(heading, made=made)
        for heading in ("First token, ms", "Prefill, tokens/s", "Decode, tokens/s")
    ]
    columns += [Column("Repetitions"), Column("Threads")]
    rows = [
        Row(
            [
                found.rung,
                units.count(timed.prompt_tokens),
                units.count(timed.answer_tokens),
                units.milliseconds(timed.time_to_first_token_ms),
                units.rate(timed.prefill_tokens_per_second),
                units.rate(timed.decode_tokens_per_second),
                units.count(timed.repetitions),
                units.count(found.generation.threads),
            ],
            measurement_state(found),
        )
        for found in section.measurements
        if found.generation
        for timed in found.generation.by_prompt
    ]
    return Table(f"{section.target}: answers", columns, rows, notes=_notes(section.measurements))


def counted_table(section: TargetSection) -> Table:
    """What answers cost in instructions on one emulated target."""
    counted = [(found, found.counted) for found in section.measurements if found.counted]
    teachers = [of for found, of in counted if found.valid and found.rung.startswith("teacher")]
    made = section.made
    columns = [Column("Rung", role="text"), Column("Tokens", "Prefill")]
    columns += [Column(name, "Prefill", made=made) for name in ("Instructions", "A token", "Fewer")]
    columns += [Column("Tokens before", "Decode")]
    columns += [Column(name, "Decode", made=made) for name in ("Instructions", "Fewer")]
    rows = []
    for found, of in counted:
        teacher = teachers[0] if teachers and found.valid else None
        cells = [
            found.rung,
            units.count(of.prefill.tokens),
            units.count(of.prefill.instructions),
            units.count(round(of.prefill.per_token)),
            _fewer(of.prefill, teacher.prefill if teacher else None),
            units.count(of.decode.position),
            units.count(of.decode.instructions),
            _fewer(of.decode, teacher.decode if teacher else None),
        ]
        rows.append(Row(cells, measurement_state(found)))
    return Table(f"{section.target}: instructions a token", columns, rows)


def torch_table(section: TargetSection) -> Table:
    """How each file predicts the test text, beside torch."""
    made = section.made
    columns = [Column("Rung", role="text"), Column("Tokens scored")]
    columns += [Column("File", "Perplexity", made=made), Column("Torch", "Perplexity")]
    columns += [Column("Change", "Perplexity", made=made), Column("Next token right", made=made)]
    columns += [Column("Tokens compared", "Greedy"), Column("Equal", "Greedy", made=made)]
    rows = []
    for found in section.measurements:
        score = found.language
        if score is not None:
            cells = [
                found.rung,
                units.count(score.tokens),
                units.perplexity(perplexity(score.nll)),
                units.perplexity(perplexity(score.torch_nll)),
                _change(score.nll - score.torch_nll),
                units.percent(score.accuracy),
                *_equal(score.greedy),
            ]
            rows.append(Row(cells, measurement_state(found)))
    # Each column says how it was made: one of them is torch's.
    return Table(f"{section.target}: against torch", columns, rows)


def differences_table(section: TargetSection) -> Table:
    """Where greedy answers first take another token than torch, a row for each prompt."""
    columns = [Column("Rung", role="text"), Column("Prompt tokens"), Column("Tokens compared")]
    columns += [Column("Equal"), Column("At token", "First difference")]
    columns.append(Column("What it is", "First difference", "text"))
    columns += [Column("Torch prefers its own by", "First difference")]
    columns += [Column("Usual difference", "First difference")]
    rows = [
        Row(
            [
                found.rung,
                units.count(compared.prompt_tokens),
                units.count(compared.tokens),
                units.percent(compared.equal),
                *_difference(compared.first_difference),
            ],
            measurement_state(found),
        )
        for found in section.measurements
        if found.language
        for compared in found.language.greedy
    ]
    return Table(f"{section.target}: greedy answers against torch", columns, rows, section.made)


def _score(heading: str, read: Callable[[LanguageScore], str]) -> RungColumn:
    """A column that a rung without a score leaves empty."""
    return (
        Column(heading, "Test text"),
        lambda rung: MISSING if rung.language is None else read(rung.language),
    )


# Of rungs, beside the columns that every rung has.
SCORES: tuple[RungColumn, ...] = (
    _score("Tokens", lambda score: units.count(score.tokens)),
    _score("Nats a token", lambda score: units.nats(score.nll)),
    _score("95% interval", lambda score: " to ".join(units.nats(end) for end in score.nll_ci95)),
    _score("Perplexity", lambda score: units.perplexity(score.perplexity)),
    _score("Nats a byte", lambda score: units.nats(score.nll_per_byte)),
    _score("Agreement", lambda score: units.percent(score.agreement)),
)


def _notes(measurements: list[Measurement]) -> list[str]:
    """Lengths that were left out, each said once with the rungs that it is about."""
    rungs: dict[str, list[str]] = {}
    for found in measurements:
        for note in found.generation.notes if found.generation else []:
            rungs.setdefault(note, []).append(found.rung)
    return [f"{note} ({', '.join(dict.fromkeys(names))})" for note, names in rungs.items()]


def _fewer(call: CountedCall, teacher: CountedCall | None) -> str:
    """How many times as many instructions the teacher takes for as many tokens at that place."""
    if teacher is None or (teacher.tokens, teacher.position) != (call.tokens, call.position):
        return MISSING
    return units.times(teacher.instructions / call.instructions)


def _change(nats: float) -> str:
    """A difference of nats as a relative change of perplexity."""
    return f"{units.points((perplexity(nats) - 1) * 100)}%"


def _equal(greedy: list[GreedyComparison]) -> list[str]:
    """Tokens that were compared over all prompts, and the share of equal ones."""
    compared = sum(each.tokens for each in greedy)
    if not compared:
        return [MISSING, MISSING]
    equal = sum(each.equal * each.tokens for each in greedy) / compared
    return [units.count(compared), units.percent(equal)]


def _difference(first: FirstDifference | None) -> list[str]:
    if first is None:
        return [MISSING, "none", MISSING, MISSING]
    return [
        units.count(first.step + 1),
        first.explanation,
        f"{first.preference:.3g}",
        f"{first.usual_difference:.3g}",
    ]
