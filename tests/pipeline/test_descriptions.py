"""What a bundle and a user say of a model, as metadata says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.export.contract import Bundle, Preprocessing, TensorSpec
from edgekd.pipeline.foreign.descriptions import Given, describe_bundle, describe_file
from edgekd.records import Preflight

MODEL = Path("m.tflite")


def bundle(
    shape: list[int],
    preprocessing: Preprocessing | None,
    labels: list[str],
    output: list[int] | None = None,
) -> Bundle:
    shapes = {"inputs": shape, "outputs": output or [1, max(1, len(labels))]}
    specs: dict[str, Any] = {
        key: [TensorSpec(name=key, shape=shape, layout="NHWC", dtype="float32")]
        for key, shape in shapes.items()
    }
    return Bundle(
        name="task",
        rung="distilled-fp32",
        format="tflite",
        precision="fp32",
        scheme="float32",
        model="model.tflite",
        sha256="",
        bytes=0,
        labels=labels,
        preprocessing=preprocessing,
        golden=None,
        golden_sha256=None,
        preflight=Preflight(operators={}, delegated=0),
        tools={},
        **specs,
    )


values = st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3)
spreads = st.lists(st.floats(0.125, 2, width=32), min_size=3, max_size=3)


@given(mean=values, std=spreads, top=st.sampled_from([16, 255, 65535]), u=st.floats(0, 1))
def test_a_pixel_is_normalised_as_the_stored_value_was(
    mean: list[float], std: list[float], top: int, u: float
) -> None:
    """Whatever range the data was stored in: 0 to 16 of digits, 0 to 255 of photographs."""
    preprocessing = Preprocessing(scale=1 / top, mean=mean, std=std)
    about = describe_bundle(bundle([1, 8, 8, 3], preprocessing, ["a", "b"]), Given(), "")
    assert about.normalization is not None
    pixels = about.normalization
    for m, s, pixel_mean, pixel_std in zip(mean, std, pixels.mean, pixels.std, strict=True):
        trained = (u * top * preprocessing.scale - m) / s
        assert (u * 255 - pixel_mean) / pixel_std == pytest.approx(trained, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "more", "said"),
    [
        ([1, 49, 10, 1], {"axis": "bin", "front_end": {"kind": "mfcc"}}, "Audio as mfcc"),
        ([1, 20], {}, "Numbers, (value * scale - mean) / std"),
        ([1, 8, 8, 2], {}, "Numbers, "),
    ],
)
def test_what_is_no_image_brings_its_preprocessing(
    shape: list[int], more: dict[str, Any], said: str
) -> None:
    preprocessing = Preprocessing(scale=1.0, mean=[0.5], std=[2.0], **more)
    about = describe_bundle(bundle(shape, preprocessing, ["a", "b"]), Given(), "")
    assert about.normalization is None
    assert about.input.startswith(said)
    assert json.loads(about.input_files["preprocessing.json"]) == preprocessing.model_dump()
    assert about.labels == ("a", "b")


def test_a_reconstruction_is_no_classifier() -> None:
    preprocessing = Preprocessing(scale=1 / 255, mean=[0.5], std=[2.0])
    shape = [1, 8, 8, 1]
    found = bundle(shape, preprocessing, ["normal", "anomaly"], output=shape)
    about = describe_bundle(found, Given(), "")
    assert (about.labels, about.normalization) == ((), None)
    assert "anomaly score" in about.output


def test_the_user_says_what_the_bundle_does_not(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_bytes("\ufeffcaf\u00e9\r\nb c\n".encode())
    given_ = Given("n", "d", "a", labels, (1.0,), (2.0,))
    about = describe_bundle(bundle([1, 8, 8, 3], None, []), given_, "")
    assert about == describe_file(MODEL, given_)
    assert about.labels == ("caf\u00e9", "b c")
    assert (about.name, about.description, about.author) == ("n", "d", "a")
    plain = describe_bundle(bundle([1, 8, 8, 3], None, []), Given(), "")
    assert (plain.name, plain.description) == (
        "task distilled-fp32",
        "task, distilled-fp32: float32.",
    )
    assert describe_file(MODEL, Given()).name == "m"


@pytest.mark.parametrize(
    ("given_", "part"),
    [
        (Given(labels=Path("x")), "the bundle names the labels"),
        (Given(mean=(1.0,)), "the bundle says how inputs are normalised"),
        (Given(std=(1.0,)), "the bundle says how inputs are normalised"),
    ],
)
def test_what_the_bundle_says_is_not_overruled(given_: Given, part: str) -> None:
    preprocessing = Preprocessing(scale=1 / 255, mean=[0.5], std=[2.0])
    with pytest.raises(BadInput, match=part):
        describe_bundle(bundle([1, 8, 8, 3], preprocessing, ["a"]), given_, "folder")


@pytest.mark.parametrize(
    ("given_", "part"),
    [
        (Given(mean=(1.0,)), "1 values of --mean and 0 of --std"),
        (Given(mean=(0.5,), std=(0.2,)), "--std 0.2 is not of pixels between 0 and 255"),
        (Given(labels=Path("/nonexistent/labels.txt")), "labels.txt: cannot be read"),
        (Given(labels=Path(__file__).parent), "cannot be read"),
    ],
)
def test_what_cannot_be_right_is_refused(given_: Given, part: str) -> None:
    with pytest.raises(BadInput, match=part):
        describe_file(MODEL, given_)


def test_labels_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        describe_file(MODEL, Given(labels=path))
