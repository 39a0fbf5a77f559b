"""The app's pictures, drawings and sounds against Python: the same inputs to the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.data import digits, mnist5k
from edgekd.data.front_end import clip_samples, compute_features, feature_shape
from edgekd.data.samples import Samples
from edgekd.data.wav_file import read_clip
from edgekd.devices.contract import TensorInfo
from edgekd.devices.tensors import quantize
from edgekd.recipe import Data, FrontEnd
from tests.android.host.preprocessing.cases import Case, Pixels, pictures, prepare, sounds, tensor
from tests.android.small_bundle import write_bundle
from tests.conftest import ROOT

FSDD = ROOT.parent / "shared" / "data" / "fsdd" / "recordings"
DIGITS = 300

Floats = npt.NDArray[np.float32]
SCALE, ZERO_POINT = 0.037, -7
QUANTIZED: dict[str, Any] = {"dtype": "int8", "scale": SCALE, "zero_point": ZERO_POINT}
# height and width of the input; the picture; the middle of it: top, left, height, width
PICTURES = {
    "shrunk": ((28, 28), (311, 173), (69, 0, 173, 173)),
    "wide": ((8, 12), (40, 100), (0, 20, 40, 60)),
    "grown": ((32, 24), (7, 5), (0, 0, 7, 5)),
    "same": ((8, 8), (8, 8), (0, 0, 8, 8)),
}
FRONT_ENDS = {
    "keywords": FrontEnd(sample_rate=8000),
    "log-mel": FrontEnd(kind="log-mel", sample_rate=16000, seconds=0.5, window_ms=32.0),
    "odd": FrontEnd(sample_rate=11025, seconds=0.73, window_ms=31.3, stride_ms=9.7, mel_bins=23),
}


@dataclass(frozen=True)
class Digits:
    """Digits that a classifier has not seen, and their drawings on 280 x 280 pixels."""

    inputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    drawings: list[Pixels]
    direct: float
    classifier: Any


@pytest.fixture(scope="module")
def drawn() -> dict[str, Digits]:
    sources = {"digits": digits.load, "mnist": mnist5k.load}
    return {name: _digits(load(Data.model_construct())) for name, load in sources.items()}


@pytest.fixture(scope="module")
def clips() -> dict[str, tuple[Floats, int]]:
    """Noise of three lengths at each front end's rate, and real words."""
    draw = np.random.default_rng(7)
    found = {}
    for name, front_end in FRONT_ENDS.items():
        for part, count in (("short", 0.4), ("whole", 1.0)):
            noise = draw.normal(0, 0.2, round(clip_samples(front_end) * count))
            noise *= np.linspace(0, 1, len(noise)) ** 4
            found[f"{name}.{part}"] = (noise.astype(np.float32), front_end.sample_rate)
    return found


@pytest.fixture(scope="module")
def words() -> list[Floats]:
    """Recordings of spoken digits, shorter than a second."""
    files = sorted(FSDD.glob("*_[0-4].wav"))[::10] if FSDD.is_dir() else []
    return [read_clip(file, 8000, 8000).astype(np.float32) / 32768 for file in files]


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: dict[str, Digits],
    clips: dict[str, tuple[Floats, int]],
    words: list[Floats],
) -> dict[str, bytes]:
    """Every case of this file, in one JVM."""
    folder = tmp_path_factory.mktemp("preprocessing")
    cases = {}
    for name, (size, shape, _) in PICTURES.items():
        bundle = folder / f"{name}.bundle"
        for case, more in (("grey", {}), ("NCHW", {}), ("NHWC", {}), ("quantized", QUANTIZED)):
            layout = case if case.startswith("N") else "NHWC"
            place = bundle / case
            _image_bundle(place, size, 1 if case == "grey" else 3, layout, **more)
            cases[f"{name}.{case}"] = Case("picture", place, pictures([_photograph(shape)]))
    for name, unit in (("digits", 1 / 16), ("mnist", 1 / 255)):
        side = drawn[name].inputs.shape[-1]
        bundle = _image_bundle(folder / name, (side, side), 1, "NCHW", unit=unit)
        cases[name] = Case("drawing", bundle, pictures(drawn[name].drawings))
    empty = pictures([np.full((9, 9), 10, dtype=np.uint8)])
    cases["empty"] = Case("drawing", folder / "mnist", empty)
    for name, front_end in FRONT_ENDS.items():
        bundle = _sound_bundle(folder / name, front_end)
        inside = [sound for key, sound in clips.items() if key.startswith(f"{name}.")]
        cases[f"{name}.sounds"] = Case("sound", bundle, sounds(inside))
    keywords = folder / "keywords"
    cases["words"] = Case("sound", keywords, sounds([(word, 8000) for word in words]))
    quantized = _sound_bundle(folder / "quantized", FRONT_ENDS["keywords"], **QUANTIZED)
    cases["quantized.words"] = Case("sound", quantized, sounds([(word, 8000) for word in words]))
    for rate in (16000, 44100, 48000):
        cases[f"at {rate}"] = Case("sound", keywords, sounds([(_chirp(rate), rate)]))
    cases["rate"] = Case("sound", keywords, sounds([(_chirp(8000), 47999)]))
    return prepare(cases, folder)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("channels", ["grey", "NCHW", "NHWC", "quantized"])
def test_pictures(answers: dict[str, bytes], name: str, channels: str) -> None:
    (height, width), shape, (top, left, high, wide) = PICTURES[name]
    middle = _photograph(shape)[top : top + high, left : left + wide].astype(np.float64)
    if channels == "grey":
        middle = middle @ [0.299, 0.587, 0.114]
        middle = middle[..., None]
    expected = _resized(_resized(middle, height, 0), width, 1) / 255
    expected = (expected - [0.1, 0.2, 0.3][: middle.shape[2]]) / [0.5, 0.6, 0.7][: middle.shape[2]]
    if channels == "NCHW":
        expected = np.moveaxis(expected, -1, 0)
    answer = answers[f"{name}.{channels}"]
    if channels == "quantized":
        stored = np.frombuffer(answer, np.int8).reshape(expected.shape)
        assert _differing(stored, expected.astype(np.float32)) <= 0.002
    else:
        found = np.frombuffer(answer, np.float32).reshape(expected.shape)
        np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_drawings_are_read_as_well_as_the_digits(
    answers: dict[str, bytes], drawn: dict[str, Digits], name: str
) -> None:
    given = drawn[name]
    found = np.frombuffer(answers[name], np.float32).reshape(given.inputs.shape)

    accuracy = given.classifier.score(found.reshape(DIGITS, -1), given.labels)

    assert given.direct > 0.9
    assert accuracy >= given.direct - 0.02
    # Where the digit lies in its frame, pixel for pixel: not only what a classifier makes of it.
    assert np.abs(found - given.inputs).mean() < 0.03
    assert np.median(np.abs(found - given.inputs).max(axis=(1, 2))) < 0.1


def test_an_empty_drawing(answers: dict[str, bytes]) -> None:
    assert answers["empty"] == b"inputs: nothing is drawn"


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_features_of_noise(
    answers: dict[str, bytes], clips: dict[str, tuple[Floats, int]], name: str
) -> None:
    inside = [sound for key, (sound, _) in clips.items() if key.startswith(f"{name}.")]
    _assert_close(answers[f"{name}.sounds"], _prepared(inside, FRONT_ENDS[name]))


def test_features_of_words(answers: dict[str, bytes], words: list[Floats]) -> None:
    if not words:
        pytest.skip(f"{FSDD} is not there")
    expected = _prepared(words, FRONT_ENDS["keywords"])

    _assert_close(answers["words"], expected)
    found = np.frombuffer(answers["quantized.words"], np.int8).reshape(expected.shape)
    assert _differing(found, expected) == 0


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_another_sample_rate(answers: dict[str, bytes], rate: int) -> None:
    from scipy.signal import resample_poly

    common = np.gcd(rate, 8000)
    converted = resample_poly(_chirp(rate).astype(np.float64), 8000 // common, rate // common)
    # The features are of the first second, so the chirp must be no longer: nothing is chosen.
    assert len(converted) <= 8000
    _assert_close(answers[f"at {rate}"], _prepared([converted], FRONT_ENDS["keywords"]))


def test_a_rate_that_cannot_be_converted(answers: dict[str, bytes]) -> None:
    assert answers["rate"] == b"inputs: sound at 47999 Hz cannot be converted to 8000 Hz"


def test_every_image_source_has_the_intensity_of_the_app(drawn: dict[str, Digits]) -> None:
    """The app takes ``value * scale`` for the intensity 0 to 1, whatever the scale is."""
    for given in drawn.values():
        assert given.inputs.min() == 0
        assert given.inputs.max() == 1


def _digits(samples: Samples) -> Digits:
    from sklearn.neighbors import KNeighborsClassifier

    inputs = samples.inputs[:, 0] * samples.scale
    order = np.random.default_rng(5).permutation(len(inputs))
    test, train = order[:DIGITS], order[DIGITS:]
    classifier = KNeighborsClassifier(3).fit(
        inputs[train].reshape(len(train), -1), samples.labels[train]
    )
    flat = inputs[test].reshape(DIGITS, -1)
    return Digits(
        inputs=inputs[test],
        labels=samples.labels[test],
        drawings=[_drawing(one, number) for number, one in enumerate(inputs[test])],
        direct=classifier.score(flat, samples.labels[test]),
        classifier=classifier,
    )


def _drawing(digit: npt.NDArray[np.float64], seed: int) -> Pixels:
    """A digit as large as a finger draws it, somewhere on a large square."""
    draw = np.random.default_rng(seed)
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    box = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    factor = draw.uniform(120, 270) / max(box.shape)
    height, width = (round(side * factor) for side in box.shape)
    rows, columns = np.arange(height) * len(box) // height, np.arange(width) * box.shape[1] // width
    large = box[np.ix_(rows, columns)]
    square = np.zeros((280, 280), dtype=np.uint8)
    top, left = draw.integers(0, 281 - height), draw.integers(0, 281 - width)
    square[top : top + height, left : left + width] = np.rint(large * 255)
    return square


def _resized(values: npt.NDArray[np.float64], size: int, axis: int) -> npt.NDArray[np.float64]:
    """One axis at another size: means where it shrinks, straight lines where it grows."""
    old = values.shape[axis]
    if size <= old:
        # Each value `size` times, then every `old` of them together: the mean over an area.
        fine = np.repeat(np.moveaxis(values, axis, 0), size, axis=0)
        shrunk = fine.reshape(size, old, *fine.shape[1:]).mean(axis=1)
        return np.moveaxis(shrunk, 0, axis)
    places = (np.arange(size) + 0.5) * old / size - 0.5
    return np.apply_along_axis(lambda line: np.interp(places, np.arange(old), line), axis, values)


def _photograph(shape: tuple[int, int]) -> Pixels:
    return np.random.default_rng(shape[0]).integers(0, 256, (*shape, 3), dtype=np.uint8)


def _chirp(rate: int) -> Floats:
    """From 100 Hz to 3.5 kHz in 0.9 s, with some noise that holds what must be filtered away."""
    time = np.arange(round(0.9 * rate)) / rate
    tone = 0.4 * np.sin(2 * np.pi * (100 * time + 3400 / 1.8 * time**2))
    noise = np.random.default_rng(rate).normal(0, 0.01, len(time))
    return np.asarray(tone + noise, dtype=np.float32)


def _image_bundle(
    folder: Path,
    size: tuple[int, int],
    channels: int,
    layout: str,
    *,
    unit: float | None = None,
    **more: Any,
) -> Path:
    shape = [1, channels, *size] if layout == "NCHW" else [1, *size, channels]
    folder.parent.mkdir(exist_ok=True)
    preprocessing = {
        "scale": unit or 1 / 255,
        "mean": [0.1, 0.2, 0.3][:channels] if unit is None else [0.0],
        "std": [0.5, 0.6, 0.7][:channels] if unit is None else [1.0],
    }
    inputs = [tensor("x", shape, layout=layout, **more)]
    return write_bundle(folder, inputs=inputs, preprocessing=preprocessing)


def _statistics(front_end: FrontEnd) -> tuple[Floats, Floats]:
    bins = np.arange(feature_shape(front_end)[2], dtype=np.float32)
    return np.float32(-60) / (bins + 1), np.float32(30) / (bins + 1)


def _sound_bundle(folder: Path, front_end: FrontEnd, **more: Any) -> Path:
    mean, std = _statistics(front_end)
    preprocessing = {
        "scale": 1.0,
        "mean": mean.tolist(),
        "std": std.tolist(),
        "axis": "bin",
        "front_end": front_end.model_dump(mode="json"),
    }
    shape = [1, *feature_shape(front_end)]
    inputs = [tensor("x", shape, layout="NCHW", **more)]
    return write_bundle(folder, inputs=inputs, preprocessing=preprocessing)


def _prepared(clips: Sequence[npt.NDArray[Any]], front_end: FrontEnd) -> Floats:
    """What edgekd trains on: clips padded at their end, features, mean and std."""
    length = clip_samples(front_end)
    whole = np.zeros((len(clips), length), dtype=np.float32)
    for row, clip in zip(whole, clips, strict=True):
        row[: len(clip)] = clip
    mean, std = _statistics(front_end)
    return np.asarray((compute_features(whole, front_end) - mean) / std, dtype=np.float32)


def _assert_close(answer: bytes, expected: Floats) -> None:
    """A difference of at most 1e-4 of the largest value."""
    found = np.frombuffer(answer, np.float32).reshape(expected.shape)
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= 1e-4 * largest


def _differing(found: npt.NDArray[np.int8], expected: Floats) -> float:
    """Share of values that are quantized otherwise, but for those between two steps."""
    info = TensorInfo(name="x", shape=list(expected.shape), **QUANTIZED)
    position = expected / SCALE
    tie = np.abs(position - np.floor(position) - 0.5) < 1e-3
    return float(np.mean((found != quantize(expected, info)) & ~tie))
