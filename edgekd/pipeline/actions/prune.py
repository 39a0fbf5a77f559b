"""Stage action that prunes the distilled student, round by round, with the teacher as healer."""

from __future__ import annotations

from pathlib import Path

from edgekd.compress.architecture import architecture_of
from edgekd.compress.pruning import prune_channels, share_of_round
from edgekd.data.dataset import load_dataset
from edgekd.files import write_json
from edgekd.networks import build_network
from edgekd.pipeline.actions.rung_files import ARCHITECTURE, load_network, save_float_rung
from edgekd.pipeline.actions.training import lesson_of, train_on, training_views
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Distill, Network, Prune


def prune_student(context: StageContext) -> None:
    """Remove channels and train on, ``rounds`` times."""
    import torch

    from edgekd.distill.trainer import TrainingPlan

    dataset = load_dataset(context.folder("data"))
    distill = Distill.model_validate(context.parameters["distill"])
    prune = Prune.model_validate(context.parameters["prune"])
    seed = int(context.parameters["seed"])
    torch.manual_seed(seed)
    spec = Network.model_validate(context.parameters["student"])
    built = build_network(spec, Path(context.locations["network"]))
    network = load_network(context.folder(context.parameters["base"]), built)
    labels = dataset.visible_labels
    views = training_views(context, dataset, labels, role="student", network=network)
    share = share_of_round(prune.channels, prune.rounds)
    for number in range(prune.rounds):
        network = prune_channels(
            network,
            dataset.sample_shape,
            share,
            scope=prune.scope,
            keep=prune.keep,
        )
        # Each round looks at the teacher with fresh adapters: the student's widths have changed.
        lesson = lesson_of(context, dataset, distill)
        plan = TrainingPlan(
            prune.steps,
            distill.batch_size,
            prune.learning_rate,
            distill.weight_decay,
            seed + number,
            distill.training,
        )
        network = train_on(context, network, views, labels, lesson, plan)
    write_json(context.out / ARCHITECTURE, architecture_of(network))
    save_float_rung(
        context.out,
        network,
        dataset,
        rate=prune.learning_rate,
        steps=prune.steps * prune.rounds,
    )
