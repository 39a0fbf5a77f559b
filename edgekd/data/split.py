"""Splits samples once: what is held out, and whose labels may be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset, Indices
from edgekd.data.samples import UNLABELLED, Samples
from edgekd.errors import BadInput
from edgekd.measure.outcomes import ANOMALY
from edgekd.recipe import Data


@dataclass(frozen=True)
class _Classes:
    """Shuffled indices of each class that are not taken yet."""

    names: tuple[str, ...]
    members: list[Indices]

    def take(
        self, count: int, key: str, *, leave: int = 1, balanced: bool = False
    ) -> tuple[Indices, _Classes]:
        """Draw ``count`` samples in proportion to the classes, or balanced; leave some of each."""
        sizes = [len(members) for members in self.members]
        shares = _shares([1] * len(sizes) if balanced else sizes, count)
        for name, size, share in zip(self.names, sizes, shares, strict=True):
            if share < 1 or share + leave > size:
                raise BadInput(
                    f"asks {share} of the {size} samples of class {name!r} that are left",
                    where=key,
                    mend="change the sizes so that every class has a sample in each part",
                )
        taken = [m[:share] for m, share in zip(self.members, shares, strict=True)]
        rest = [m[share:] for m, share in zip(self.members, shares, strict=True)]
        return np.concatenate(taken), replace(self, members=rest)

    def take_where(self, wanted: npt.NDArray[np.bool_], key: str) -> tuple[Indices, _Classes]:
        """Take every sample that is marked; each class must have some on both sides."""
        taken = [members[wanted[members]] for members in self.members]
        rest = [members[~wanted[members]] for members in self.members]
        for name, inside, outside in zip(self.names, taken, rest, strict=True):
            if not len(inside) or not len(outside):
                side = "test" if not len(inside) else "other"
                raise BadInput(f"leaves class {name!r} without {side} samples", where=key)
        return np.concatenate(taken), replace(self, members=rest)

    def all(self) -> Indices:
        return np.concatenate(self.members)


def split_samples(samples: Samples, data: Data) -> Dataset:
    """Split by class and seed; test data is drawn first and never seen again before the end.

    Raises:
        BadInput: a class is too small for the split or for the wanted labels, or the source knows
            no such split.
    """
    if data.normal:
        return _anomaly_dataset(samples, data)
    classes = _by_class(samples, data)
    test, classes = _take_test(classes, samples, data)
    validation, classes = classes.take(data.split.validation, "data.split.validation")
    visible = classes.all()
    if data.labels is not None:
        visible, _ = classes.take(data.labels, "data.labels", leave=0, balanced=True)
    others = np.flatnonzero(samples.labels == UNLABELLED)
    if data.split.kind == "groups":
        others = others[~_in_held_out_groups(samples, data)[others]]
    train = np.concatenate([classes.all(), others])
    return _dataset(samples, data, train, validation, test, visible)


def _anomaly_dataset(samples: Samples, data: Data) -> Dataset:
    """Train on normal samples alone; validation and test hold anomalies too."""
    unknown = [name for name in data.normal if name not in samples.class_names]
    if unknown or len(set(data.normal)) >= len(samples.class_names):
        raise BadInput(
            f"names {', '.join(map(repr, unknown or data.normal))}",
            where="data.normal",
            mend=f"choose some, not all, of: {', '.join(samples.class_names)}",
        )
    if data.labels is not None:
        raise BadInput(
            "goes with classification: anomaly detection needs none", where="data.labels"
        )
    normal = [samples.class_names.index(name) for name in data.normal]
    classes = _by_class(samples, data)
    test, classes = _take_test(classes, samples, data)
    validation, classes = classes.take(data.split.validation, "data.split.validation")
    train = np.concatenate([classes.members[number] for number in normal])
    labels = np.where(np.isin(samples.labels, normal), 1 - ANOMALY, ANOMALY).astype(np.int64)
    relabelled = replace(samples, labels=labels, class_names=("normal", "anomaly"))
    dataset = _dataset(relabelled, data, train, validation, test, train)
    return replace(dataset, task="anomaly-detection")


def _by_class(samples: Samples, data: Data) -> _Classes:
    draw = np.random.default_rng(data.split.seed)
    members = [
        draw.permutation(np.flatnonzero(samples.labels == number))
        for number in range(len(samples.class_names))
    ]
    for name, found in zip(samples.class_names, members, strict=True):
        if len(found) == 0:
            raise BadInput(f"the class {name!r} has no samples", where="data")
    return _Classes(samples.class_names, members)


def _take_test(classes: _Classes, samples: Samples, data: Data) -> tuple[Indices, _Classes]:
    split = data.split
    if split.kind == "random":
        assert split.test is not None
        return classes.take(split.test, "data.split.test")
    if split.kind == "official":
        if samples.official_test is None:
            raise BadInput(
                f"the source {data.source} has no official test split",
                where="data.split.kind",
                mend="use random or groups",
            )
        return classes.take_where(samples.official_test, "data.split.kind")
    return classes.take_where(_in_held_out_groups(samples, data), "data.split.held_out")


def _in_held_out_groups(samples: Samples, data: Data) -> npt.NDArray[np.bool_]:
    if samples.groups is None:
        raise BadInput(
            f"the source {data.source} knows no groups", where="data.split.kind", mend="use random"
        )
    known = sorted(set(samples.groups))
    for name in data.split.held_out:
        if name not in known:
            raise BadInput(
                f"there is no group {name!r}",
                where="data.split.held_out",
                mend=f"known: {_some(known)}",
            )
    return np.isin(np.asarray(samples.groups), data.split.held_out)


def _some(names: Sequence[str], limit: int = 12) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _dataset(
    samples: Samples,
    data: Data,
    train: Indices,
    validation: Indices,
    test: Indices,
    visible: Indices,
) -> Dataset:
    train = np.sort(train)
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
