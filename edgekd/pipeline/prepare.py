"""Stage actions that come first: the data is read and split, the networks are tried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data import find_source
from edgekd.data.dataset import load_dataset, save_dataset, split_samples
from edgekd.files import write_json
from edgekd.networks import build_network, check_network, count_macs, count_parameters
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Data, Network


def prepare_data(context: StageContext) -> None:
    """Read the source, split it, hide the labels that must not be seen."""
    data = Data.model_validate({**context.parameters["data"], **context.locations})
    dataset = split_samples(find_source(data.source).load(data), data)
    save_dataset(dataset, context.out)
    classes = len(dataset.class_names)
    facts: dict[str, Any] = {
        "source": data.source,
        "classes": classes,
        "sample_shape": list(dataset.sample_shape),
        "split_seed": data.split.seed,
        "labels_seen_by_students": len(dataset.labelled),
    }
    facts |= {f"{part}_samples": len(indices) for part, indices in dataset.parts.items()}
    counts = np.bincount(dataset.part_labels("test"), minlength=classes)
    facts["test_samples_per_class"] = [int(count) for count in counts]
    write_json(context.out / "facts.json", facts)


def check_networks(context: StageContext) -> None:
    """Build teacher and student and run one input, before anything is trained for hours."""
    dataset = load_dataset(context.folder("data"))
    facts = {}
    for role in ("teacher", "student"):
        spec = Network.model_validate(context.parameters[role])
        network = build_network(spec, Path(context.locations[role]))
        check_network(network, dataset.sample_shape, len(dataset.class_names), role)
        facts[role] = {
            "network": spec.network,
            "parameters": count_parameters(network),
            "macs": count_macs(network, dataset.sample_shape),
        }
    write_json(context.out / "networks.json", facts)
