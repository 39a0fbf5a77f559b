"""WAV files that tests write, good and broken."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_wav(
    path: Path,
    values: npt.NDArray[Any],
    *,
    rate: int = 8000,
    width: int = 2,
) -> None:
    """Write ``[frames]`` or ``[frames, channels]`` integers of that many bytes."""
    frames = values if values.ndim == 2 else values[:, None]
    content = b"".join(
        int(value).to_bytes(width, "little", signed=width > 1) for value in frames.ravel()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(frames.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)


def ramp(samples: int, first: int = 1) -> npt.NDArray[np.int64]:
    return np.arange(first, first + samples)


def header(
    *, kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, length: int = 4
) -> bytes:
    """A WAV file of 4 bytes of sound whose header says what it likes."""
    block = channels * (bits + 7) // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    return b"".join(
        [
            *(b"RIFF", struct.pack("<I", 40), b"WAVE"),
            *(b"fmt ", struct.pack("<I", 16), form),
            *(b"data", struct.pack("<I", length), b"\1\2\3\4"),
        ]
    )
