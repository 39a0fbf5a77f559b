"""Between the caller's samples and what an artifact stores: shapes, quantization, random inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.devices.contract import Array, TensorInfo
from edgekd.errors import BadInput


def sample_shape(info: TensorInfo) -> tuple[int, ...]:
    """Shape of one sample: the tensor's own, without a leading batch dimension of 1."""
    return tuple(info.shape[1:] if info.shape[:1] == [1] else info.shape)


def stored_samples(samples: Array, info: TensorInfo) -> Array:
    """Bring samples into the dtype that the artifact stores.

    Args:
        samples: ``[n, *sample_shape]`` in the artifact's dtype, or float32.

    Raises:
        BadInput: another shape or dtype, or a value that is not finite.
    """
    if samples.ndim == 0 or samples.shape[1:] != sample_shape(info):
        raise BadInput(
            f"samples of shape {samples.shape[1:]} do not fit the input {info.name!r} "
            f"of shape {sample_shape(info)}"
        )
    if samples.dtype == info.dtype:
        return np.ascontiguousarray(samples)
    if samples.dtype == np.float32 and info.scale is not None:
        return quantize(samples, info)
    if samples.dtype == np.float32 and info.dtype in ("float16", "float64"):
        return samples.astype(info.dtype)
    raise BadInput(f"the input {info.name!r} takes {info.dtype}, not {samples.dtype}")


def stored_inputs(infos: Sequence[TensorInfo], inputs: Sequence[Array]) -> list[Array]:
    """``[samples, *sample_shape]`` for each input, in the dtype that the artifact stores.

    Args:
        infos: of the artifact's inputs.
        inputs: as :class:`edgekd.devices.contract.Device` takes them.

    Raises:
        BadInput: another number of inputs, another shape or dtype, or no samples.
    """
    if len(inputs) != len(infos):
        raise BadInput(f"the artifact has {len(infos)} inputs, but {len(inputs)} were given")
    stored = [stored_samples(samples, info) for samples, info in zip(inputs, infos, strict=True)]
    counts = {len(samples) for samples in stored}
    if len(counts) != 1 or 0 in counts:
        raise BadInput(
            f"inputs must hold the same number of samples, not {sorted(counts)}, and at least one"
        )
    return stored


def quantize(values: npt.NDArray[np.float32], info: TensorInfo) -> Array:
    """``clip(round(value / scale) + zero_point)`` to the range of the stored dtype.

    In float32, ties away from zero: TensorFlow Lite's reference kernel of QUANTIZE
    (``TfLiteRound``, the C library's round).

    Raises:
        BadInput: a value is NaN or infinite.
    """
    if info.scale is None or info.zero_point is None:
        raise BadInput(f"{info.name!r} does not say how it is quantized")
    if not np.isfinite(values).all():
        raise BadInput(f"a value for the input {info.name!r} is NaN or infinite")
    scaled = values.astype(np.float32) / np.float32(info.scale)
    # trunc(x + 0.5) in float32 would turn 0.49999997 into 1, so the fraction decides instead.
    whole = np.trunc(scaled)
    rounded = whole + np.where(np.abs(scaled - whole) >= 0.5, np.sign(scaled), np.float32(0))
    limits = np.iinfo(info.dtype)
    shifted = rounded.astype(np.float64) + info.zero_point
    return np.asarray(np.clip(shifted, limits.min, limits.max), info.dtype)


def real_values(stored: Array, info: TensorInfo) -> Array:
    """Stored values as float32: ``scale * (stored - zero_point)`` where quantized.

    Integers without a scale and booleans are given back as they are.
    """
    if info.scale is not None and info.zero_point is not None:
        offset = stored.astype(np.int64) - info.zero_point
        return (np.float32(info.scale) * offset.astype(np.float32)).astype(np.float32)
    if np.issubdtype(stored.dtype, np.floating):
        return stored.astype(np.float32)
    return stored


def random_inputs(
    inputs: Sequence[TensorInfo], n: int, seed: int, limits: Sequence[int | None] = ()
) -> list[Array]:
    """Random samples for a file whose meaning is unknown, in the dtypes that it stores.

    Floats are standard normal. 8-bit integers cover their whole range. Wider integers are below
    their limit; without one they are 0 or 1, which every embedding of two rows and every mask
    accepts.

    Args:
        inputs: one for each input.
        n: samples of each.
        seed: the same seed gives the same samples.
        limits: of each input, as far as they are known.
    """
    generator = np.random.default_rng(seed)
    known = [*limits, *[None] * (len(inputs) - len(limits))]
    return [
        _random_samples(info, n, generator, limit)
        for info, limit in zip(inputs, known, strict=True)
    ]


def _random_samples(
    info: TensorInfo, n: int, generator: np.random.Generator, limit: int | None
) -> Array:
    shape = (n, *sample_shape(info))
    dtype: np.dtype[Any] = np.dtype(info.dtype)
    if dtype.kind == "f":
        return generator.standard_normal(shape, dtype=np.float32).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize == 1:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    # A table of one row leaves no choice; bool and 16 bits hold less than a large one needs.
    last = 1 if limit is None or dtype.kind == "b" else min(max(limit, 1) - 1, np.iinfo(dtype).max)
    return generator.integers(0, last, shape, np.int64, endpoint=True).astype(dtype)
