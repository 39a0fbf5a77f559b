"""The dataset of a run, stored as safetensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.data.samples import UNLABELLED
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json
from edgekd.measure.outcomes import Outcomes, Task, sample_outcomes

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class TeacherTokens:
    """Texts as a teacher with a tokenizer of its own sees them.

    Attributes:
        inputs: int32 ``[N, T']``.
        outside: int32 ``[M, T']``, of the texts that belong to no class.
    """

    inputs: Array
    outside: Array | None


@dataclass(frozen=True)
class Dataset:
    """Samples with their split.

    Attributes:
        inputs: uint8 or float32 as the source gave them, ``[N, ...]``; features, where a front end
            made some; int32 token numbers ``[N, T]`` of texts, 0 where a text has ended.
        labels: int64 ``[N]``, -1 for none.
        parts: ``train``, ``validation`` and ``test``: int64 indices, disjoint.
        labelled: int64 indices into ``train``: positions whose label the student's arms may see.
        class_names: in the order of the outputs; ``normal`` and ``anomaly`` where these are sought.
        scale: from a stored value to [0, 1].
        mean: float32 along ``axis``, or one value for all.
        std: float32, likewise.
        axis: of the inputs that mean and std belong to: 1 (channels) or -1 (bins of features).
        task: what the networks are for.
        outside: inputs ``[M, ...]`` that belong to no class; none by default.
        teacher: the same data as a teacher with a tokenizer of its own sees it.
    """

    inputs: Array
    labels: npt.NDArray[np.int64]
    parts: dict[str, Indices]
    labelled: Indices
    class_names: tuple[str, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    axis: int = 1
    task: Task = "classification"
    outside: Array | None = None
    teacher: TeacherTokens | None = None

    @property
    def holds_tokens(self) -> bool:
        """Whether inputs are token numbers, which are neither scaled nor normalized."""
        return self.inputs.dtype == np.int32

    def as_teacher_sees(self) -> Dataset:
        """The dataset by the teacher's own tokenizer, where it has one."""
        if self.teacher is None:
            return self
        own = self.teacher
        return replace(self, inputs=own.inputs, outside=own.outside, teacher=None)

    def zeros(self, count: int) -> Array:
        """Inputs ``[count, ...]`` of zeros, as a network takes them."""
        return np.zeros(
            (count, *self.sample_shape), dtype=np.int32 if self.holds_tokens else np.float32
        )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one input without the batch."""
        return tuple(self.inputs.shape[1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one output of a network without the batch."""
        if self.task == "anomaly-detection":
            return self.sample_shape
        return (len(self.class_names),)

    def part_inputs(self, part: str) -> Array:
        """Preprocessed inputs of a part: float32, or int32 token numbers."""
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

    def drawn(self, part: str, count: int, seed: int) -> tuple[Dataset, Indices]:
        """The dataset with ``count`` samples of a part, drawn without replacement, in their order.

        Returns:
            The smaller dataset, and int64 ``[count]`` positions of its samples in the part.
        """
        rows = np.random.default_rng(seed).permutation(len(self.parts[part]))[:count]
        rows = np.sort(rows).astype(np.int64)
        return replace(self, parts={**self.parts, part: self.parts[part][rows]}), rows

    def preprocess(self, inputs: Array) -> Array:
        """``(stored * scale - mean) / std``, float32; token numbers as they are."""
        if self.holds_tokens:
            return inputs
        shape = broadcast_shape(self.axis, inputs.ndim)
        mean = np.asarray(self.mean, dtype=np.float32).reshape(shape)
        std = np.asarray(self.std, dtype=np.float32).reshape(shape)
        scaled = inputs.astype(np.float32) * np.float32(self.scale)
        return np.asarray((scaled - mean) / std, dtype=np.float32)

    def outcomes(self, part: str, outputs: Array) -> Outcomes:
        """What each sample of a part says of a network; the mean is the task's metric."""
        inputs = self.part_inputs(part) if self.task == "anomaly-detection" else self.inputs[:0]
        return sample_outcomes(self.task, outputs, inputs, self.part_labels(part))


def broadcast_shape(axis: int, dimensions: int) -> tuple[int, ...]:
    """The shape in which values along one axis broadcast over ``dimensions``."""
    shape = [1] * dimensions
    shape[axis] = -1
    return tuple(shape)


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write ``dataset.safetensors`` and ``dataset.json``."""
    from safetensors.numpy import save_file

    arrays = {"inputs": np.ascontiguousarray(dataset.inputs), "labels": dataset.labels}
    arrays |= {part: dataset.parts[part] for part in _PARTS} | {"labelled": dataset.labelled}
    own = dataset.teacher
    optional = {
        "outside": dataset.outside,
        "teacher_inputs": own.inputs if own else None,
        "teacher_outside": own.outside if own else None,
    }
    arrays |= {name: array for name, array in optional.items() if array is not None}
    save_file(arrays, folder / "dataset.safetensors")
    facts = {
        "class_names": list(dataset.class_names),
        "scale": dataset.scale,
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "axis": dataset.axis,
        "task": dataset.task,
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
        own = arrays.get("teacher_inputs")
        return Dataset(
            inputs=arrays["inputs"],
            labels=arrays["labels"],
            parts={part: arrays[part] for part in _PARTS},
            labelled=arrays["labelled"],
            class_names=tuple(facts["class_names"]),
            scale=facts["scale"],
            mean=tuple(facts["mean"]),
            std=tuple(facts["std"]),
            axis=facts["axis"],
            task=facts["task"],
            outside=arrays.get("outside"),
            teacher=None if own is None else TeacherTokens(own, arrays.get("teacher_outside")),
        )
    except (SafetensorError, KeyError, OSError) as error:
        raise RunFailed("the stored dataset is damaged", where=str(folder)) from error
