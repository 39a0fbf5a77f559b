"""``edgekd fit``: the best student inside a budget of RAM, flash and accuracy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekd.catalog import find_targets
from edgekd.data.dataset import load_dataset
from edgekd.errors import BadInput
from edgekd.files import write_json, write_text
from edgekd.measure.outcomes import METRICS
from edgekd.measure.statistics import rung_accuracy
from edgekd.pipeline.actions.rung_files import load_facts, load_outputs
from edgekd.pipeline.engine import Engine, Reporter
from edgekd.pipeline.environment import environment
from edgekd.pipeline.ladders import plan_run
from edgekd.pipeline.manifest import RunFolder, open_run_folder
from edgekd.pipeline.parts import Until
from edgekd.pipeline.plan import plan_stages
from edgekd.pipeline.plan.data import data_stages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.variants import SharedStages, needed_for, values_of
from edgekd.pipeline.requirements import require_packages, require_report_packages
from edgekd.pipeline.run import default_jobs, fresh_manifest
from edgekd.pipeline.search.candidates import estimate_candidate, overrides_of_candidate, rung_of
from edgekd.pipeline.search.space import Space, choices, grid_points
from edgekd.pipeline.search.sweep import describe
from edgekd.records import Candidate, Fit, RungAccuracy
from edgekd.report.units import size

# Candidates are compared after this share of the steps, where there are more than may be trained.
_SCREENING = 4


@dataclass(frozen=True)
class Limits:
    """What the student must hold to; ``None``: no limit.

    Attributes:
        ram_bytes: arena of activations, by the estimate.
        flash_bytes: weights at their precision, by the estimate.
        accuracy: the task's metric on validation data, 0 to 1.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    accuracy: float | None = None

    def exceeded_by(self, candidate: Candidate) -> list[str]:
        """Which limits the estimate of a candidate breaks."""
        found = (
            ("ram", candidate.ram_bytes, self.ram_bytes),
            ("flash", candidate.flash_bytes, self.flash_bytes),
        )
        return [
            f"{name}: {size(value)} of {size(limit)}"
            for name, value, limit in found
            if limit is not None and value > limit
        ]


@dataclass
class _Search:
    recipe: str
    overrides: list[str]
    seed: int
    folder: RunFolder
    reporter: Reporter
    jobs: int

    def train(self, candidates: Sequence[Candidate], *, short: bool) -> list[Path]:
        """Train candidates, what they share once; the folder of each one's rung."""
        shared = SharedStages()
        rungs = []
        for candidate in candidates:
            setup = self._setup(candidate, short)
            until: Until = "distill" if rung_of(candidate) == "distilled-fp32" else "quantize"
            names = shared.add(plan_stages(setup, until), candidate.model_dump(mode="json"))
            rungs.append(names[f"rungs/{rung_of(candidate)}/seed-{self.seed}"])
        Engine(self.folder, self.reporter, self.jobs).run(needed_for(shared.stages, rungs))
        return [self.folder.path / name for name in rungs]

    def _setup(self, candidate: Candidate, short: bool) -> Setup:
        given = [*self.overrides, *overrides_of_candidate(candidate)]
        setup = plan_run(self.recipe, overrides=given, seeds=[self.seed])
        if not short:
            return setup
        steps = max(1, setup.recipe.distill.steps // _SCREENING)
        distill = setup.recipe.distill.model_copy(update={"steps": steps})
        return replace(setup, recipe=setup.recipe.model_copy(update={"distill": distill}))


def run_fit(
    recipe: str,
    limits: Limits,
    path: Path,
    reporter: Reporter,
    *,
    space: Space | None = None,
    target: str | None = None,
    trials: int = 8,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    jobs: int | None = None,
) -> Fit:
    """Search widths, depths, pruning and precision for the best student inside the limits.

    Candidates whose estimate breaks a limit are never trained. Where more are left than may be
    trained, all are trained for a quarter of the steps first, and the best go on.

    Args:
        recipe: a name or a path.
        limits: of the budget; what is not limited is taken from the target, if one is named.
        path: the run folder; a second call goes on where the first was stopped.
        reporter: is told what happens.
        space: recipe key to values, instead of ``fit.over`` of the recipe.
        target: takes limits and precisions from its profile.
        trials: students trained in full.
        overrides: of the recipe.
        seed: instead of the recipe's first.
        jobs: worker processes.

    Raises:
        EdgekdError: the recipe has nothing to search, or a stage failed.
    """
    own = plan_run(recipe, overrides=overrides, seeds=None if seed is None else [seed])
    require_packages(own, "quantize")
    require_report_packages()
    precisions: Sequence[str] = own.recipe.fit.precisions
    if target is not None:
        limits, precisions = _of_target(target, limits, precisions)
    points = _points(own, space, precisions)
    with open_run_folder(path, fresh_manifest(own)) as folder:
        workers = jobs or default_jobs()
        Engine(folder, reporter, workers).run(data_stages(own))
        shape = load_dataset(path / "data").sample_shape
        search = _Search(recipe, list(overrides), own.recipe.seeds[0], folder, reporter, workers)
        candidates = [
            _estimated(search, values, prune, precision, shape, limits)
            for values, prune, precision in points
        ]
        fit = _answer(own, limits, _trained(search, candidates, trials))
        return _write(folder, fit)


def _of_target(
    name: str, limits: Limits, precisions: Sequence[str]
) -> tuple[Limits, Sequence[str]]:
    [target] = find_targets([name])
    allowed = [precision for precision in precisions if precision in target.precisions]
    if not allowed:
        raise BadInput(
            f"the target {name} takes none of {', '.join(precisions)}", where="fit.precisions"
        )
    budget = target.budget
    return (
        replace(
            limits,
            ram_bytes=budget.ram_bytes if limits.ram_bytes is None else limits.ram_bytes,
            flash_bytes=budget.flash_bytes if limits.flash_bytes is None else limits.flash_bytes,
        ),
        allowed,
    )


def _points(
    own: Setup, space: Space | None, precisions: Sequence[str]
) -> list[tuple[dict[str, Any], float, str]]:
    fit = own.recipe.fit
    over: Space = space or {key: choices(values) for key, values in fit.over.items()}
    if not over and fit.prune == [0.0]:
        raise BadInput(
            "the recipe names nothing to search",
            where="fit.over",
            mend="add it, or --over student.arguments.width=8,16,32",
        )
    settings = [values_of(point) for point in grid_points(over)] if over else [{}]
    points = itertools.product(settings, fit.prune, precisions)
    # Pruned students are quantized after training only; int4 needs more.
    return [point for point in points if not (point[1] and point[2] == "int4")]


def _estimated(
    search: _Search,
    values: dict[str, Any],
    prune: float,
    precision: str,
    shape: tuple[int, ...],
    limits: Limits,
) -> Candidate:
    setup = plan_run(search.recipe, overrides=[*search.overrides, *overrides_of_candidate(values)])
    candidate = estimate_candidate(setup, values, prune, precision, shape)
    return candidate.model_copy(update={"refused": limits.exceeded_by(candidate)})


def _trained(search: _Search, candidates: list[Candidate], trials: int) -> list[Candidate]:
    """The candidates with what training found, for those that were trained."""
    feasible = [i for i, candidate in enumerate(candidates) if not candidate.refused]
    feasible.sort(key=lambda i: -candidates[i].parameters)
    if len(feasible) > trials:
        folders = search.train([candidates[i] for i in feasible], short=True)
        screened = {i: _validation(f) for i, f in zip(feasible, folders, strict=True)}
        feasible = sorted(feasible, key=lambda i: -screened[i])[:trials]
    folders = search.train([candidates[i] for i in feasible], short=False)
    found = list(candidates)
    for i, folder in zip(feasible, folders, strict=True):
        found[i] = candidates[i].model_copy(
            update={
                "validation": _validation(folder),
                "accuracy": _accuracy(search.folder.path, folder),
            }
        )
    return found


def _validation(folder: Path) -> float:
    return load_facts(folder).validation_accuracy or 0.0


def _accuracy(run: Path, folder: Path) -> RungAccuracy:
    dataset = load_dataset(run / "data")
    outcomes = dataset.outcomes("test", load_outputs(folder).test)[None]
    return rung_accuracy(METRICS[dataset.task], outcomes)


def _answer(own: Setup, limits: Limits, candidates: list[Candidate]) -> Fit:
    trained = [i for i, candidate in enumerate(candidates) if candidate.validation is not None]
    best = max(
        trained,
        key=lambda i: (candidates[i].validation or 0.0, -candidates[i].flash_bytes),
        default=None,
    )
    binding, why = _verdict(candidates, best, limits)
    budget = {
        name: float(value)
        for name in ("ram_bytes", "flash_bytes", "accuracy")
        if (value := getattr(limits, name)) is not None
    }
    return Fit(
        recipe=own.name,
        seed=own.recipe.seeds[0],
        metric=METRICS[own.recipe.task],
        environment=environment(own.folder),
        budget=budget,
        candidates=candidates,
        chosen=best if binding is None else None,
        binding=binding,
        why=why,
    )


def _verdict(
    candidates: list[Candidate], best: int | None, limits: Limits
) -> tuple[str | None, str]:
    """The constraint that nothing meets, if there is one, and the answer in a sentence."""
    if best is None:
        return _too_small(candidates, limits)
    found = candidates[best]
    text = (
        f"{_name(found)}: {found.validation or 0.0:.1%} on validation data,"
        f" {size(found.flash_bytes)} of flash, {size(found.ram_bytes)} of RAM (estimates)"
    )
    if limits.accuracy is not None and (found.validation or 0.0) < limits.accuracy:
        return "accuracy", (
            f"nothing inside RAM and flash reaches {limits.accuracy:.1%}: the best is {text}"
        )
    return None, f"the best student inside the budget is {text}"


def _too_small(candidates: list[Candidate], limits: Limits) -> tuple[str, str]:
    for name, limit in (("flash", limits.flash_bytes), ("ram", limits.ram_bytes)):
        needs = {i: getattr(c, f"{name}_bytes") for i, c in enumerate(candidates)}
        least = min(needs, key=lambda i: needs[i])
        if limit is not None and needs[least] > limit:
            return name, (
                f"{name} is what nothing fits into: the smallest candidate"
                f" ({_name(candidates[least])}) needs {size(needs[least])} of {size(limit)}"
            )
    return "ram and flash", "some candidates fit into RAM and some into flash, but none into both"


def _name(candidate: Candidate) -> str:
    parts = [describe(candidate.values)] if candidate.values else []
    parts += [f"{candidate.prune:.0%} of channels pruned"] if candidate.prune else []
    return ", ".join([*parts, candidate.precision])


def _write(folder: RunFolder, fit: Fit) -> Fit:
    from edgekd.report.fit import render_fit_html, render_fit_markdown

    write_json(folder.path / "fit.json", fit.model_dump(mode="json", by_alias=True))
    write_text(folder.path / "fit.md", render_fit_markdown(fit))
    write_text(folder.path / "fit.html", render_fit_html(fit))
    folder.record_files("fit.json", "fit.md", "fit.html")
    return fit
