"""A training that is one trial of a search: it tells how it does, and is given up if it lags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.data.dataset import Dataset
from edgekd.networks import run_network
from edgekd.pipeline.actions.rung_files import metric_of
from edgekd.pipeline.stage import StageContext

if TYPE_CHECKING:
    from torch import nn

    from edgekd.distill.trainer import Watch

STOPPED = "stopped.json"
WATCHES = 10
# Of ``Stage.locations``: where a study is kept does not change what a training gives.
STUDY, STUDY_NAME, TRIAL = "study", "study_name", "trial"


class GivenUp(Exception):
    """The trial is behind the others at the same step."""


def watch_of(context: StageContext, dataset: Dataset) -> Watch | None:
    """What reports validation figures to the study; ``None`` where the stage is no trial."""
    if STUDY not in context.locations:
        return None
    from edgekd.pipeline.search.studies import open_study, trial_of

    study = open_study(context.locations[STUDY], context.locations[STUDY_NAME])
    trial = trial_of(study, int(context.locations[TRIAL]))
    inputs = dataset.part_inputs("validation")

    def watch(network: nn.Module, step: int) -> None:
        trial.report(metric_of(dataset, "validation", run_network(network, inputs)), step)
        if trial.should_prune():
            raise GivenUp(f"behind the other trials after {step} steps")

    return watch
