"""Stage actions that come first: the data is read and split, the networks are tried out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from edgekd.data import find_source
from edgekd.data.dataset import Dataset, load_dataset, save_dataset
from edgekd.data.samples import Samples
from edgekd.data.split import split_samples
from edgekd.errors import BadInput
from edgekd.files import write_json
from edgekd.networks import build_network, check_network, count_macs, count_parameters
from edgekd.pipeline.actions.data_files import (
    NAMES_FILE,
    VIEWS_FILE,
    VIEWS_SEED,
    WAVEFORMS_FILE,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Augmentation, Data, FrontEnd, Network, Signal, Teacher

if TYPE_CHECKING:
    from torch import nn

_WAVEFORM_SCALE = 1 / 32768


def prepare_data(context: StageContext) -> None:
    """Read the source, split it, hide the labels that must not be seen, compute features."""
    path = {key: value for key, value in context.locations.items() if key == "path"}
    data = Data.model_validate({**context.parameters["data"], **path})
    samples = find_source(data.source).load(data)
    dataset = split_samples(samples, data)
    if data.front_end is not None:
        dataset = _with_features(context, samples, dataset, data.front_end)
    if data.text is not None:
        from edgekd.pipeline.actions.tokens import with_tokens

        dataset = with_tokens(context, samples, dataset, data.text)
    elif samples.texts is not None:
        raise BadInput(
            f"the source {data.source} holds texts", where="data.source", mend="add data.text"
        )
    save_dataset(dataset, context.out)
    if samples.names is not None:
        write_json(context.out / NAMES_FILE, list(samples.names))
    write_json(context.out / "facts.json", _facts(data, dataset))


def render_stored_views(context: StageContext) -> None:
    """Features of changed clips, float32 ``[views, N, 1, frames, bins]``, for training on."""
    from edgekd.data.audio_views import render_views

    waveforms = np.load(context.folder("data") / WAVEFORMS_FILE, allow_pickle=False)
    dataset = load_dataset(context.folder("data"))
    augmentation = Augmentation.model_validate(context.parameters["augmentation"])
    views = render_views(
        waveforms[dataset.parts["train"]],
        _WAVEFORM_SCALE,
        FrontEnd.model_validate(context.parameters["front_end"]),
        augmentation,
        augmentation.views,
        VIEWS_SEED[context.parameters["role"]],
        context.progress,
    )
    np.save(context.out / VIEWS_FILE, views, allow_pickle=False)


def _with_features(
    context: StageContext, samples: Samples, dataset: Dataset, front_end: FrontEnd
) -> Dataset:
    """Features in place of waveforms, standardized per bin by the training data."""
    from edgekd.data.front_end import compute_features

    if samples.inputs.dtype != np.int16 or samples.inputs.ndim != 2:
        raise BadInput(
            "goes with audio", where="data.front_end", mend="use source: wav_folder or fsdd"
        )
    np.save(context.out / WAVEFORMS_FILE, samples.inputs, allow_pickle=False)
    features = compute_features(samples.inputs * np.float32(_WAVEFORM_SCALE), front_end)
    train = features[dataset.parts["train"]]
    mean, std = train.mean(axis=(0, 1, 2)), train.std(axis=(0, 1, 2))
    return replace(
        dataset,
        inputs=features,
        scale=1.0,
        mean=tuple(float(value) for value in mean),
        std=tuple(float(value) for value in np.maximum(std, 1e-6)),
        axis=-1,
    )


def _facts(data: Data, dataset: Dataset) -> dict[str, Any]:
    classes = len(dataset.class_names)
    facts: dict[str, Any] = {
        "source": data.source,
        "task": dataset.task,
        "classes": classes,
        "sample_shape": list(dataset.sample_shape),
        "split": data.split.kind,
        "split_seed": data.split.seed,
        "labels_seen_by_students": len(dataset.labelled),
    }
    if data.split.held_out:
        facts["held_out_groups"] = data.split.held_out
    facts |= {f"{part}_samples": len(indices) for part, indices in dataset.parts.items()}
    if dataset.outside is not None:
        facts["test_samples_of_no_class"] = len(dataset.outside)
    counts = np.bincount(dataset.part_labels("test"), minlength=classes)
    facts["test_samples_per_class"] = [int(count) for count in counts]
    return facts


def check_networks(context: StageContext) -> None:
    """Build teacher and student and run one input, before anything is trained for hours."""
    dataset = load_dataset(context.folder("data"))
    facts, networks = {}, {}
    for role in ("teacher", "student"):
        if role not in context.parameters:
            continue
        name, network = _built(role, context, dataset)
        if dataset.holds_tokens:
            _check_vocabulary(network, dataset, role)
        check_network(network, dataset.zeros(2), dataset.output_shape, role)
        networks[role] = network
        facts[role] = {
            "network": name,
            "parameters": count_parameters(network),
            "macs": count_macs(network, dataset.zeros(1)),
        }
    if "teacher" in networks:
        _try_signals(context.parameters["signals"], networks, dataset)
    write_json(context.out / "networks.json", facts)


def _check_vocabulary(network: nn.Module, dataset: Dataset, role: str) -> None:
    """Every token must have its row in the table of a network that has one."""
    from torch import nn

    tables = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    largest = int(dataset.inputs.max())
    if tables and max(table.num_embeddings for table in tables) <= largest:
        raise BadInput(
            f"the {role} has an embedding for {tables[0].num_embeddings} tokens, but the data has"
            f" {largest + 1}",
            where=f"{role}.arguments",
            mend=f"give the {role} at least {largest + 1}, or data.text.vocabulary less",
        )


def _try_signals(specs: list[Any], networks: dict[str, nn.Module], dataset: Dataset) -> None:
    """Find every tap, and build every adapter, on two inputs of zeros."""
    import torch

    from edgekd.distill.signals import SignalSum
    from edgekd.distill.taps import Seen, Tapped

    signals = SignalSum(TypeAdapter(list[Signal]).validate_python(specs), temperature=1.0)
    inputs = torch.from_numpy(dataset.zeros(2))
    with torch.no_grad():
        student = Tapped(networks["student"], signals.student_taps)(inputs)
        told = Tapped(networks["teacher"], signals.teacher_taps)(inputs)
        condensed = {tap: signals.condense(tap, seen) for tap, seen in told.taps.items()}
        signals.adapt(student, Seen(told.logits, condensed))


def _built(role: str, context: StageContext, dataset: Dataset) -> tuple[str, nn.Module]:
    """A network as it will be trained or asked: a teacher with its own inputs and classes."""
    location = context.locations[role]
    if role == "student":
        spec = Network.model_validate(context.parameters[role])
        return spec.network, build_network(spec, Path(location))
    from edgekd.teachers.module import build_teacher

    teacher = Teacher.model_validate(context.parameters[role])
    return teacher.architecture.network, build_teacher(
        teacher, location, dataset.class_names, dataset.mean, dataset.std
    )
