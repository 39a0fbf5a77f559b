"""One WAV file to samples: PCM of 8, 16, 24 or 32 bits, channels averaged.

Another sample rate than the wanted one is converted by a polyphase filter where the two have a
ratio of small numbers.
"""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.third_party import require

MAX_FILE_BYTES = 64 * 1024**2
MAX_CHANNELS = 16
MAX_SAMPLE_RATE = 192_000
# The filter that changes the rate has 20 taps for each step of the larger side of the ratio.
MAX_RATIO = 1000

# More than the filter that changes the rate looks ahead.
_MARGIN_SECONDS = 0.1

Floats = npt.NDArray[np.float64]


def read_clip(path: Path, sample_rate: int, samples: int) -> npt.NDArray[np.int16]:
    """The beginning of a file: int16, one channel, at most ``samples`` at ``sample_rate`` hertz.

    Raises:
        BadInput: not PCM, broken, larger than 64 MiB, or at a rate that cannot be converted.
        MissingPackage: the rate has to be converted, and scipy is not installed.
    """
    sound, rate = _read(path, samples / sample_rate + _MARGIN_SECONDS)
    if rate != sample_rate:
        sound = _convert_rate(sound, rate, sample_rate, path)
    whole = np.clip(np.rint(sound[:samples] * 32768), -32768, 32767)
    return np.asarray(whole, dtype=np.int16)


def _read(path: Path, seconds: float) -> tuple[Floats, int]:
    """The beginning of a file in -1 to 1, channels averaged, and its sample rate in hertz."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput("is larger than 64 MiB", where=str(path), mend="cut it into clips")
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            _check_format(path, channels, width, rate)
            frames = min(file.getnframes(), math.ceil(seconds * rate))
            content = file.readframes(frames)
    # The standard library's reader raises all of these on a broken header.
    except (OSError, EOFError, wave.Error, struct.error, ValueError, RuntimeError) as error:
        raise BadInput(
            f"is not a PCM WAV file: {str(error) or 'it ends early'}",
            where=str(path),
            mend="repair it, or convert it: ffmpeg -i FILE -c:a pcm_s16le -bitexact NEW.wav",
        ) from error
    if len(content) != frames * channels * width:
        raise BadInput("ends before its sound does", where=str(path), mend="repair or remove it")
    return _to_floats(content, width).reshape(-1, channels).mean(axis=1), rate


def _check_format(path: Path, channels: int, width: int, rate: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadInput(f"has {channels} channels", where=str(path), mend=f"1 to {MAX_CHANNELS}")
    if not 1 <= width <= 4:
        raise BadInput(f"has {8 * width} bits a sample", where=str(path), mend="8, 16, 24 or 32")
    if not 1 <= rate <= MAX_SAMPLE_RATE:
        raise BadInput(f"is at {rate} Hz", where=str(path), mend=f"1 to {MAX_SAMPLE_RATE} Hz")


def _to_floats(content: bytes, width: int) -> Floats:
    """Little-endian PCM to -1 to 1; 8 bits are unsigned, more are signed."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float64) - 128) / 128
    octets = np.frombuffer(content, np.uint8).reshape(-1, width)
    # Put at the upper end of 32 bits, a value of any width has its sign in the right place.
    wide = np.zeros((len(octets), 4), np.uint8)
    wide[:, 4 - width :] = octets
    return wide.view("<i4")[:, 0] / 2.0**31


def _convert_rate(sound: Floats, rate: int, wanted: int, path: Path) -> Floats:
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    if max(up, down) > MAX_RATIO:
        raise BadInput(
            f"is at {rate} Hz, the front end at {wanted} Hz: no ratio of small numbers",
            where=str(path),
            mend=f"convert it: ffmpeg -i FILE -ar {wanted} NEW.wav",
        )
    require("data", "scipy.signal")
    from scipy.signal import resample_poly

    if len(sound) == 0:
        return sound
    return np.asarray(resample_poly(sound, up, down), dtype=np.float64)
