"""Stage actions that train: the teacher, both arms, and the choice of learning rate and seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json
from edgekd.networks import (
    build_network,
    count_macs,
    count_parameters,
    load_weights,
    run_network,
)
from edgekd.pipeline.rung_files import (
    Logits,
    RungFacts,
    RungOutputs,
    accuracy_of,
    load_facts,
    save_rung,
    weight_bytes,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Augmentation, Distill, Network, Teacher

if TYPE_CHECKING:
    import torch

    from edgekd.data.views import Views
    from edgekd.distill.trainer import Loss, TrainingPlan

# Both arms and every seed see the same views, so that the teacher is asked once about each.
_STUDENT_VIEWS_SEED = 0
_TEACHER_VIEWS_SEED = 1
_TEACHER_VIEWS = 64
_OUTPUTS_FILE = "outputs.safetensors"


def train_teacher(context: StageContext) -> None:
    """Train the teacher on the labels it may see, or load its weights."""
    import torch

    from edgekd.distill.losses import label_loss
    from edgekd.distill.trainer import TrainingPlan

    dataset = load_dataset(context.folder("data"))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    torch.manual_seed(teacher.seed)
    network = build_network(teacher, Path(context.locations["network"]))
    if "weights" in context.locations:
        load_weights(network, Path(context.locations["weights"]))
        _save_float_rung(context.out, network.eval(), dataset, None, None)
        return
    labels = dataset.part_labels("train") if teacher.labels == "all" else dataset.visible_labels
    plan = TrainingPlan(
        teacher.steps,
        teacher.batch_size,
        teacher.learning_rate,
        teacher.weight_decay,
        teacher.seed,
    )
    network = train_on(
        context,
        network,
        student_views(dataset, context.parameters["augmentation"], teacher=True),
        labels,
        np.flatnonzero(labels >= 0),
        None,
        lambda student, _teacher, seen: label_loss(
            student, seen, label_smoothing=teacher.label_smoothing
        ),
        plan,
    )
    _save_float_rung(context.out, network, dataset, teacher.learning_rate, teacher.steps)


def record_teacher_outputs(context: StageContext) -> None:
    """Ask the teacher once about every view of every training sample: ``[views, N, C]``."""
    from safetensors.numpy import save_file

    from edgekd.teachers.torch_module import record_outputs

    dataset = load_dataset(context.folder("data"))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    network = build_network(teacher, Path(context.locations["network"]))
    load_weights(network, context.folder("teacher/network") / "weights.safetensors")
    views = student_views(dataset, context.parameters["augmentation"])
    logits = record_outputs(network, views, context.progress)
    save_file({"logits": logits}, context.out / _OUTPUTS_FILE)


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
    members, teacher, loss = arm_inputs(context, dataset, distill)
    plan = TrainingPlan(distill.steps, distill.batch_size, rate, distill.weight_decay, seed)
    views = student_views(dataset, context.parameters["augmentation"])
    try:
        network = train_on(
            context, network, views, dataset.visible_labels, members, teacher, loss, plan
        )
    except RunFailed as error:
        if not context.parameters["may_diverge"]:
            raise
        write_json(context.out / "diverged.json", {"reason": str(error)})
        return
    _save_float_rung(context.out, network, dataset, rate, distill.steps)


def choose_learning_rate(context: StageContext) -> None:
    """The candidate with the best validation accuracy; ties take the smaller rate."""
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
        int(seed): load_facts(context.folder(name)).validation_accuracy
        for seed, name in context.parameters["students"].items()
    }
    best = max(accuracies, key=lambda seed: (accuracies[seed], -seed))
    write_json(
        context.out / "selection.json",
        {"seed": best, "validation_accuracy": {str(s): a for s, a in accuracies.items()}},
    )


def student_views(
    dataset: Dataset, augmentation: dict[str, Any] | None, *, teacher: bool = False
) -> Views:
    """The views of the training part that a network is trained on."""
    from edgekd.data.views import Views, view_table

    spec = Augmentation.model_validate(augmentation) if augmentation else None
    inputs = dataset.inputs[dataset.parts["train"]]
    count = 1 if spec is None else (_TEACHER_VIEWS if teacher else spec.views)
    seed = _TEACHER_VIEWS_SEED if teacher else _STUDENT_VIEWS_SEED
    table = view_table(spec, count, len(inputs), seed)
    return Views(inputs, table, dataset.scale, dataset.mean, dataset.std)


def arm_inputs(
    context: StageContext, dataset: Dataset, distill: Distill
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Logits | None, Loss]:
    """Which samples an arm draws from, what the teacher said about them, and its loss."""
    from edgekd.distill.losses import distillation_loss, label_loss

    if context.parameters["arm"] == "scratch":
        return dataset.labelled, None, lambda student, _teacher, seen: label_loss(student, seen)
    from safetensors.numpy import load_file

    logits = load_file(context.folder("teacher/outputs") / _OUTPUTS_FILE)["logits"]
    members = np.arange(logits.shape[1])

    def loss(student: torch.Tensor, teacher: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return distillation_loss(
            student, teacher, seen, alpha=distill.alpha, temperature=distill.temperature
        )

    return members, logits, loss


def _learning_rate(context: StageContext) -> float:
    rate = context.parameters["learning_rate"]
    if rate is None:
        choice = read_json(context.folder(context.parameters["choice"]) / "choice.json")
        rate = choice["chosen"]["learning_rate"]
    return float(rate)


def train_on(
    context: StageContext,
    network: torch.nn.Module,
    views: Views,
    labels: np.ndarray[Any, np.dtype[np.int64]],
    members: np.ndarray[Any, np.dtype[np.int64]],
    teacher: Logits | None,
    loss: Loss,
    plan: TrainingPlan,
) -> torch.nn.Module:
    """Train a network on views of the members of the training part."""
    from edgekd.distill.trainer import RandomBatches, TrainingBatches, train_network

    batches = TrainingBatches(views, labels, teacher)
    sampler = RandomBatches(members, views.samples, views.views, plan)
    return train_network(network, batches, sampler, loss, plan, context.progress)


def _save_float_rung(
    folder: Path,
    network: torch.nn.Module,
    dataset: Dataset,
    rate: float | None,
    steps: int | None,
) -> None:
    from edgekd.compress.folding import fold_batch_norm

    validation = run_network(network, dataset.part_inputs("validation"))
    test = run_network(network, dataset.part_inputs("test"))
    # Counted as it is deployed, so that every rung of the ladder is counted alike.
    deployed = fold_batch_norm(network)
    facts = RungFacts(
        precision="fp32",
        folded=False,
        parameters=count_parameters(deployed),
        macs=count_macs(deployed, dataset.sample_shape),
        bytes=weight_bytes(deployed, "fp32"),
        scheme="float32",
        validation_accuracy=accuracy_of(validation, dataset.part_labels("validation")),
        learning_rate=rate,
        steps=steps,
    )
    save_rung(folder, network, RungOutputs(test, test), facts)
