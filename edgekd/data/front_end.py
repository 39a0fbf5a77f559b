"""Audio to features, by steps that a microcontroller can repeat with a few constant tables.

With ``rate`` the sample rate, all in this order:

1. Lengths in samples: ``window = round(window_ms * rate / 1000)``, ``stride`` likewise, and
   ``clip = round(seconds * rate)``. Frame ``t`` is ``clip[t * stride : t * stride + window]`` for
   ``t`` from 0 to ``(clip - window) // stride``; nothing is padded at either end.
2. Periodic Hann window: ``frame[n] * (0.5 - 0.5 * cos(2 pi n / window))``.
3. Power spectrum: the frame is padded with zeros at its end to ``size``, the next power of two
   that is not below ``window``; ``power[k] = |DFT(frame)[k]| ** 2`` for ``k`` from 0 to
   ``size / 2``, without any scaling.
4. Mel energies: ``mel(f) = 2595 log10(1 + f / 700)`` (HTK). ``mel_bins + 2`` points, evenly spaced
   in mel from ``low_hz`` to ``high_hz``, are turned back to hertz; filter ``m`` rises in a straight
   line over hertz from 0 at point ``m`` to 1 at point ``m + 1`` and falls to 0 at point ``m + 2``.
   ``energy[m]`` is the sum of ``power[k]`` times the filter's height at ``k * rate / size``.
5. ``log_mel[m] = ln(energy[m] + 1e-6)``. This is the feature of ``log-mel``.
6. ``mfcc`` takes the first ``coefficients`` values of the orthonormal DCT-II:
   ``c[i] = s[i] * sum over m of log_mel[m] * cos(pi i (m + 0.5) / mel_bins)`` with
   ``s[0] = sqrt(1 / mel_bins)`` and ``s[i] = sqrt(2 / mel_bins)`` otherwise.

Everything is computed in float64 and stored as float32. Steps 1 to 5 follow Davis and Mermelstein
1980, "Comparison of parametric representations for monosyllabic word recognition".
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.recipe import FrontEnd

LOG_FLOOR = 1e-6
_WHERE = "data.front_end"
# Spectrum values in memory at once, and what one clip may need at most.
_BATCH_VALUES = 2**18
_MAX_CLIP_VALUES = 2**26

Floats = npt.NDArray[np.float64]


def clip_samples(front_end: FrontEnd) -> int:
    """Samples of one clip."""
    return round(front_end.seconds * front_end.sample_rate)


def feature_shape(front_end: FrontEnd) -> tuple[int, int, int]:
    """Shape of one clip's features: ``(1, frames, bins)``.

    Raises:
        BadInput: the window or the stride is shorter than the sample rate allows, or there would
            be too many frames.
    """
    window, stride = _window_and_stride(front_end)
    frames = 1 + (clip_samples(front_end) - window) // stride
    if frames * _fft_size(window) > _MAX_CLIP_VALUES:
        raise BadInput(
            f"gives {frames} frames a clip", where=f"{_WHERE}.stride_ms", mend="take a longer one"
        )
    return 1, frames, front_end.coefficients if front_end.kind == "mfcc" else front_end.mel_bins


def compute_features(
    waveforms: npt.NDArray[np.float32], front_end: FrontEnd
) -> npt.NDArray[np.float32]:
    """Features of clips.

    The result for one clip does not depend on the others. Memory beside the result stays bounded.

    Args:
        waveforms: ``[N, samples]`` in -1 to 1, already cut or padded to the clip's length.
        front_end: the steps.

    Returns:
        ``[N, 1, frames, bins]``.

    Raises:
        BadInput: the waveforms have another shape, or the front end's numbers do not fit each
            other (a mel filter that holds no frequency, for example).
    """
    expected = clip_samples(front_end)
    if waveforms.ndim != 2 or waveforms.shape[1] != expected:
        raise BadInput(
            f"waveforms have shape {waveforms.shape}, not [N, {expected}]",
            where=_WHERE,
            mend="cut or pad them to seconds * sample_rate",
        )
    shape = feature_shape(front_end)
    window, stride = _window_and_stride(front_end)
    size = _fft_size(window)
    hann = _hann(window)
    filters = _mel_filters(front_end, size)
    cosines = _cosines(front_end.mel_bins, shape[2]) if front_end.kind == "mfcc" else None
    features = np.empty((len(waveforms), *shape), dtype=np.float32)
    clips = max(1, _BATCH_VALUES // (shape[1] * size))
    for start in range(0, len(waveforms), clips):
        batch = waveforms[start : start + clips]
        frames = np.lib.stride_tricks.sliding_window_view(batch, window, axis=1)[:, ::stride]
        spectrum = np.fft.rfft(frames * hann, n=size)
        # One product for each clip, all of one shape: no clip's sum depends on the batch.
        energies = (spectrum.real**2 + spectrum.imag**2) @ filters
        values = np.log(energies + LOG_FLOOR)
        features[start : start + clips, 0] = values if cosines is None else values @ cosines
    return features


def _window_and_stride(front_end: FrontEnd) -> tuple[int, int]:
    rate = front_end.sample_rate
    window = min(round(front_end.window_ms * rate / 1000), clip_samples(front_end))
    stride = round(front_end.stride_ms * rate / 1000)
    for key, length, least in (("window_ms", window, 2), ("stride_ms", stride, 1)):
        if length < least:
            raise BadInput(
                f"is shorter than {least} samples at {rate} Hz",
                where=f"{_WHERE}.{key}",
                mend="take a longer one",
            )
    return window, stride


def _fft_size(window: int) -> int:
    """The next power of two that is not below the window."""
    return 1 << (window - 1).bit_length()


def _hann(window: int) -> Floats:
    """Periodic Hann window ``[window]``."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window))


def _mel_filters(front_end: FrontEnd, size: int) -> Floats:
    """Heights of the triangles at the DFT's frequencies: ``[size / 2 + 1, mel_bins]``."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (front_end.low_hz, front_end.high_hz))
    points = 700 * (10 ** (np.linspace(low, high, front_end.mel_bins + 2) / 2595) - 1)
    left, centre, right = points[:-2], points[1:-1], points[2:]
    hertz = np.arange(size // 2 + 1)[:, None] * front_end.sample_rate / size
    rising = (hertz - left) / (centre - left)
    falling = (right - hertz) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    if len(empty):
        raise BadInput(
            f"filter {empty[0]}, {left[empty[0]]:.1f} to {right[empty[0]]:.1f} Hz, lies between "
            f"two frequencies of the spectrum, {front_end.sample_rate / size:.1f} Hz apart",
            where=f"{_WHERE}.mel_bins",
            mend="take fewer mel_bins or a longer window_ms",
        )
    return np.asarray(filters)


def _cosines(mel_bins: int, coefficients: int) -> Floats:
    """Orthonormal DCT-II: ``[mel_bins, coefficients]``."""
    order = np.arange(coefficients)
    angles = np.pi * order * (np.arange(mel_bins)[:, None] + 0.5) / mel_bins
    return np.asarray(np.cos(angles) * np.sqrt(np.where(order == 0, 1, 2) / mel_bins))
