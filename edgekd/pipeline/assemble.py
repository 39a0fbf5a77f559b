"""From the files of a run folder to its ``Report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.export.bundle_file import read_bundle
from edgekd.files import read_json
from edgekd.measure.outcomes import METRICS, Outcomes
from edgekd.measure.statistics import paired_gain, rung_accuracy
from edgekd.pipeline.actions.measure import Check, Speed, read_check, read_speed
from edgekd.pipeline.actions.rung_files import load_facts, load_outputs
from edgekd.pipeline.cells import against_teachers, export_problem, ratio, unavailable_cell
from edgekd.pipeline.facts import run_facts, teacher_labels
from edgekd.pipeline.plan.artifacts import cells_of, unavailable_reason
from edgekd.pipeline.plan.ladder import RungPlan, rungs_of
from edgekd.pipeline.plan.setup import Setup
from edgekd.records import (
    BudgetResult,
    Estimate,
    Latency,
    Loss,
    MeasuredAccuracy,
    Measurement,
    Report,
    Rung,
    UnavailableCell,
    Verdict,
)
from edgekd.report.cores import CORES
from edgekd.report.losses import points_lost
from edgekd.target import Budget, Target


@dataclass(frozen=True)
class _Run:
    setup: Setup
    path: Path
    dataset: Dataset
    selection: dict[str, Any]

    def folder(self, rung: RungPlan) -> Path:
        """The rung's folder at the seed that was exported."""
        return self.path / rung.seeds[self.seed(rung)]

    def seed(self, rung: RungPlan) -> str:
        """The rung's exported seed."""
        return next(iter(rung.seeds)) if len(rung.seeds) == 1 else str(self.selection["seed"])

    def outcomes(self, rung: RungPlan) -> Outcomes:
        """``[seeds, n]``: what each test sample says of each seed's model, in torch."""
        folders = [self.path / name for name in rung.seeds.values()]
        return np.stack([self._outcomes(folder) for folder in folders])

    def torch_accuracy(self, rung: RungPlan, measured: MeasuredAccuracy) -> float:
        """Of the exported seed, on the test samples that a measurement ran."""
        outputs, dataset = load_outputs(self.folder(rung)).test, self.dataset
        if measured.sampled_from is not None:
            dataset, rows = dataset.drawn("test", measured.n, self.setup.recipe.seeds[0])
            outputs = outputs[rows]
        return float(dataset.outcomes("test", outputs).mean())

    def _outcomes(self, folder: Path) -> Outcomes:
        return self.dataset.outcomes("test", load_outputs(folder).test)


def assemble_report(setup: Setup, path: Path, environment: dict[str, Any]) -> Report:
    """Read every record of a finished run and lay them side by side."""
    selection = read_json(path / "selection" / "selection.json")
    run = _Run(setup, path, load_dataset(path / "data"), selection)
    measurements, unavailable = _cells(run)
    measurements = against_teachers(measurements, _speedup)
    return Report(
        recipe=setup.name,
        seeds=list(setup.recipe.seeds),
        environment=environment,
        rungs=[_rung(run, rung) for rung in rungs_of(setup.recipe)],
        measurements=measurements,
        unavailable=unavailable,
        verdict=_verdict(run),
        losses=_losses(run, measurements),
        facts={**run_facts(run.setup.recipe, path, run.selection), **cores_of(run.setup.targets)},
    )


def cores_of(targets: Sequence[Target]) -> dict[str, dict[str, str]]:
    """The core of each target that has one, for what may be held against what."""
    parts = ((target.name, target.arm64 or target.microcontroller) for target in targets)
    cores = {name: part.core for name, part in parts if part is not None}
    return {CORES: cores} if cores else {}


def _rung(run: _Run, rung: RungPlan) -> Rung:
    facts = load_facts(run.folder(rung))
    return Rung(
        name=rung.name,
        precision=rung.precision,
        parameters=facts.parameters,
        macs=facts.macs,
        bytes=facts.bytes,
        accuracy=rung_accuracy(METRICS[run.dataset.task], run.outcomes(rung)),
        outside_auc=facts.outside_auc,
    )


def _cells(run: _Run) -> tuple[list[Measurement], list[UnavailableCell]]:
    measurements: list[Measurement] = []
    unavailable: list[UnavailableCell] = []
    for rung, target in cells_of(run.setup):
        reason = _unavailable_reason(run, rung, target)
        if reason is None:
            measurements += _measurements(run, rung, target)
            continue
        unavailable.append(unavailable_cell(rung.name, rung.precision, target, reason))
    return measurements, unavailable


def _unavailable_reason(run: _Run, rung: RungPlan, target: Target) -> str | None:
    reason = unavailable_reason(run.setup, rung, target)
    if reason is not None:
        return reason
    return export_problem(run.path, target.name, rung.name)


def _measurements(run: _Run, rung: RungPlan, target: Target) -> list[Measurement]:
    """What was measured, and what a model of the core makes of it: a record for each kind."""
    cell = f"{target.name}/{rung.name}"
    bundle = read_bundle(run.path / "artifacts" / cell)
    assert bundle is not None, "a cell without a bundle is listed as unavailable"
    check: Check = read_check(run.path / "checks" / cell)
    speed: Speed = read_speed(run.path / "speed" / cell)
    reasons = [*check.failures, *speed.reasons]
    measured = Measurement(
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
        accuracy=check.accuracy,
        parity=check.parity,
        latency_ms=speed.latency_ms,
        load_ms=speed.load_ms,
        instructions=speed.instructions,
        instruction_counts=speed.instruction_counts,
        cycles=speed.cycles,
        memory=speed.memory,
        budget=check_budget(target.budget, speed),
        preflight=bundle.preflight,
        scheme=bundle.scheme,
        seed=int(run.seed(rung)),
        library=bundle.library,
        profile=speed.profile,
        assumptions=speed.assumptions,
        device_facts=speed.device_facts,
    )
    if speed.estimate is None:
        return [measured]
    return [measured, estimated(measured, speed.estimate, target.budget)]


def estimated(measured: Measurement, estimate: Estimate, budget: Budget) -> Measurement:
    """The record of an estimate, beside the measurement that it was made from."""
    latency = None
    if estimate.clock_hz is not None:
        milliseconds = estimate.cycles / estimate.clock_hz * 1000
        latency = Latency(p50=milliseconds, p90=None, p99=None, n=1, warmup=0)
    return Measurement(
        rung=measured.rung,
        target=measured.target,
        format=measured.format,
        precision=measured.precision,
        device=estimate.model,
        artifact=measured.artifact,
        sha256=measured.sha256,
        kind="estimate",
        valid=measured.valid,
        reasons=measured.reasons,
        latency_ms=latency,
        cycles=estimate.cycles,
        budget=check_budget(budget, Speed(latency_ms=latency)),
        scheme=measured.scheme,
        seed=measured.seed,
        assumptions=estimate.assumptions,
    )


def check_budget(budget: Budget, speed: Speed) -> BudgetResult:
    """Compare what was measured with the target's limits; what was not measured cannot exceed."""
    latency = speed.latency_ms.p50 if speed.latency_ms else None
    flash = speed.memory.flash_bytes or speed.memory.model_bytes
    found = (
        ("ram_bytes", speed.memory.ram_bytes, budget.ram_bytes),
        ("flash_bytes", flash, budget.flash_bytes),
        ("latency_ms", latency, budget.latency_ms),
    )
    exceeded = [
        f"{name}: {value:g} of {limit:g}"
        for name, value, limit in found
        if value is not None and limit is not None and value > limit
    ]
    return BudgetResult(ok=not exceeded, exceeded=exceeded)


def _speedup(measurement: Measurement, teacher: Measurement) -> float | None:
    return ratio(_median(teacher), _median(measurement))


def _median(measurement: Measurement) -> float | None:
    return measurement.latency_ms.p50 if measurement.latency_ms else None


def _losses(run: _Run, measurements: list[Measurement]) -> list[Loss]:
    rungs = {rung.name: rung for rung in rungs_of(run.setup.recipe)}
    losses: list[Loss] = []
    for measurement in measurements:
        accuracy = measurement.accuracy
        base = rungs[measurement.rung].base
        if base not in ("distilled-fp32", "pruned-fp32") or accuracy is None:
            continue
        quantized = measurement.precision != "fp32"
        pruned = base == "pruned-fp32"
        losses += points_lost(
            run.torch_accuracy(rungs["teacher-fp32"], accuracy),
            run.torch_accuracy(rungs["distilled-fp32"], accuracy),
            run.torch_accuracy(rungs[measurement.rung], accuracy) if quantized else None,
            accuracy.value,
            rung=measurement.rung,
            target=measurement.target,
            pruned_accuracy=run.torch_accuracy(rungs[base], accuracy) if pruned else None,
        )
    return losses


def _verdict(run: _Run) -> Verdict:
    rungs = {rung.name: rung for rung in rungs_of(run.setup.recipe)}
    distilled = run.outcomes(rungs["distilled-fp32"])
    control = run.outcomes(rungs["scratch-fp32"])
    gain, (low, high) = paired_gain(distilled, control)
    worth_it = low > 0
    seen, train = len(run.dataset.labelled), len(run.dataset.parts["train"])
    distill = run.setup.recipe.distill
    anomaly = run.dataset.task == "anomaly-detection"
    known = f"{seen} normal samples" if anomaly else f"{seen} labels"
    why = (
        f"{gain * 100:+.1f} points over the same student with the same {distill.steps} steps,"
        f" augmentation and learning-rate search, trained on its {known} alone;"
        f" {len(run.setup.recipe.seeds)} seeds, 95 % interval {low * 100:+.1f} to {high * 100:+.1f}"
    )
    if not worth_it:
        why += "; the interval holds zero, so that seeds and test samples alone can explain it"
    if seen < train:
        why += f"; distillation also used {train - seen} training samples without labels"
    return Verdict(
        distillation_worth_it=worth_it,
        gain=gain,
        ci95=(low, high),
        why=why,
        teacher_labels=teacher_labels(run.setup.recipe, run.dataset),
    )
