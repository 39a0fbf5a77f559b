"""The dataset of a run: split once, hidden labels hidden, stored as safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.data.samples import UNLABELLED, Samples
from edgekd.errors import BadInput, RunFailed
from edgekd.files import read_json, write_json
from edgekd.recipe import Data

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """Samples with their split.

    Attributes:
        inputs: uint8 or float32 as the source gave them, ``[N, ...]``.
        labels: int64 ``[N]``, -1 for none.
        parts: ``train``, ``validation`` and ``test``: int64 indices, disjoint.
        labelled: int64 indices into ``train``: positions whose label the student's arms may see.
        class_names: in the order of the outputs.
        scale: from a stored value to [0, 1].
        mean: float32 ``[C]`` (images) or ``[1]``.
        std: float32, likewise.
    """

    inputs: Array
    labels: npt.NDArray[np.int64]
    parts: dict[str, Indices]
    labelled: Indices
    class_names: tuple[str, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one input without the batch."""
        return tuple(self.inputs.shape[1:])

    def part_inputs(self, part: str) -> npt.NDArray[np.float32]:
        """Preprocessed float32 inputs of a part."""
        return self.preprocess(self.inputs[self.parts[part]])

    def part_labels(self, part: str) -> npt.NDArray[np.int64]:
        """True labels of a part, those included that the student's arms may not see."""
        return self.labels[self.parts[part]]

    @cached_property
    def visible_labels(self) -> npt.NDArray[np.int64]:
        """Labels of the training part that the student's arms may see; -1 for the others."""
        visible = np.full(len(self.parts["train"]), UNLABELLED, dtype=np.int64)
        visible[self.labelled] = self.part_labels("train")[self.labelled]
        return visible

    def preprocess(self, inputs: Array) -> npt.NDArray[np.float32]:
        """``(stored * scale - mean) / std``, per channel."""
        shape = (1, -1, *([1] * (inputs.ndim - 2)))
        mean = np.asarray(self.mean, dtype=np.float32).reshape(shape)
        std = np.asarray(self.std, dtype=np.float32).reshape(shape)
        scaled = inputs.astype(np.float32) * np.float32(self.scale)
        return np.asarray((scaled - mean) / std, dtype=np.float32)


def split_samples(samples: Samples, data: Data) -> Dataset:
    """Split by class and seed; test data is drawn first and never seen again before the end.

    Raises:
        BadInput: a class is too small for the split or for the wanted labels.
    """
    draw = np.random.default_rng(data.split.seed)
    by_class = [
        draw.permutation(np.flatnonzero(samples.labels == number))
        for number in range(len(samples.class_names))
    ]
    for name, members in zip(samples.class_names, by_class, strict=True):
        if len(members) == 0:
            raise BadInput(f"the class {name!r} has no samples", where="data")
    test, by_class = _take(by_class, data.split.test, "data.split.test", samples.class_names)
    validation, by_class = _take(
        by_class, data.split.validation, "data.split.validation", samples.class_names
    )
    unlabelled = np.flatnonzero(samples.labels == UNLABELLED)
    if data.labels is None:
        visible = np.concatenate(by_class)
    else:
        visible, _ = _take(
            by_class, data.labels, "data.labels", samples.class_names, leave=0, balanced=True
        )
    train = np.sort(np.concatenate([*by_class, unlabelled]))
    return Dataset(
        inputs=samples.inputs,
        labels=samples.labels,
        parts={"train": train, "validation": np.sort(validation), "test": np.sort(test)},
        labelled=np.searchsorted(train, np.sort(visible)).astype(np.int64),
        class_names=samples.class_names,
        scale=samples.scale,
        mean=tuple(data.mean),
        std=tuple(data.std),
    )


def _take(
    by_class: list[Indices],
    count: int,
    key: str,
    names: tuple[str, ...],
    *,
    leave: int = 1,
    balanced: bool = False,
) -> tuple[Indices, list[Indices]]:
    """Draw ``count`` samples in proportion to the classes, or balanced; leave some of each."""
    sizes = [len(members) for members in by_class]
    weights = [1] * len(sizes) if balanced else sizes
    shares = _shares(weights, count)
    for name, size, share in zip(names, sizes, shares, strict=True):
        if share < 1 or share + leave > size:
            raise BadInput(
                f"asks {share} of the {size} samples of class {name!r} that are left",
                where=key,
                mend="change the sizes so that every class has at least one sample in each part",
            )
    taken = [members[:share] for members, share in zip(by_class, shares, strict=True)]
    rest = [members[share:] for members, share in zip(by_class, shares, strict=True)]
    return np.concatenate(taken), rest


def _shares(weights: list[int], count: int) -> list[int]:
    """Split a count by weight, by the largest remainder; none is 0 while another has 2 or more."""
    exact = [count * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for number in by_remainder[: count - sum(shares)]:
        shares[number] += 1
    while min(shares) == 0 and max(shares) > 1:
        shares[shares.index(max(shares))] -= 1
        shares[shares.index(0)] += 1
    return shares


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write ``dataset.safetensors`` and ``dataset.json``."""
    from safetensors.numpy import save_file

    arrays = {"inputs": np.ascontiguousarray(dataset.inputs), "labels": dataset.labels}
    arrays |= {part: dataset.parts[part] for part in _PARTS} | {"labelled": dataset.labelled}
    save_file(arrays, folder / "dataset.safetensors")
    facts = {
        "class_names": list(dataset.class_names),
        "scale": dataset.scale,
        "mean": list(dataset.mean),
        "std": list(dataset.std),
    }
    write_json(folder / "dataset.json", facts)


def load_dataset(folder: Path) -> Dataset:
    """Read what ``save_dataset`` wrote.

    Raises:
        RunFailed: the files are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    facts = read_json(folder / "dataset.json")
    try:
        arrays = load_file(folder / "dataset.safetensors")
        return Dataset(
            inputs=arrays["inputs"],
            labels=arrays["labels"],
            parts={part: arrays[part] for part in _PARTS},
            labelled=arrays["labelled"],
            class_names=tuple(facts["class_names"]),
            scale=facts["scale"],
            mean=tuple(facts["mean"]),
            std=tuple(facts["std"]),
        )
    except (SafetensorError, KeyError, OSError) as error:
        raise RunFailed("the stored dataset is damaged", where=str(folder)) from error
