"""``edgekd sweep --search``: Optuna chooses the settings, laggards are stopped early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput
from edgekd.files import digest
from edgekd.pipeline.actions.rung_files import load_facts
from edgekd.pipeline.actions.trial import STOPPED, STUDY, STUDY_NAME, TRIAL
from edgekd.pipeline.engine import Engine, Reporter
from edgekd.pipeline.ladders import plan_run
from edgekd.pipeline.manifest import RunFolder, open_run_folder
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.variants import SharedStages, labels_of, needed_for
from edgekd.pipeline.requirements import require_packages, require_report_packages
from edgekd.pipeline.run import default_jobs, fresh_manifest
from edgekd.pipeline.search.space import Choice, Space, shown
from edgekd.pipeline.search.studies import distributions_of, open_study, point_of
from edgekd.pipeline.search.sweep import Setting, lay_in, write_sweep
from edgekd.records import Sweep, SweepPoint

if TYPE_CHECKING:
    import optuna

_OWNER = "owner"


@dataclass
class _Search:
    recipe: str
    overrides: Sequence[str]
    space: Space
    folder: RunFolder
    reporter: Reporter
    jobs: int
    storage: str
    study: optuna.Study

    @property
    def owner(self) -> str:
        return str(self.folder.path.resolve())


def run_search(
    recipe: str,
    space: Space,
    trials: int,
    path: Path,
    reporter: Reporter,
    *,
    storage: str | None = None,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
) -> Sweep:
    """Search a space with TPE (Bergstra et al. 2011) and median pruning; then confirm the best.

    Each trial trains the distilled student on the first seed and is stopped when it is behind the
    median of the others at the same step. The best trial and the recipe's own setting are then
    trained with every seed, and these two are compared.

    Args:
        recipe: a name or a path.
        space: recipe key to values or a range.
        trials: in the whole study, those of other machines and of earlier calls included.
        path: the run folder; a second call goes on where the first was stopped.
        reporter: is told what happens.
        storage: database of the study; by default a file in the run folder.
        overrides: of the recipe, for every trial.
        seeds: instead of the recipe's.
        jobs: trials at once.

    Raises:
        EdgekdError: a setting is not a recipe, the study cannot be opened, or a stage failed.
    """
    own = plan_run(recipe, overrides=overrides, seeds=seeds)
    require_packages(own, "distill")
    require_report_packages()
    if len(own.recipe.distill.learning_rates) > 1 and "distill.learning_rates" not in space:
        raise BadInput(
            "a search tries one learning rate in each trial",
            where="distill.learning_rates",
            mend="--set distill.learning_rates=[0.01], or search it: "
            "--over distill.learning_rates=0.001..0.1:log",
        )
    with open_run_folder(path, fresh_manifest(own)) as folder:
        address = storage or f"sqlite:///{(path / 'study.db').resolve()}"
        study = open_study(address, _study_name(own, space))
        search = _Search(
            recipe, overrides, space, folder, reporter, jobs or default_jobs(), address, study
        )
        first = own.recipe.seeds[0]
        _take_up_again(search)
        while missing := _missing(study, trials):
            _run_trials(search, min(missing, search.jobs), first)
        return _confirm(search, own, seeds)


def _study_name(own: Setup, space: Space) -> str:
    """The same on every machine that searches the same space for the same recipe and data."""
    keys = {
        key: [choice.value for choice in values] if isinstance(values, list) else str(values)
        for key, values in space.items()
    }
    recipe = own.recipe.model_dump(mode="json", exclude={"targets", "description"})
    return f"{own.name}-{digest([recipe, keys, own.data_hash])[:12]}"


def _missing(study: optuna.Study, trials: int) -> int:
    ended = [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "PRUNED")]
    return max(0, trials - len(ended))


def _take_up_again(search: _Search) -> None:
    """Trials that this folder left running when it was killed are put back into the queue."""
    import optuna

    for trial in search.study.get_trials(deepcopy=False):
        ours = trial.user_attrs.get(_OWNER) == search.owner
        if ours and trial.state == optuna.trial.TrialState.RUNNING:
            search.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            search.study.enqueue_trial(trial.params)


def _run_trials(search: _Search, count: int, seed: int) -> None:
    """Ask for some trials, train them beside each other, tell how they went."""
    import optuna

    asked = []
    shared = SharedStages()
    for _ in range(count):
        trial = search.study.ask(distributions_of(search.space))
        trial.set_user_attr(_OWNER, search.owner)
        point = point_of(search.space, trial.params)
        setting = lay_in(shared, search.recipe, point, search.overrides, [seed])
        asked.append((trial, setting, _training_of(setting)))
    watched = {stage: trial.number for trial, _, stage in asked}
    wanted = [
        replace(stage, locations={**stage.locations, **_place(search, watched[stage.name])})
        if stage.name in watched
        else stage
        for stage in needed_for(shared.stages, list(watched))
    ]
    Engine(search.folder, search.reporter, search.jobs).run(wanted)
    for trial, _, stage in asked:
        folder = search.folder.path / stage
        if (folder / STOPPED).exists():
            search.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif (folder / "diverged.json").exists():
            search.study.tell(trial, 0.0)
        else:
            search.study.tell(trial, load_facts(folder).validation_accuracy)


def _place(search: _Search, trial: int) -> dict[str, str]:
    return {STUDY: search.storage, STUDY_NAME: search.study.study_name, TRIAL: str(trial)}


def _training_of(setting: Setting) -> str:
    [rate] = setting.setup.recipe.distill.learning_rates
    return setting.names[f"tuning/distilled/rate-{rate:g}"]


def _confirm(search: _Search, own: Setup, seeds: Sequence[int] | None) -> Sweep:
    """Train the best trial and the recipe's own setting with every seed, and compare them."""
    best = point_of(search.space, search.study.best_trial.params)
    shared = SharedStages()
    settings = [
        lay_in(shared, search.recipe, point, search.overrides, seeds)
        for point in (best, _own_point(own, search.space))
    ]
    if settings[0].labels == settings[1].labels:
        settings = settings[:1]
    Engine(search.folder, search.reporter, search.jobs).run(shared.stages)
    return write_sweep(search.folder, own, settings, shown(search.space), tried=_tried(search))


def _own_point(own: Setup, space: Space) -> dict[str, Choice]:
    """What the recipe itself says for the keys that were searched."""
    dump = own.recipe.model_dump(mode="json")
    point = {}
    for key, values in space.items():
        current: Any = dump
        for part in key.split("."):
            current = current.get(part) if isinstance(current, dict) else None
        known = (
            [choice for choice in values if choice.value == current]
            if isinstance(values, list)
            else []
        )
        point[key] = known[0] if known else Choice(current, current)
    return point


def _tried(search: _Search) -> list[SweepPoint]:
    """Every ended trial as a point; only its validation figure is known."""
    points = []
    for trial in search.study.get_trials(deepcopy=False):
        if trial.state.name not in ("COMPLETE", "PRUNED"):
            continue
        reported = trial.value if trial.value is not None else _last(trial.intermediate_values)
        points.append(
            SweepPoint(
                values=labels_of(point_of(search.space, trial.params)),
                state="stopped" if trial.state.name == "PRUNED" else "trial",
                validation=[] if reported is None else [reported],
            )
        )
    return points


def _last(values: dict[int, float]) -> float | None:
    return values[max(values)] if values else None
