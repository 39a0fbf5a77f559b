"""The student's view of a sample, brought to what the teacher wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from edgekd.errors import BadInput
from edgekd.recipe import TeacherInputs

if TYPE_CHECKING:
    import torch

_CHANNELS = (1, 3)
_KEY = "teacher.inputs"


def layout_of(input_shape: Sequence[int | None] | None) -> Literal["NCHW", "NHWC"] | None:
    """Layout of the images that a file takes, told by where its 1 or 3 channels are.

    Args:
        input_shape: with the batch, as the file declares it.

    Returns:
        null where the shape does not tell: not an image, or it fits both.
    """
    if input_shape is None or len(input_shape) != 4:
        return None
    first, last = input_shape[1] in _CHANNELS, input_shape[3] in _CHANNELS
    if first == last:
        return None
    return "NCHW" if first else "NHWC"


def teacher_inputs(
    batch: torch.Tensor, spec: TeacherInputs, mean: Sequence[float], std: Sequence[float]
) -> torch.Tensor:
    """Undo the data's preprocessing, resize, repeat a grey channel, preprocess for the teacher.

    A model that wants values from 0 to 255 has ``mean: [0]`` and ``std: [0.00392157]``.

    Args:
        batch: float32 ``[N, C, H, W]`` or ``[N, F]``, preprocessed as the student sees it.
        spec: what the teacher wants; a key that is null changes nothing.
        mean: of the data: one for each channel of the batch, or one for all.
        std: likewise.

    Returns:
        float32 ``[N, C, H, W]``, ``[N, H, W, C]`` or ``[N, F]``.

    Raises:
        BadInput: keys for images with features, or a number of channels that does not fit.
    """
    normalized = spec.mean is not None or spec.std is not None
    if batch.ndim != 4 and (spec.layout or spec.size or spec.channels):
        raise BadInput(
            f"layout, size and channels are for images; the inputs have shape "
            f"{['N', *batch.shape[1:]]}",
            where=_KEY,
        )
    if normalized:
        batch = batch * _per_channel(std, batch, "std") + _per_channel(mean, batch, "mean")
    if spec.size is not None and tuple(batch.shape[2:]) != spec.size:
        batch = _resized(batch, spec.size)
    if spec.channels is not None:
        batch = _with_channels(batch, spec.channels)
    if normalized:
        shift = _per_channel(mean if spec.mean is None else spec.mean, batch, "mean")
        batch = (batch - shift) / _per_channel(std if spec.std is None else spec.std, batch, "std")
    return batch.permute(0, 2, 3, 1).contiguous() if spec.layout == "NHWC" else batch


def _resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    from torch.nn import functional

    return functional.interpolate(
        images, size=size, mode="bilinear", align_corners=False, antialias=True
    )


def _with_channels(images: torch.Tensor, channels: int) -> torch.Tensor:
    if images.shape[1] == channels:
        return images
    if images.shape[1] != 1:
        raise BadInput(
            f"the images have {images.shape[1]} channels and cannot be made to have {channels}",
            where=f"{_KEY}.channels",
            mend="only a grey image can be repeated",
        )
    return images.expand(-1, channels, -1, -1)


def _per_channel(values: Sequence[float], batch: torch.Tensor, key: str) -> torch.Tensor:
    """Values that broadcast over a batch."""
    channels = batch.shape[1]
    if len(values) not in (1, channels):
        raise BadInput(
            f"holds {len(values)} values for {channels} channels",
            where=f"{_KEY}.{key}",
            mend="give one value for each channel, or one for all",
        )
    return batch.new_tensor(values).reshape(1, -1, *([1] * (batch.ndim - 2)))
