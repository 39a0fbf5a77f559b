"""Stage actions that make the compressed rungs: after training, or with more of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgekd.compress import quantize
from edgekd.compress.scheme import scheme_of
from edgekd.data.dataset import Dataset, load_dataset
from edgekd.networks import build_network, count_macs, count_parameters, run_network
from edgekd.pipeline.actions.rung_files import (
    ARCHITECTURE,
    RungFacts,
    RungOutputs,
    calibration_inputs,
    load_folded_network,
    metric_of,
    outside_auc_of,
    save_rung,
    weight_bytes,
)
from edgekd.pipeline.actions.training import lesson_of, train_on, training_views
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Distill, Network, QuantizationAware
from edgekd.records import Precision

if TYPE_CHECKING:
    import torch

    from edgekd.compress.scheme import QuantizedScheme


def quantize_after_training(context: StageContext) -> None:
    """Quantize the base rung as it is; static ranges come from training data."""
    dataset = load_dataset(context.folder("data"))
    _save(context, _base(context), dataset, None)


def train_quantized(context: StageContext) -> None:
    """Train the distilled student on under fake quantization, taught by the same teacher."""
    import torch

    from edgekd.compress.qat import finish_qat, prepare_qat
    from edgekd.distill.trainer import TrainingPlan

    dataset = load_dataset(context.folder("data"))
    distill = Distill.model_validate(context.parameters["distill"])
    training = QuantizationAware.model_validate(context.parameters["training"])
    seed = int(context.parameters["seed"])
    torch.manual_seed(seed)
    network = _base(context)
    scheme = scheme_of(network, context.parameters["precision"])
    calibration = calibration_inputs(dataset, context.parameters["calibration_samples"])
    prepared = prepare_qat(network, cast("QuantizedScheme", scheme), calibration)
    prepared = train_on(
        context,
        prepared,
        training_views(context, dataset, dataset.visible_labels, role="student", network=prepared),
        dataset.visible_labels,
        lesson_of(context, dataset, distill, features=False),
        TrainingPlan(training.steps, distill.batch_size, training.learning_rate, 0.0, seed),
    )
    network.load_state_dict(finish_qat(prepared, network))
    _save(context, network.eval(), dataset, training)


def _base(context: StageContext) -> torch.nn.Module:
    spec = Network.model_validate(context.parameters["student"])
    built = build_network(spec, Path(context.locations["network"]))
    return load_folded_network(context.folder(context.parameters["base"]), built)


def _save(
    context: StageContext,
    network: torch.nn.Module,
    dataset: Dataset,
    training: QuantizationAware | None,
) -> None:
    precision: Precision = context.parameters["precision"]
    calibration = calibration_inputs(dataset, context.parameters["calibration_samples"])
    quantized = quantize(network, precision, calibration)
    test = dataset.part_inputs("test")
    outputs = RungOutputs(test=run_network(quantized, test), test_float=run_network(network, test))
    validation = run_network(quantized, dataset.part_inputs("validation"))
    facts = RungFacts(
        precision=precision,
        folded=True,
        parameters=count_parameters(network),
        macs=count_macs(network, dataset.zeros(1)),
        bytes=weight_bytes(network, precision),
        scheme=scheme_of(network, precision),
        validation_accuracy=metric_of(dataset, "validation", validation),
        learning_rate=training.learning_rate if training else None,
        steps=training.steps if training else None,
        outside_auc=outside_auc_of(quantized, dataset, outputs.test),
    )
    save_rung(context.out, network, outputs, facts)
    sizes = context.folder(context.parameters["base"]) / ARCHITECTURE
    if sizes.exists():
        shutil.copy(sizes, context.out)
