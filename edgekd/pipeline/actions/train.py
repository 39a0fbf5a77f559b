"""Stage actions of the arms: train one student, choose the learning rate and the seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from edgekd.data.dataset import load_dataset
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json
from edgekd.networks import build_network
from edgekd.pipeline.actions.rung_files import load_facts, save_float_rung
from edgekd.pipeline.actions.training import lesson_of, train_on, training_views
from edgekd.pipeline.actions.trial import STOPPED, WATCHES, GivenUp, watch_of
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Distill, Network


def train_arm(context: StageContext) -> None:
    """Train one student of one arm: ``scratch`` from the labels, ``distilled`` from the teacher."""
    import torch

    from edgekd.distill.trainer import TrainingPlan

    dataset = load_dataset(context.folder("data"))
    distill = Distill.model_validate(context.parameters["distill"])
    spec = Network.model_validate(context.parameters["student"])
    seed = int(context.parameters["seed"])
    rate = _learning_rate(context)
    torch.manual_seed(seed)
    network = build_network(spec, Path(context.locations["network"]))
    watch = watch_of(context, dataset)
    plan = TrainingPlan(
        distill.steps,
        distill.batch_size,
        rate,
        distill.weight_decay,
        seed,
        distill.training,
        watch_every=max(1, distill.steps // WATCHES) if watch else 0,
    )
    labels = dataset.visible_labels
    views = training_views(context, dataset, labels, role="student", network=network)
    lesson = lesson_of(context, dataset, distill)
    try:
        network = train_on(context, network, views, labels, lesson, plan, watch)
    except GivenUp as stop:
        write_json(context.out / STOPPED, {"reason": str(stop)})
        return
    except RunFailed as error:
        if not context.parameters["may_diverge"]:
            raise
        write_json(context.out / "diverged.json", {"reason": str(error)})
        return
    save_float_rung(context.out, network, dataset, rate=rate, steps=distill.steps)


def choose_learning_rate(context: StageContext) -> None:
    """The candidate that is best on validation data; ties take the smaller rate."""
    candidates: list[dict[str, Any]] = []
    for name, rate in context.parameters["candidates"].items():
        folder = context.folder(name)
        diverged = folder / "diverged.json"
        accuracy = None if diverged.exists() else load_facts(folder).validation_accuracy
        candidates.append({"stage": name, "learning_rate": rate, "accuracy": accuracy})
    alive = [candidate for candidate in candidates if candidate["accuracy"] is not None]
    if not alive:
        first = context.folder(candidates[0]["stage"]) / "diverged.json"
        raise RunFailed(
            f"no learning rate worked: {read_json(first)['reason']}",
            where="distill.learning_rates",
            mend="try smaller ones",
        )
    best = max(alive, key=lambda c: (c["accuracy"], -c["learning_rate"]))
    write_json(context.out / "choice.json", {"chosen": best, "candidates": candidates})


def adopt_tuned(context: StageContext) -> None:
    """The first seed was already trained while its learning rate was chosen: take it over."""
    choice = read_json(context.folder(context.parameters["choice"]) / "choice.json")
    shutil.copytree(context.folder(choice["chosen"]["stage"]), context.out, dirs_exist_ok=True)


def choose_seed(context: StageContext) -> None:
    """The seed whose distilled student is best on validation data is the one that is exported."""
    accuracies = {
        int(seed): load_facts(context.folder(name)).validation_accuracy or 0.0
        for seed, name in context.parameters["students"].items()
    }
    best = max(accuracies, key=lambda seed: (accuracies[seed], -seed))
    write_json(
        context.out / "selection.json",
        {"seed": best, "validation_accuracy": {str(s): a for s, a in accuracies.items()}},
    )


def _learning_rate(context: StageContext) -> float:
    rate = context.parameters["learning_rate"]
    if rate is None:
        choice = read_json(context.folder(context.parameters["choice"]) / "choice.json")
        rate = choice["chosen"]["learning_rate"]
    return float(rate)
