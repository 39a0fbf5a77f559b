from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekd.data import find_source
from edgekd.errors import BadInput
from edgekd.recipe import Data, Split

SPLIT = Split(validation=2, test=2)


def images(root: Path, classes: dict[str, int], size: tuple[int, int] = (12, 10)) -> None:
    draw = np.random.default_rng(0)
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 255, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


def folder_data(root: Path, **more: Any) -> Data:
    return Data(source="image_folder", path=str(root), split=SPLIT, image_size=(8, 6), **more)


@pytest.mark.parametrize(
    ("name", "shape", "highest"),
    [("digits", (1797, 1, 8, 8), 16), ("mnist5k", (5000, 1, 28, 28), 255)],
)
def test_packaged_sources(name: str, shape: tuple[int, ...], highest: int) -> None:
    data = Data(source=name, split=SPLIT)
    source = find_source(name)
    samples = source.load(data)
    assert samples.inputs.shape == shape
    assert samples.inputs.max() == highest
    assert samples.inputs.max() * samples.scale == pytest.approx(1)
    assert np.bincount(samples.labels).min() > 150
    assert source.fingerprint(data) == source.fingerprint(data)


def test_unknown_source_suggests() -> None:
    with pytest.raises(BadInput, match="did you mean 'image_folder'"):
        find_source("imagefolder")


@pytest.mark.parametrize("channels", [1, 3])
def test_image_folder(tmp_path: Path, channels: int) -> None:
    images(tmp_path, {"cat": 3, "dog": 2, "unlabelled": 4})
    samples = find_source("image_folder").load(folder_data(tmp_path, channels=channels))
    assert samples.inputs.shape == (9, channels, 8, 6)
    assert samples.class_names == ("cat", "dog")
    assert sorted(samples.labels.tolist()) == [-1] * 4 + [0] * 3 + [1] * 2


def test_image_folder_fingerprint_follows_content(tmp_path: Path) -> None:
    images(tmp_path, {"cat": 2, "dog": 2})
    source = find_source("image_folder")
    before = source.fingerprint(folder_data(tmp_path))
    Image.new("L", (4, 4), 9).save(tmp_path / "cat" / "0.png")
    assert source.fingerprint(folder_data(tmp_path)) != before


def test_broken_image_is_named(tmp_path: Path) -> None:
    images(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "dog" / "bad.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(BadInput, match=r"bad\.png: is not an image"):
        find_source("image_folder").load(folder_data(tmp_path))


def test_truncated_image_is_named(tmp_path: Path) -> None:
    images(tmp_path, {"cat": 2, "dog": 2}, size=(100, 100))
    whole = (tmp_path / "dog" / "0.png").read_bytes()
    (tmp_path / "dog" / "0.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"0\.png: is not an image"):
        find_source("image_folder").load(folder_data(tmp_path))


def test_empty_class_is_named(tmp_path: Path) -> None:
    images(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "eel").mkdir()
    with pytest.raises(BadInput, match="the class 'eel' has no images"):
        find_source("image_folder").load(folder_data(tmp_path))


def test_images_outside_of_class_folders_are_no_classes(tmp_path: Path) -> None:
    images(tmp_path, {"unlabelled": 2})
    Image.new("L", (4, 4), 9).save(tmp_path / "0.png")
    with pytest.raises(BadInput, match=r"has no class folders.*put the images of each class"):
        find_source("image_folder").load(folder_data(tmp_path))


def test_missing_folder_and_size(tmp_path: Path) -> None:
    source = find_source("image_folder")
    with pytest.raises(BadInput, match="is not a folder"):
        source.load(folder_data(tmp_path / "none"))
    images(tmp_path, {"cat": 1, "dog": 1})
    with pytest.raises(BadInput, match=r"data\.image_size"):
        source.load(Data(source="image_folder", path=str(tmp_path), split=SPLIT))


def npz_data(path: Path) -> Data:
    return Data(source="npz", path=str(path), split=SPLIT)


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    inputs = np.random.default_rng(0).random((6, 5, 4), dtype=np.float32)
    np.savez(path, inputs=inputs, labels=np.array([0, 1, 2, -1, 0, 1]), class_names=["a", "b", "c"])
    samples = find_source("npz").load(npz_data(path))
    assert samples.inputs.shape == (6, 1, 5, 4)
    assert samples.class_names == ("a", "b", "c")
    assert samples.labels.tolist() == [0, 1, 2, -1, 0, 1]
    assert samples.scale == 1


FLOATS = np.zeros((3, 4), np.float32)


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"inputs": FLOATS}, "no array 'labels'"),
        ({"inputs": FLOATS.astype(float), "labels": np.arange(3)}, "float64"),
        ({"inputs": FLOATS * np.nan, "labels": np.arange(3)}, "NaN"),
        ({"inputs": FLOATS, "labels": np.arange(4)}, "3 inputs but 4 labels"),
        ({"inputs": FLOATS, "labels": np.zeros(3, np.int64)}, "fewer than two classes"),
        ({"inputs": FLOATS, "labels": -np.ones(3, np.int64)}, "no sample has a label"),
        ({"inputs": FLOATS, "labels": np.arange(3) - 2}, "a label is -2"),
        ({"inputs": FLOATS, "labels": np.arange(3), "class_names": ["a", "b"]}, "2 names"),
        ({"inputs": FLOATS, "labels": np.array([0.0, 1, 1])}, "integer"),
        ({"inputs": FLOATS[:, None], "labels": np.arange(2)}, "3 inputs but 2 labels"),
        ({"inputs": np.array([{}, {}], dtype=object), "labels": np.arange(2)}, "without pickle"),
    ],
)
def test_wrong_npz_is_refused(tmp_path: Path, arrays: dict[str, Any], what: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(BadInput, match=what):
        find_source("npz").load(npz_data(path))


def test_not_an_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(BadInput, match="cannot be read"):
        find_source("npz").load(npz_data(path))
