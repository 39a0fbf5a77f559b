from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.data.audio_views import render_views
from edgekd.data.front_end import compute_features, feature_shape
from edgekd.errors import BadInput
from edgekd.recipe import AudioAugmentation, Augmentation, FrontEnd

FRONT_END = FrontEnd(kind="log-mel", sample_rate=8000, seconds=0.5, mel_bins=10)
SCALE = 1 / 32768
STRONG = Augmentation(audio=AudioAugmentation(shift=0.1, speed=0.2, gain_db=6.0, noise=0.2))


def clips(count: int, peak: int = 8000) -> npt.NDArray[np.int16]:
    """Noise that begins and ends softly."""
    draw = np.random.default_rng(0)
    envelope = np.hanning(4000)
    return (draw.uniform(-peak, peak, (count, 4000)) * envelope).astype(np.int16)


def render(
    waveforms: npt.NDArray[np.int16],
    augmentation: Augmentation | None,
    views: int = 3,
    seed: int = 0,
    front_end: FrontEnd = FRONT_END,
) -> npt.NDArray[np.float32]:
    return render_views(
        waveforms, SCALE, front_end, augmentation, views, seed, lambda done, total: None
    )


def only(**change: float) -> Augmentation:
    return Augmentation(audio=AudioAugmentation(**change))


@given(count=st.integers(0, 5), views=st.integers(1, 4), augmented=st.booleans())
@settings(max_examples=20, deadline=None)
def test_shape_and_first_view(count: int, views: int, augmented: bool) -> None:
    waveforms = clips(count)
    found = render(waveforms, STRONG if augmented else None, views)
    assert found.shape == (views, count, *feature_shape(FRONT_END))
    assert found.dtype == np.float32
    plain = compute_features((waveforms * np.float32(SCALE)).astype(np.float32), FRONT_END)
    np.testing.assert_array_equal(found[0], plain)


@pytest.mark.parametrize("augmentation", [None, Augmentation(rotation=10.0), only()])
def test_without_changes_all_views_are_the_clip(augmentation: Augmentation | None) -> None:
    found = render(clips(3), augmentation)
    np.testing.assert_allclose(found[1:], np.broadcast_to(found[0], found[1:].shape), atol=1e-5)


def test_a_view_depends_on_seed_view_and_sample_alone() -> None:
    waveforms = clips(150)
    whole = render(waveforms, STRONG, views=3)
    np.testing.assert_array_equal(render(waveforms[:7], STRONG, views=2), whole[:2, :7])
    np.testing.assert_array_equal(render(waveforms, STRONG, views=3), whole)


def test_views_samples_and_seeds_differ() -> None:
    same = np.repeat(clips(1), 3, axis=0)
    found = render(same, STRONG, views=3).reshape(9, -1)
    other = render(same, STRONG, views=3, seed=1).reshape(9, -1)
    changed = np.concatenate([found[3:], other[3:]])
    assert len(np.unique(changed, axis=0)) == len(changed)


def test_gain_moves_the_log_energies() -> None:
    """Without a floor in the way, a gain of g decibel adds g ln(10) / 10 to every log energy."""
    found = render(np.repeat(clips(1), 200, axis=0), only(gain_db=6.0), views=2)
    inner = slice(5, -5)
    moved = (found[1] - found[0])[:, 0, inner]
    np.testing.assert_allclose(moved.std(axis=(1, 2)), 0, atol=1e-2)
    decibel = moved.mean(axis=(1, 2)) * 10 / np.log(10)
    assert 5.5 < decibel.max() <= 6.01
    assert -6.01 <= decibel.min() < -5.5


def onset(features: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """First frame that is not silent."""
    return np.asarray((features.max(axis=-1) > -5).argmax(axis=-1))


def test_shift_moves_the_sound_and_fills_with_silence() -> None:
    click = np.zeros((200, 4000), np.int16)
    click[:, 1950:2050] = 10_000
    found = onset(render(click, only(shift=0.1), views=2)[:, :, 0])
    frames = 0.1 * 1000 / FRONT_END.stride_ms
    assert set(found[0]) == {found[0, 0]}
    moved = found[1] - found[0]
    assert np.abs(moved).max() <= frames + 1
    assert moved.min() <= -frames + 1
    assert moved.max() >= frames - 1


def test_speed_moves_the_pitch() -> None:
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)).astype(np.int16)
    fine = FRONT_END.model_copy(update={"mel_bins": 40})
    found = render(np.repeat(tone[None], 100, axis=0), only(speed=0.2), 2, front_end=fine)
    highest = found[:, :, 0, 10].argmax(axis=-1)
    step = (2595 * math.log10((1 + 4000 / 700) / (1 + 20 / 700))) / 41

    def filter_of(hertz: float) -> int:
        return round(2595 * math.log10((1 + hertz / 700) / (1 + 20 / 700)) / step) - 1

    assert set(highest[0]) == {filter_of(1000)}
    assert highest[1].min() in (filter_of(800), filter_of(810))
    assert highest[1].max() in (filter_of(1190), filter_of(1200))


def test_noise_follows_the_loudness_of_the_clip() -> None:
    quiet, loud = clips(1, peak=300), clips(1, peak=9000)
    for waveform in (quiet, loud):
        found = render(np.repeat(waveform, 100, axis=0), only(noise=0.5), views=2)
        # The ends are nearly silent: what stands there is noise of at most half the clip's level.
        middle, end = found[1, :, 0, 12].mean(), found[1, :, 0, -1].mean()
        assert 1 < middle - end < 8
    silent = render(np.zeros((2, 4000), np.int16), only(noise=0.5), views=2)
    np.testing.assert_array_equal(silent[1], silent[0])


def test_loud_views_saturate() -> None:
    loud = np.full((50, 4000), 32767, np.int16)
    found = render(loud, only(gain_db=60.0), views=2)
    assert (found[1, :, :, 5] <= found[0, :, :, 5] + 1e-3).all()


@pytest.mark.parametrize("augmentation", [None, STRONG])
def test_progress_reaches_its_end(augmentation: Any) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    render_views(clips(70), SCALE, FRONT_END, augmentation, 2, 0, progress)
    assert seen[-1] == (140, 140)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_other_length_is_not_an_option() -> None:
    with pytest.raises(BadInput, match=r"not \[N, 4000\]"):
        render(np.zeros((1, 3999), np.int16), STRONG)
