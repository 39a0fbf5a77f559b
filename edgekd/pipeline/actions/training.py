"""What every stage that trains does: views, the teacher's answers, the objective, the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset, broadcast_shape
from edgekd.networks import takes_any_length
from edgekd.pipeline.actions.data_files import VIEWS_FILE, VIEWS_SEED
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Augmentation, Distill, Teacher, tap_pairs

if TYPE_CHECKING:
    from torch import nn

    from edgekd.data.views import Views
    from edgekd.distill.objective import Objective
    from edgekd.distill.trainer import LiveTeacher, TrainingPlan, Watch

Labels = npt.NDArray[np.int64]

# A teacher that is trained here sees more views than it will be asked about.
_TEACHER_VIEWS = 64


@dataclass(frozen=True)
class Lesson:
    """What one arm learns from.

    Attributes:
        members: training samples that it draws from.
        answers: the teacher's, by name; empty where it is asked live, or not at all.
        objective: the loss.
        live: the teacher, where it is asked at every step.
    """

    members: Labels
    answers: dict[str, npt.NDArray[Any]]
    objective: Objective
    live: LiveTeacher | None = None


def training_views(
    context: StageContext,
    dataset: Dataset,
    labels: Labels,
    *,
    role: str,
    network: nn.Module | None = None,
    by_teacher: bool = False,
) -> Views:
    """The views of the training part that a teacher or a student is trained on.

    Args:
        labels: int64 ``[N]`` that training may see; labelled samples are mixed among themselves.
        role: ``teacher`` or ``student``.
        network: that will see them; null: one that wants texts at their full length.
        by_teacher: texts are cut by the teacher's own tokenizer, where it has one.
    """
    from edgekd.data.views import ImageViews, Mix, StoredViews, TokenViews, view_table

    if dataset.holds_tokens:
        from edgekd.pipeline.actions.tokens import stored_tokens

        tokens = stored_tokens(context, dataset, role=role, by_teacher=by_teacher)
        return TokenViews(tokens, shorten=network is not None and takes_any_length(network))
    given = context.parameters["augmentation"]
    spec = Augmentation.model_validate(given) if given else None
    seed = VIEWS_SEED[role]
    inputs = dataset.inputs[dataset.parts["train"]]
    shape = broadcast_shape(dataset.axis, inputs.ndim)
    mean = np.asarray(dataset.mean, dtype=np.float32).reshape(shape)
    std = np.asarray(dataset.std, dtype=np.float32).reshape(shape)
    count = 1 if spec is None else (_TEACHER_VIEWS if role == "teacher" else spec.views)
    stored = context.folder(f"views/{role}") / VIEWS_FILE
    if context.parameters.get("stored_views") and spec is not None:
        count = spec.views
    mix = Mix(spec.mixup, labels >= 0, count, seed) if spec is not None and spec.mixup else None
    if context.parameters.get("stored_views"):
        rendered = np.load(stored, mmap_mode="r", allow_pickle=False)
        return StoredViews(rendered, mean, std, mix)
    table = view_table(spec, count, len(inputs), seed)
    return ImageViews(inputs, table, dataset.scale, mean, std, mix)


def lesson_of(
    context: StageContext, dataset: Dataset, distill: Distill, *, features: bool = True
) -> Lesson:
    """What a student of this stage learns from.

    Args:
        features: false: only signals that look at outputs; for a student whose modules are not
            those that the recipe names (under fake quantization).
    """
    from edgekd.distill.objective import TAP, Objective
    from edgekd.distill.signals import SignalSum
    from edgekd.recipe.signals import Regression, SoftTargets

    smoothing = distill.label_smoothing
    if context.parameters["arm"] == "scratch":
        objective = Objective(dataset.task, label_smoothing=smoothing)
        return Lesson(dataset.labelled, {}, objective)
    specs = [s for s in distill.signals if features or not tap_pairs(s)]
    if not specs:
        anomaly = dataset.task == "anomaly-detection"
        specs = [Regression(kind="regression") if anomaly else SoftTargets(kind="soft-targets")]
    signals = SignalSum(specs, temperature=distill.temperature)
    objective = Objective(
        dataset.task, label_smoothing=smoothing, alpha=distill.alpha, signals=signals
    )
    everyone = np.arange(len(dataset.parts["train"]))
    if "live" in context.parameters:
        return Lesson(everyone, {}, objective, _live_teacher(context, dataset, signals))
    from edgekd.teachers.answers import answered, load_answers

    kept = load_answers(context.folder("teacher/outputs"))
    wanted = {"logits", *(TAP + tap for tap in signals.teacher_taps)}
    answers = {name: array for name, array in kept.items() if name in wanted}
    return Lesson(answered(kept["logits"]), answers, objective)


def train_on(
    context: StageContext,
    network: nn.Module,
    views: Views,
    labels: Labels,
    lesson: Lesson,
    plan: TrainingPlan,
    watch: Watch | None = None,
) -> nn.Module:
    """Train a network on views of the members of the training part."""
    from edgekd.distill.batches import RandomBatches, TrainingBatches
    from edgekd.distill.trainer import train_network

    sampler = RandomBatches(
        lesson.members,
        views.samples,
        views.views,
        steps=plan.steps,
        batch_size=plan.batch_size,
        seed=plan.seed,
    )
    return train_network(
        network,
        TrainingBatches(views, labels, lesson.answers),
        sampler,
        lesson.objective,
        plan,
        context.progress,
        teacher=lesson.live,
        watch=watch,
    )


def _live_teacher(context: StageContext, dataset: Dataset, signals: Any) -> LiveTeacher:
    from edgekd.pipeline.actions.teach import teacher_look, trained_teacher
    from edgekd.teachers.answers import LiveTeacher as Live

    members = context.parameters["live"]["members"]
    specs = [Teacher.model_validate(member["teacher"]) for member in members]
    networks = [
        trained_teacher(
            spec,
            context.locations[f"teacher-{number}"],
            context.folder(member["network"]),
            dataset,
        )
        for number, (spec, member) in enumerate(zip(specs, members, strict=True))
    ]
    look = teacher_look(networks[0], signals) if signals.teacher_taps else None
    return Live(networks, [spec.weight for spec in specs], look)
