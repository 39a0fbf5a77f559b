from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.data.dataset import load_dataset, save_dataset
from edgekd.data.samples import Samples
from edgekd.data.split import split_samples
from edgekd.errors import BadInput, RunFailed
from edgekd.recipe import Data, Split


def samples_of(counts: list[int], unlabelled: int = 0) -> Samples:
    labels = np.repeat([*range(len(counts)), -1], [*counts, unlabelled]).astype(np.int64)
    inputs = np.arange(len(labels), dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    return Samples(inputs, labels, tuple(f"c{n}" for n in range(len(counts))), 1.0)


def data_of(validation: int, test: int, labels: int | None = None, seed: int = 0) -> Data:
    split = Split(validation=validation, test=test, seed=seed)
    return Data(source="npz", split=split, labels=labels)


@given(
    counts=st.lists(st.integers(10, 40), min_size=2, max_size=5),
    unlabelled=st.integers(0, 20),
    seed=st.integers(0, 3),
)
def test_parts_are_disjoint_complete_and_stratified(
    counts: list[int], unlabelled: int, seed: int
) -> None:
    classes = len(counts)
    dataset = split_samples(
        samples_of(counts, unlabelled), data_of(2 * classes, 2 * classes, 2 * classes, seed)
    )
    parts = [dataset.parts[name] for name in ("train", "validation", "test")]
    together = np.concatenate(parts)
    assert sorted(together) == list(range(sum(counts) + unlabelled))
    assert len(parts[1]) == len(parts[2]) == len(dataset.labelled) == 2 * classes
    for part in ("validation", "test"):
        assert (np.bincount(dataset.part_labels(part), minlength=classes) > 0).all()
    visible = dataset.visible_labels
    assert (visible >= 0).sum() == 2 * classes
    seen = visible >= 0
    assert np.bincount(visible[seen], minlength=classes).tolist() == [2] * classes
    assert (visible[seen] == dataset.part_labels("train")[seen]).all()


def test_the_seed_decides(tmp_path: Path) -> None:
    samples = samples_of([50, 50])
    first, again, other = (split_samples(samples, data_of(10, 10, 10, s)) for s in (0, 0, 1))
    assert (first.parts["test"] == again.parts["test"]).all()
    assert (first.parts["test"] != other.parts["test"]).any()


def test_all_labels_by_default_but_never_of_unlabelled_samples() -> None:
    dataset = split_samples(samples_of([10, 10], unlabelled=5), data_of(2, 2))
    assert len(dataset.labelled) == 16
    assert (dataset.visible_labels >= 0).sum() == 16
    assert len(dataset.parts["train"]) == 21


@pytest.mark.parametrize(
    ("counts", "data", "key"),
    [
        ([10, 0], data_of(2, 2), "no samples"),
        ([100, 1], data_of(10, 10), "data.split.test"),
        ([10, 10], data_of(2, 20), "data.split.test"),
        ([10, 10], data_of(2, 2, labels=1), "data.labels"),
        ([10, 10], data_of(2, 2, labels=17), "data.labels"),
    ],
)
def test_impossible_splits_are_refused(counts: list[int], data: Data, key: str) -> None:
    with pytest.raises(BadInput, match=key):
        split_samples(samples_of(counts), data)


def test_preprocessing() -> None:
    samples = Samples(
        np.full((30, 2, 3, 3), 51, np.uint8),
        np.arange(30, dtype=np.int64) % 2,
        ("a", "b"),
        1 / 255,
    )
    data = Data(source="npz", split=Split(validation=2, test=2), mean=[0.1, 0.2], std=[0.5, 2.0])
    inputs = split_samples(samples, data).part_inputs("test")
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs[:, 0], (0.2 - 0.1) / 0.5, rtol=1e-6)
    np.testing.assert_allclose(inputs[:, 1], 0, atol=1e-7)


@given(count=st.integers(1, 20), seed=st.integers(0, 3))
def test_drawn_samples_are_some_of_the_part_in_its_order(count: int, seed: int) -> None:
    dataset = split_samples(samples_of([40, 40]), data_of(10, 20))
    fewer, rows = dataset.drawn("test", count, seed)
    assert len(rows) == count
    assert list(rows) == sorted(set(rows))
    np.testing.assert_array_equal(fewer.parts["test"], dataset.parts["test"][rows])
    np.testing.assert_array_equal(fewer.part_inputs("test"), dataset.part_inputs("test")[rows])
    assert fewer.parts["train"] is dataset.parts["train"]
    assert len(dataset.parts["test"]) == 20
    np.testing.assert_array_equal(rows, dataset.drawn("test", count, seed)[1])


def test_another_seed_draws_other_samples() -> None:
    dataset = split_samples(samples_of([400, 400]), data_of(10, 200))
    one, other = (set(dataset.drawn("test", 50, seed)[1]) for seed in (0, 1))
    assert one != other


def test_save_and_load(tmp_path: Path) -> None:
    dataset = split_samples(samples_of([10, 10]), data_of(2, 2, 6))
    save_dataset(dataset, tmp_path)
    loaded = load_dataset(tmp_path)
    assert (loaded.inputs == dataset.inputs).all()
    assert (loaded.visible_labels == dataset.visible_labels).all()
    assert loaded.class_names == dataset.class_names
    (tmp_path / "dataset.safetensors").write_bytes(b"nonsense")
    with pytest.raises(RunFailed, match="damaged"):
        load_dataset(tmp_path)


def test_the_official_split_is_the_sources_own() -> None:
    samples = samples_of([10, 10])
    official = np.arange(20) % 5 == 0
    split = Split(kind="official", validation=4)
    data = Data(source="npz", split=split)
    dataset = split_samples(replace(samples, official_test=official), data)
    np.testing.assert_array_equal(dataset.parts["test"], np.flatnonzero(official))
    assert len(dataset.parts["train"]) == 20 - 4 - 4
    with pytest.raises(BadInput, match="no official test split"):
        split_samples(samples, data)


def test_no_group_is_on_both_sides() -> None:
    samples = samples_of([12, 12], unlabelled=6)
    groups = tuple("abc"[number % 3] for number in range(30))
    data = Data(source="npz", split=Split(kind="groups", validation=4, held_out=["b"]))
    dataset = split_samples(replace(samples, groups=groups), data)
    held_out = {groups[i] for i in dataset.parts["test"]}
    others = {groups[i] for part in ("train", "validation") for i in dataset.parts[part]}
    assert held_out == {"b"}
    assert others == {"a", "c"}
    unknown = Data(source="npz", split=Split(kind="groups", validation=4, held_out=["d"]))
    with pytest.raises(BadInput, match=r"there is no group 'd'.*known: a, b, c"):
        split_samples(replace(samples, groups=groups), unknown)


def test_anomalies_are_never_trained_on() -> None:
    split = Split(validation=9, test=12)
    data = Data(source="npz", split=split, normal=["c1"])
    dataset = split_samples(samples_of([20, 30, 10]), data)
    assert dataset.class_names == ("normal", "anomaly")
    assert set(dataset.part_labels("train")) == {0}
    assert set(dataset.part_labels("test")) == set(dataset.part_labels("validation")) == {0, 1}
    assert dataset.output_shape == dataset.sample_shape
    assert len(dataset.labelled) == len(dataset.parts["train"])


@pytest.mark.parametrize("normal", [["c9"], ["c0", "c1"]])
def test_normal_classes_are_some_of_those_there_are(normal: list[str]) -> None:
    data = Data(source="npz", split=Split(validation=2, test=2), normal=normal)
    with pytest.raises(BadInput, match=r"data\.normal"):
        split_samples(samples_of([10, 10]), data)


def test_features_are_standardized_by_bin() -> None:
    dataset = split_samples(samples_of([10, 10]), data_of(2, 2))
    inputs = np.random.default_rng(0).random((20, 1, 4, 3), dtype=np.float32)
    dataset = replace(dataset, inputs=inputs, mean=(0.0, 0.1, 0.2), std=(1.0, 2.0, 3.0), axis=-1)
    expected = (inputs[..., 2] - np.float32(0.2)) / np.float32(3)
    np.testing.assert_allclose(dataset.preprocess(inputs)[..., 2], expected, rtol=1e-6)
