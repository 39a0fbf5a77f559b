"""Stage actions of the teacher: train or load it, ask it about everything once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.errors import BadInput
from edgekd.files import read_json
from edgekd.networks import run_network
from edgekd.pipeline.actions.data_files import NAMES_FILE
from edgekd.pipeline.actions.rung_files import (
    Logits,
    RungFacts,
    RungOutputs,
    load_facts,
    load_network,
    load_outputs,
    metric_of,
    save_answers,
    save_float_rung,
)
from edgekd.pipeline.actions.training import Lesson, train_on, training_views
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Teacher

if TYPE_CHECKING:
    from torch import nn

    from edgekd.distill.signals import SignalSum
    from edgekd.teachers.recorded import RecordedAnswers


def train_teacher(context: StageContext) -> None:
    """Train a torch teacher on the labels it may see, or load its weights."""
    import torch

    from edgekd.distill.objective import Objective
    from edgekd.distill.trainer import TrainingPlan

    dataset = load_dataset(context.folder("data"))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    torch.manual_seed(teacher.seed)
    network = teacher_module(teacher, context.locations["network"], dataset)
    if "weights" in context.locations:
        from edgekd.teachers.weights import load_state

        load_state(getattr(network, "network", network), Path(context.locations["weights"]))
        _save_module(context.out, network.eval(), dataset)
        return
    labels = dataset.part_labels("train") if teacher.labels == "all" else dataset.visible_labels
    network = train_on(
        context,
        network,
        training_views(context, dataset, labels, role="teacher", network=network, by_teacher=True),
        labels,
        Lesson(
            np.flatnonzero(labels >= 0),
            {},
            Objective(dataset.task, label_smoothing=teacher.label_smoothing),
        ),
        TrainingPlan(
            teacher.steps,
            teacher.batch_size,
            teacher.learning_rate,
            teacher.weight_decay,
            teacher.seed,
            teacher.training,
        ),
    )
    seen = dataset.as_teacher_sees()
    save_float_rung(context.out, network, seen, rate=teacher.learning_rate, steps=teacher.steps)


def load_teacher(context: StageContext) -> None:
    """Ask a teacher that was trained elsewhere about the held-out data; it is the baseline."""
    dataset = load_dataset(context.folder("data"))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    location = context.locations["network"]
    if teacher.kind == "hugging-face":
        network = teacher_module(teacher, location, dataset).eval()
        _save_module(context.out, network, dataset.as_teacher_sees())
        return
    if teacher.kind == "recorded":
        logits = _recorded(context, dataset, teacher)
        _save_foreign(context.out, dataset, logits[dataset.parts["test"]], None, None, None)
        return
    ask, loaded = _foreign(teacher, location, dataset)
    _save_foreign(
        context.out,
        dataset,
        ask(dataset.part_inputs("test")),
        ask(dataset.part_inputs("validation")),
        loaded.parameters,
        loaded.size_bytes,
    )


def record_answers(context: StageContext) -> None:
    """Ask the teacher once about every view of every training sample."""
    from edgekd.teachers import answers

    dataset = load_dataset(context.folder("data"))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    location = context.locations["network"]
    if teacher.kind == "recorded":
        logits = _recorded(context, dataset, teacher)[dataset.parts["train"]]
        answers.save_answers(context.out, logits[None])
        return
    labels = dataset.visible_labels
    if not teacher.is_module:
        views = training_views(context, dataset, labels, role="student")
        ask, _ = _foreign(teacher, location, dataset)
        answers.record_logits(ask, views, context.out, context.progress)
        return
    network = trained_teacher(teacher, location, context.folder(network_stage(context)), dataset)
    # Features of tokens are kept at their full length; what stands for the whole text has none.
    by_token = any(signal["kind"] != "hint" for signal in context.parameters["signals"])
    shortened = None if by_token else network
    views = training_views(
        context, dataset, labels, role="student", network=shortened, by_teacher=True
    )
    with _number_format(teacher):
        if context.parameters["signals"]:
            look = teacher_look(network, _signals(context))
            answers.record_taps(look, views, context.out, context.progress)
            return
        answers.record_logits(
            lambda inputs: run_network(network, inputs), views, context.out, context.progress
        )


def _number_format(teacher: Teacher) -> AbstractContextManager[object]:
    """A teacher that was trained in bfloat16 answers in it too: several times as fast."""
    import torch

    bf16 = teacher.trained_here and teacher.training.mixed_precision == "bf16"
    return torch.autocast("cpu", torch.bfloat16, enabled=bf16)


def combine_networks(context: StageContext) -> None:
    """What an ensemble says about the test data."""
    folders = [context.folder(f"{base}/network") for base in context.parameters["members"]]
    facts = [load_facts(folder) for folder in folders]
    weights = context.parameters["weights"]
    test = _combined([load_outputs(folder).test for folder in folders], weights)
    save_answers(
        context.out,
        RungOutputs(test, test),
        RungFacts(
            precision="fp32",
            folded=False,
            parameters=_sum([fact.parameters for fact in facts]),
            macs=_sum([fact.macs for fact in facts]),
            bytes=_sum([fact.bytes for fact in facts]),
            scheme=f"ensemble of {len(folders)}, float32",
            validation_accuracy=None,
            learning_rate=None,
            steps=None,
        ),
    )


def combine_answers(context: StageContext) -> None:
    """What an ensemble says about every view of every training sample."""
    from edgekd.teachers.answers import load_answers, save_answers

    members = [
        np.asarray(load_answers(context.folder(f"{base}/outputs"))["logits"])
        for base in context.parameters["members"]
    ]
    views = max(len(member) for member in members)
    members = [np.broadcast_to(member, (views, *member.shape[1:])) for member in members]
    save_answers(context.out, _combined(members, context.parameters["weights"]))


def teacher_module(teacher: Teacher, location: str, dataset: Dataset) -> nn.Module:
    """The module of a torch or Hugging Face teacher as the data needs it."""
    from edgekd.teachers.module import build_teacher

    return build_teacher(teacher, location, dataset.class_names, dataset.mean, dataset.std)


def trained_teacher(teacher: Teacher, location: str, folder: Path, dataset: Dataset) -> nn.Module:
    """The same with the weights that a run keeps, in eval mode."""
    return load_network(folder, teacher_module(teacher, location, dataset))


def teacher_look(network: nn.Module, signals: SignalSum) -> Callable[[Any], dict[str, Any]]:
    """From inputs to the teacher's logits and what the signals need of its features."""
    from edgekd.distill.objective import TAP
    from edgekd.distill.taps import Tapped

    tapped = Tapped(network, signals.teacher_taps).eval()

    def look(inputs: Any) -> dict[str, Any]:
        seen = tapped.to(inputs.device)(inputs)
        taps = {TAP + name: signals.condense(name, value) for name, value in seen.taps.items()}
        return {"logits": seen.logits, **taps}

    return look


def network_stage(context: StageContext) -> str:
    """The stage that holds the teacher's weights."""
    return str(context.parameters["network"])


def _signals(context: StageContext) -> SignalSum:
    from pydantic import TypeAdapter

    from edgekd.distill.signals import SignalSum
    from edgekd.recipe import Signal

    specs = TypeAdapter(list[Signal]).validate_python(context.parameters["signals"])
    return SignalSum(specs, temperature=1.0)


def _save_module(folder: Path, network: nn.Module, dataset: Dataset) -> None:
    """The rung of a module that was trained elsewhere."""
    foldable = _foldable(network)
    save_float_rung(folder, network, dataset, rate=None, steps=None, foldable=foldable)


def _foldable(network: nn.Module) -> bool:
    from edgekd.compress.folding import fold_batch_norm

    try:
        fold_batch_norm(network)
    except BadInput:
        return False
    return True


def _foreign(
    teacher: Teacher, location: str, dataset: Dataset
) -> tuple[Callable[[Logits], Logits], Any]:
    """A function from the student's inputs to aligned logits, and the loaded teacher."""
    import torch

    from edgekd.teachers import open_teacher
    from edgekd.teachers.classes import align_classes
    from edgekd.teachers.inputs import layout_of, teacher_inputs

    loaded = open_teacher(teacher, Path(location))
    wanted = teacher.inputs
    if wanted.layout is None and len(dataset.sample_shape) == 3:
        layout = layout_of(loaded.input_shape)
        wanted = wanted.model_copy(update={"layout": layout})

    def ask(inputs: Logits) -> Logits:
        seen = teacher_inputs(torch.from_numpy(inputs), wanted, dataset.mean, dataset.std)
        return align_classes(
            loaded.logits(seen.numpy()),
            loaded.class_names,
            dataset.class_names,
            teacher.class_map,
        )

    return ask, loaded


def _recorded(context: StageContext, dataset: Dataset, teacher: Teacher) -> Logits:
    """Logits of every sample of the source, NaN where nothing was recorded."""
    from edgekd.teachers.classes import align_classes
    from edgekd.teachers.recorded import align_answers, read_answers

    path = Path(context.locations["network"])
    recorded: RecordedAnswers = read_answers(path, teacher, len(dataset.class_names))
    names_file = context.folder("data") / NAMES_FILE
    names = tuple(read_json(names_file)) if names_file.exists() else None
    logits = align_answers(recorded, names, len(dataset.labels))
    classes = teacher.classes or recorded.class_names
    aligned = align_classes(logits, classes, dataset.class_names, teacher.class_map)
    missing = int(np.isnan(aligned[dataset.parts["test"]]).any(axis=1).sum())
    if missing:
        raise BadInput(
            f"holds no answer about {missing} of {len(dataset.parts['test'])} test samples",
            where=str(path),
            mend="record those too: without them there is no baseline",
        )
    return aligned


def _save_foreign(
    folder: Path,
    dataset: Dataset,
    test: Logits,
    validation: Logits | None,
    parameters: int | None,
    size: int | None,
) -> None:
    facts = RungFacts(
        precision="fp32",
        folded=False,
        parameters=parameters,
        macs=None,
        bytes=size,
        scheme="as it was loaded",
        validation_accuracy=(
            None if validation is None else metric_of(dataset, "validation", validation)
        ),
        learning_rate=None,
        steps=None,
    )
    save_answers(folder, RungOutputs(test, test), facts)


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _combined(members: list[Any], weights: list[float]) -> Logits:
    import torch

    from edgekd.teachers.answers import combine_logits

    tensors = [torch.from_numpy(np.array(member)) for member in members]
    combined: Logits = combine_logits(tensors, weights).numpy()
    return combined
