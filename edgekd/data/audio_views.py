"""Augmented views of audio clips, rendered to features once and for all.

Each view is a function of (seed, view, sample) alone, so that a teacher's answer can be kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgekd.data.front_end import compute_features, feature_shape
from edgekd.recipe import AudioAugmentation, Augmentation, FrontEnd

# Clips that are waveforms in memory at once.
_BATCH = 64


def render_views(
    waveforms: npt.NDArray[np.int16],
    scale: float,
    front_end: FrontEnd,
    augmentation: Augmentation | None,
    views: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> npt.NDArray[np.float32]:
    """Features of every view of every clip.

    View 0 is the clip itself. The others change it in this order: speed, shift, gain, noise;
    what then lies outside -1 to 1 saturates, as it would in a converter.

    Args:
        waveforms: ``[N, samples]``, as stored.
        scale: from a stored value to -1 to 1.
        front_end: how features are computed.
        augmentation: its ``audio`` bounds the changes; without it all views are the clip.
        views: how many, at least 1.
        seed: of the random changes.
        progress: called with the clips done and all clips, views counted.

    Returns:
        ``[views, N, 1, frames, bins]``.

    Raises:
        BadInput: the waveforms or the front end's numbers do not fit each other.
    """
    count = len(waveforms)
    features = np.empty((views, count, *feature_shape(front_end)), dtype=np.float32)
    changes = augmentation.audio if augmentation is not None else None
    for view in range(views):
        if view > 0 and changes is None:
            features[view] = features[0]
            progress((view + 1) * count, views * count)
            continue
        for start in range(0, count, _BATCH):
            clips = waveforms[start : start + _BATCH] * np.float32(scale)
            if view > 0 and changes is not None:
                for offset, clip in enumerate(clips):
                    draw = np.random.default_rng((seed, view, start + offset))
                    clips[offset] = _change(clip, changes, front_end.sample_rate, draw)
            features[view, start : start + _BATCH] = compute_features(clips, front_end)
            progress(view * count + start + len(clips), views * count)
    return features


def _change(
    clip: npt.NDArray[np.float32],
    changes: AudioAugmentation,
    sample_rate: int,
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """One random view of a clip ``[samples]``, in -1 to 1.

    All four values are drawn, wanted or not: bounding one kind of change anew leaves the others.
    """
    speed, shift, gain = draw.uniform(-1, 1, 3)
    noise = draw.uniform(0, changes.noise)
    moved = np.arange(len(clip)) - shift * changes.shift * sample_rate
    positions = moved * (1 + speed * changes.speed)
    changed = np.interp(positions, np.arange(len(clip)), clip, left=0, right=0)
    changed *= 10 ** (gain * changes.gain_db / 20)
    if noise > 0:
        level = noise * np.sqrt(np.mean(changed**2))
        changed += level * draw.standard_normal(len(clip), dtype=np.float32)
    return np.clip(changed, -1, 1)
