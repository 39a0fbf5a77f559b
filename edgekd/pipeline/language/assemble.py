"""From the files of a language model's run folder to its ``Report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from edgekd.errors import BadInput
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.evaluation import Scored, accuracy_gain, accuracy_interval, gap_closed
from edgekd.pipeline.actions.measure import Speed
from edgekd.pipeline.assemble import check_budget, cores_of
from edgekd.pipeline.cells import against_teachers, export_problem, ratio, unavailable_cell
from edgekd.pipeline.language.artifacts import read_check, read_speed
from edgekd.pipeline.language.facts import language_facts
from edgekd.pipeline.language.files import read_facts, read_scored
from edgekd.pipeline.language.plan import (
    LanguageRung,
    language_cells,
    language_rungs,
    unavailable_reason,
)
from edgekd.pipeline.language.setup import LanguageSetup
from edgekd.records import (
    MeasuredAccuracy,
    Measurement,
    Report,
    Rung,
    RungAccuracy,
    UnavailableCell,
    Verdict,
)
from edgekd.records.language import GapClosed
from edgekd.target import Target

METRIC = "next-token"


class _Run(NamedTuple):
    setup: LanguageSetup
    path: Path

    def folder(self, rung: str) -> Path:
        return self.path / "rungs" / rung

    def scored(self, rung: str) -> Scored:
        return read_scored(self.folder(rung))


def assemble_language_report(
    setup: LanguageSetup, path: Path, environment: dict[str, Any]
) -> Report:
    """Read every record of a finished run and lay them side by side."""
    run = _Run(setup, path)
    measurements: list[Measurement] = []
    unavailable: list[UnavailableCell] = []
    for rung, target in language_cells(setup):
        reason = _unavailable_reason(run, rung, target)
        if reason is None:
            measurements.append(_measurement(run, rung, target))
            continue
        unavailable.append(unavailable_cell(rung.name, rung.precision, target, reason))
    gap = _gap(run)
    return Report(
        recipe=setup.name,
        seeds=list(setup.recipe.seeds),
        environment=environment,
        rungs=[_rung(run, rung) for rung in language_rungs(setup)],
        measurements=against_teachers(measurements, _speedup),
        unavailable=unavailable,
        verdict=_verdict(run, gap),
        facts={**language_facts(setup, path, gap), **cores_of(setup.targets)},
    )


def _rung(run: _Run, rung: LanguageRung) -> Rung:
    facts = read_facts(run.folder(rung.name))
    score = facts.score
    return Rung(
        name=rung.name,
        precision=rung.precision,
        parameters=facts.parameters,
        macs=None,
        bytes=facts.bytes,
        accuracy=RungAccuracy(
            metric=METRIC,
            value=score.accuracy,
            ci95=accuracy_interval(run.scored(rung.name)),
            n=score.tokens,
            per_seed=[score.accuracy],
        ),
        language=score,
    )


def _unavailable_reason(run: _Run, rung: LanguageRung, target: Target) -> str | None:
    reason = unavailable_reason(rung, target)
    if reason is not None:
        return reason
    return export_problem(run.path, target.name, rung.name)


def _measurement(run: _Run, rung: LanguageRung, target: Target) -> Measurement:
    cell = f"{target.name}/{rung.name}"
    bundle = read_language_bundle(run.path / "artifacts" / cell)
    check = read_check(run.path / "checks" / cell)
    speed = read_speed(run.path / "speed" / cell)
    reasons = [*check.failures, *speed.reasons]
    score = check.score
    return Measurement(
        rung=rung.name,
        target=target.name,
        format=target.format,
        precision=rung.precision,
        device=target.device,
        artifact=f"artifacts/{cell}/{bundle.model}",
        sha256=bundle.sha256,
        kind=target.kind,
        valid=not reasons,
        reasons=reasons,
        accuracy=None if score is None else MeasuredAccuracy(value=score.accuracy, n=score.tokens),
        parity=check.parity,
        instructions=speed.counted.decode.instructions if speed.counted else None,
        memory=speed.memory.model_copy(update={"model_bytes": bundle.bytes}),
        budget=check_budget(target.budget, Speed(memory=speed.memory)),
        preflight=bundle.preflight,
        scheme=bundle.scheme,
        seed=run.setup.recipe.seeds[0],
        profile=speed.profile,
        generation=speed.generation,
        counted=speed.counted,
        language=score,
    )


def _speedup(measurement: Measurement, teacher: Measurement) -> float | None:
    """By tokens a second, behind the shortest prompt that both were given."""
    speeds = [
        {figures.prompt_tokens: figures.decode_tokens_per_second for figures in found.by_prompt}
        for found in (measurement.generation, teacher.generation)
        if found is not None
    ]
    if len(speeds) < 2 or not (shared := speeds[0].keys() & speeds[1].keys()):
        return None
    return ratio(speeds[0][min(shared)], speeds[1][min(shared)])


def _gap(run: _Run) -> GapClosed | None:
    try:
        return gap_closed(
            run.scored("scratch-fp32"), run.scored("distilled-fp32"), run.scored("teacher-fp32")
        )
    except BadInput:  # The teacher is no better than the control: there is no gap to close.
        return None


def _verdict(run: _Run, gap: GapClosed | None) -> Verdict:
    gain, (low, high) = accuracy_gain(run.scored("distilled-fp32"), run.scored("scratch-fp32"))
    nll = {
        arm: read_facts(run.folder(f"{arm}-fp32")).score.nll
        for arm in ("scratch", "distilled", "teacher")
    }
    steps = run.setup.recipe.distill.steps
    closed = (
        "the teacher predicts no better than the control"
        if gap is None
        else f"{gap.share:.0%} of the distance between them is closed, 95 % interval"
        f" {gap.ci95[0]:.0%} to {gap.ci95[1]:.0%}"
    )
    return Verdict(
        distillation_worth_it=low > 0,
        gain=gain,
        ci95=(low, high),
        why=(
            f"{gain * 100:+.1f} points of next tokens over the same student with the same {steps}"
            f" steps on the same text, each at its best checkpoint; nats a token: control"
            f" {nll['scratch']:.3f}, student {nll['distilled']:.3f}, teacher {nll['teacher']:.3f};"
            f" {closed}; one seed, intervals over windows of the test text"
        ),
    )
