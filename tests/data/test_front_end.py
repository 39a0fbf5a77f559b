from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.fft import dct
from scipy.signal import get_window

from edgekd.data.front_end import clip_samples, compute_features, feature_shape
from edgekd.errors import BadInput
from edgekd.recipe import FrontEnd


def noise(count: int, samples: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (count, samples)).astype(np.float32)


def mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def hertz(mels: float) -> float:
    return float(700 * (10 ** (mels / 2595) - 1))


def triangle(frequency: float, left: float, centre: float, right: float) -> float:
    if left < frequency <= centre:
        return (frequency - left) / (centre - left)
    if centre < frequency < right:
        return (right - frequency) / (right - centre)
    return 0.0


def power_spectrum(frame: list[float], size: int) -> list[float]:
    """By the definition of the discrete Fourier transform."""
    powers = []
    for k in range(size // 2 + 1):
        cosine = sum(x * math.cos(2 * math.pi * k * n / size) for n, x in enumerate(frame))
        sine = sum(x * math.sin(2 * math.pi * k * n / size) for n, x in enumerate(frame))
        powers.append(cosine**2 + sine**2)
    return powers


def reference_frame(frame: list[float], front_end: FrontEnd) -> list[float]:
    """Features of one frame, each formula written out as a loop."""
    window = len(frame)
    size = 1
    while size < window:
        size *= 2
    frame = [x * (0.5 - 0.5 * math.cos(2 * math.pi * n / window)) for n, x in enumerate(frame)]
    powers = power_spectrum(frame, size)
    bins = front_end.mel_bins
    low, high = mel(front_end.low_hz), mel(front_end.high_hz)
    points = [hertz(low + (high - low) * m / (bins + 1)) for m in range(bins + 2)]
    logs = []
    for m in range(bins):
        energy = sum(
            power * triangle(k * front_end.sample_rate / size, *points[m : m + 3])
            for k, power in enumerate(powers)
        )
        logs.append(math.log(energy + 1e-6))
    if front_end.kind == "log-mel":
        return logs
    return [
        math.sqrt((1 if i == 0 else 2) / bins)
        * sum(x * math.cos(math.pi * i * (m + 0.5) / bins) for m, x in enumerate(logs))
        for i in range(front_end.coefficients)
    ]


def reference(clip: npt.NDArray[np.float32], front_end: FrontEnd) -> npt.NDArray[np.float64]:
    window = round(front_end.window_ms * front_end.sample_rate / 1000)
    stride = round(front_end.stride_ms * front_end.sample_rate / 1000)
    starts = range(0, len(clip) - window + 1, stride)
    return np.array(
        [reference_frame(clip[s : s + window].astype(float).tolist(), front_end) for s in starts]
    )


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
@pytest.mark.parametrize(
    "more",
    [
        {"sample_rate": 8000, "seconds": 0.1},
        {"sample_rate": 16000, "seconds": 0.036, "window_ms": 25.0, "stride_ms": 10.0},
        {"sample_rate": 8000, "seconds": 0.05, "window_ms": 16.0, "mel_bins": 12, "low_hz": 0.0},
        {"sample_rate": 1234, "seconds": 0.2, "mel_bins": 5, "coefficients": 5, "high_hz": 600.0},
    ],
)
def test_equals_the_formulae(kind: Any, more: dict[str, Any]) -> None:
    front_end = FrontEnd(kind=kind, **more)
    clips = noise(2, clip_samples(front_end))
    found = compute_features(clips, front_end)
    assert found.dtype == np.float32
    for clip, features in zip(clips, found, strict=True):
        np.testing.assert_allclose(features[0], reference(clip, front_end), atol=2e-5)


def test_tables_equal_scipys() -> None:
    """The window and the transform are the field's own, not only those of our formulae."""
    logs = FrontEnd(kind="log-mel", sample_rate=8000, seconds=0.04, mel_bins=20)
    clip = noise(1, 320)
    coefficients = logs.model_copy(update={"kind": "mfcc", "coefficients": 20})
    expected = dct(compute_features(clip, logs), type=2, norm="ortho", axis=-1)
    np.testing.assert_allclose(compute_features(clip, coefficients), expected, atol=1e-5)
    # A constant times the window has the window's sum as its value at 0 Hz.
    flat = FrontEnd(kind="log-mel", sample_rate=8000, seconds=0.04, mel_bins=1, low_hz=0.0)
    spectrum = np.abs(np.fft.rfft(get_window("hann", 320, fftbins=True), 512)) ** 2
    centre = hertz(mel(4000) / 2)
    heights = [triangle(k * 8000 / 512, 0, centre, 4000) for k in range(257)]
    found = compute_features(np.ones((1, 320), np.float32), flat)
    assert found.item() == pytest.approx(math.log(spectrum @ heights + 1e-6), abs=1e-5)


def test_standard_shapes() -> None:
    assert feature_shape(FrontEnd()) == (1, 49, 10)
    assert feature_shape(FrontEnd(sample_rate=8000)) == (1, 49, 10)
    assert feature_shape(FrontEnd(kind="log-mel")) == (1, 49, 40)


@given(
    rate=st.integers(1000, 48_000),
    seconds=st.floats(0.02, 0.5),
    window_ms=st.floats(1, 60),
    stride_ms=st.floats(1, 60),
    bins=st.integers(1, 12),
    kind=st.sampled_from(["log-mel", "mfcc"]),
    count=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_shape_is_as_announced(
    rate: int, seconds: float, window_ms: float, stride_ms: float, bins: int, kind: Any, count: int
) -> None:
    assume(window_ms <= seconds * 1000)
    front_end = FrontEnd(
        kind=kind,
        sample_rate=rate,
        seconds=seconds,
        window_ms=window_ms,
        stride_ms=stride_ms,
        mel_bins=bins,
        coefficients=bins,
        high_hz=rate / 2,
    )
    clips = noise(count, clip_samples(front_end))
    try:
        features = compute_features(clips, front_end)
    except BadInput:
        # Only a short window cannot tell the filters apart.
        assume(window_ms >= 20 and bins <= 4 and rate >= 8000)
        raise
    assert features.shape == (count, *feature_shape(front_end))
    assert np.isfinite(features).all()


def test_one_clip_does_not_see_the_others() -> None:
    front_end = FrontEnd(sample_rate=8000)
    clips = noise(100, 8000)
    together = compute_features(clips, front_end)
    alone = np.concatenate([compute_features(clip[None], front_end) for clip in clips])
    np.testing.assert_array_equal(together, alone)


def test_silence_is_the_floor() -> None:
    front_end = FrontEnd(kind="log-mel")
    features = compute_features(np.zeros((1, 16_000), np.float32), front_end)
    np.testing.assert_allclose(features, math.log(1e-6), rtol=1e-6)


def test_a_tone_is_in_the_filter_at_its_frequency() -> None:
    front_end = FrontEnd(kind="log-mel")
    clip = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    step = (mel(4000) - mel(20)) / 41
    expected = round((mel(1000) - mel(20)) / step) - 1
    found = compute_features(clip[None], front_end)[0, 0].argmax(axis=-1)
    assert set(found.tolist()) == {expected}


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"mel_bins": 512}, r"data\.front_end\.mel_bins: filter \d+, .* lies between"),
        ({"window_ms": 0.001}, r"data\.front_end\.window_ms: is shorter than 2 samples at 16000"),
        ({"stride_ms": 0.001}, r"data\.front_end\.stride_ms: is shorter than 1 samples"),
        ({"stride_ms": 0.0625, "seconds": 60.0}, r"data\.front_end\.stride_ms: gives \d+ frames"),
    ],
)
def test_what_does_not_fit_is_named(more: dict[str, Any], what: str) -> None:
    front_end = FrontEnd(**more)
    with pytest.raises(BadInput, match=what):
        compute_features(np.zeros((1, clip_samples(front_end)), np.float32), front_end)


@pytest.mark.parametrize("shape", [(16_000,), (2, 8000), (1, 1, 16_000)])
def test_wrong_waveforms_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"not \[N, 16000\]"):
        compute_features(np.zeros(shape, np.float32), FrontEnd())
