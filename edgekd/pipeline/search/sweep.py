"""``edgekd sweep``: the same student under many settings, taught by one teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.files import read_json, write_json, write_text
from edgekd.measure.outcomes import METRICS, Outcomes
from edgekd.measure.statistics import paired_gain, rung_accuracy
from edgekd.pipeline.actions.rung_files import load_facts, load_outputs
from edgekd.pipeline.engine import Engine, Reporter
from edgekd.pipeline.environment import environment
from edgekd.pipeline.ladders import plan_run
from edgekd.pipeline.manifest import RunFolder, open_run_folder
from edgekd.pipeline.plan import plan_stages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.variants import SharedStages, labels_of, overrides_of, values_of
from edgekd.pipeline.requirements import require_packages, require_report_packages
from edgekd.pipeline.run import default_jobs, fresh_manifest
from edgekd.pipeline.search.space import Choice, Space, grid_points, shown
from edgekd.records import Lead, RungAccuracy, Sweep, SweepPoint

_TEACHER_STAGES = ("teacher/network", "teacher/outputs", "teacher/members")


@dataclass(frozen=True)
class Setting:
    """One point of a sweep: what its values are called, its recipe, where its stages lie."""

    labels: dict[str, Any]
    setup: Setup
    names: dict[str, str]


def run_sweep(
    recipe: str,
    space: Space,
    path: Path,
    reporter: Reporter,
    *,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
) -> Sweep:
    """Train the student at every point of a grid; what points share is computed once.

    Args:
        recipe: a name or a path.
        space: recipe key to its values.
        path: the run folder; a second call goes on where the first was stopped.
        reporter: is told what happens.
        overrides: of the recipe, for every point.
        seeds: instead of the recipe's.
        jobs: worker processes.

    Raises:
        EdgekdError: a setting is not a recipe, or a stage failed.
    """
    shared = SharedStages()
    own = plan_run(recipe, overrides=overrides, seeds=seeds)
    settings = [lay_in(shared, recipe, point, overrides, seeds) for point in grid_points(space)]
    require_packages(own, "distill")
    require_report_packages()
    with open_run_folder(path, fresh_manifest(own)) as folder:
        Engine(folder, reporter, jobs or default_jobs()).run(shared.stages)
        return write_sweep(folder, own, settings, shown(space))


def lay_in(
    shared: SharedStages,
    recipe: str,
    point: Mapping[str, Choice],
    overrides: Sequence[str],
    seeds: Sequence[int] | None,
) -> Setting:
    """Add one setting's stages to those of the others."""
    values = values_of(point)
    setup = plan_run(recipe, overrides=[*overrides, *overrides_of(values)], seeds=seeds)
    return Setting(labels_of(point), setup, shared.add(plan_stages(setup, "distill"), values))


def write_sweep(
    folder: RunFolder,
    own: Setup,
    settings: Sequence[Setting],
    over: dict[str, Any],
    tried: Sequence[SweepPoint] = (),
) -> Sweep:
    """Lay the finished settings side by side: ``sweep.json``, ``sweep.md``, ``sweep.html``.

    Args:
        folder: where their stages lie.
        own: the recipe's own setting.
        settings: trained with every seed.
        over: what was swept or searched.
        tried: further points, which only chose.
    """
    from edgekd.report.sweep import render_sweep_html, render_sweep_markdown

    sweep = _assemble(folder, own, settings, over)
    sweep = sweep.model_copy(update={"points": [*sweep.points, *tried]})
    write_json(folder.path / "sweep.json", sweep.model_dump(mode="json", by_alias=True))
    write_text(folder.path / "sweep.md", render_sweep_markdown(sweep))
    write_text(folder.path / "sweep.html", render_sweep_html(sweep))
    folder.record_files("sweep.json", "sweep.md", "sweep.html")
    return sweep


def _assemble(
    folder: RunFolder, own: Setup, settings: Sequence[Setting], over: dict[str, Any]
) -> Sweep:
    results = [_Result(folder.path, setting) for setting in settings]
    points = [result.point for result in results]
    finished = [i for i, point in enumerate(points) if point.state == "finished"]
    order = sorted(finished, key=lambda i: (-float(np.mean(points[i].validation)), i))
    lead = None
    if len(order) > 1:
        gain, interval = paired_gain(
            results[order[0]].outcomes("distilled"), results[order[1]].outcomes("distilled")
        )
        lead = Lead(
            over=points[order[1]].values, gain=gain, ci95=interval, beyond_noise=interval[0] > 0
        )
    first = results[0]
    seconds = _seconds(folder)
    return Sweep(
        recipe=own.name,
        seeds=list(own.recipe.seeds),
        metric=METRICS[first.dataset.task],
        over=over,
        environment=environment(own.folder),
        teacher=first.accuracy_of(first.teacher()),
        control=first.accuracy_of(first.outcomes("scratch")) if _one_control(settings) else None,
        points=points,
        best=order[0] if order else None,
        lead=lead,
        why=_why(points, order, lead, len(own.recipe.seeds)),
        teacher_seconds=seconds[0],
        student_seconds=seconds[1],
    )


class _Result:
    """What one finished setting left in the run folder."""

    def __init__(self, path: Path, setting: Setting) -> None:
        self._path = path
        self._setting = setting
        self.dataset: Dataset = load_dataset(self._folder("data"))

    @property
    def point(self) -> SweepPoint:
        choice = read_json(self._folder("tuning/distilled/choice") / "choice.json")
        validation = [load_facts(f).validation_accuracy for f in self._rungs("distilled")]
        return SweepPoint(
            values=self._setting.labels,
            state="finished",
            validation=[value for value in validation if value is not None],
            accuracy=self.accuracy_of(self.outcomes("distilled")),
            learning_rate=choice["chosen"]["learning_rate"],
        )

    def outcomes(self, arm: str) -> Outcomes:
        """``[seeds, n]`` of an arm on test data."""
        return np.stack([self._outcomes(folder) for folder in self._rungs(arm)])

    def teacher(self) -> Outcomes:
        """``[1, n]`` of the teacher."""
        return self._outcomes(self._folder("teacher/network"))[None]

    def accuracy_of(self, outcomes: Outcomes) -> RungAccuracy:
        return rung_accuracy(METRICS[self.dataset.task], outcomes)

    def _rungs(self, arm: str) -> list[Path]:
        seeds = self._setting.setup.recipe.seeds
        return [self._folder(f"rungs/{arm}-fp32/seed-{seed}") for seed in seeds]

    def _outcomes(self, folder: Path) -> Outcomes:
        return self.dataset.outcomes("test", load_outputs(folder).test)

    def _folder(self, stage: str) -> Path:
        return self._path / self._setting.names[stage]


def _one_control(settings: Sequence[Setting]) -> bool:
    """Whether every setting has the same control: then it is a line under all of them."""
    seed = settings[0].setup.recipe.seeds[0]
    return len({setting.names[f"rungs/scratch-fp32/seed-{seed}"] for setting in settings}) == 1


def _seconds(folder: RunFolder) -> tuple[float, float]:
    """Of the teacher, and of the students' trainings."""
    teacher = students = 0.0
    for name, record in folder.manifest.stages.items():
        own = name.split("/", 2)[2] if name.startswith("points/") else name
        if own.startswith(_TEACHER_STAGES):
            teacher += record.seconds
        elif own.startswith(("tuning/", "rungs/")):
            students += record.seconds
    return round(teacher, 3), round(students, 3)


def _why(points: list[SweepPoint], order: list[int], lead: Lead | None, seeds: int) -> str:
    if not order:
        return "no setting finished"
    best = describe(points[order[0]].values)
    if lead is None:
        return f"{best} is the only setting that finished"
    low, high = (end * 100 for end in lead.ci95)
    figures = (
        f"{lead.gain * 100:+.2f} points of test accuracy over {describe(lead.over)},"
        f" 95 % interval {low:+.2f} to {high:+.2f} over {seeds} seed{'s' if seeds > 1 else ''}"
    )
    if seeds == 1:
        figures += " (one seed says nothing about the noise of training)"
    if lead.beyond_noise:
        return f"{best} won by more than the noise: {figures}"
    return f"{best} is best on validation data, but not by more than the noise: {figures}"


def describe(values: dict[str, Any]) -> str:
    """A setting in words: the last part of each key, and its value."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {shown_value(value)}" for key, value in values.items()
    )


def shown_value(value: Any) -> str:
    """A value of a recipe key, numbers in few digits."""
    return f"{value:g}" if isinstance(value, float) else str(value)
