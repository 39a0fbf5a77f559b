from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.data import wav_file
from edgekd.errors import BadInput
from tests.data.wav_samples import header, write_wav


@given(
    width=st.sampled_from([1, 2, 3, 4]),
    channels=st.integers(1, 3),
    frames=st.integers(0, 300),
    wanted=st.integers(1, 300),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_width_is_read_and_cut(
    tmp_path_factory: pytest.TempPathFactory,
    width: int,
    channels: int,
    frames: int,
    wanted: int,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("widths") / "a.wav"
    bits = 8 * width
    low, high = (0, 255) if width == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    values = np.random.default_rng(seed).integers(low, high, (frames, channels), endpoint=True)
    write_wav(path, values, width=width)
    found = wav_file.read_clip(path, 8000, wanted)
    assert found.dtype == np.int16
    real = (values - 128 if width == 1 else values) / 2 ** (bits - 1)
    expected = real.mean(axis=1)[:wanted]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found / 32768, expected, atol=1.01 / 32768)


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000, 44_100])
def test_another_rate_is_converted(tmp_path: Path, rate: int) -> None:
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(int)
    write_wav(tmp_path / "a.wav", tone, rate=rate)
    found = wav_file.read_clip(tmp_path / "a.wav", 8000, 4000)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    # The first samples are the filter's, which knows nothing from before the clip.
    np.testing.assert_allclose(found[100:], expected[100:], atol=80)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is not a PCM WAV file: it ends early"),
        (b"RIFF", "is not a PCM WAV file"),
        (b"\xff\xfbID3 no sound" * 40, "is not a PCM WAV file: file does not start with RIFF"),
        (header()[:30], "is not a PCM WAV file"),
        (header()[:36], "is not a PCM WAV file"),
        (header(length=400), "ends before its sound does"),
        (header(length=0xFFFFFFFF), "ends before its sound does"),
        (header(kind=3, bits=32), "is not a PCM WAV file: unknown format"),
        (header(channels=0), "is not a PCM WAV file: bad # of channels"),
        (header(channels=17), "has 17 channels"),
        (header(bits=0), "is not a PCM WAV file: bad sample width"),
        (header(bits=64), "has 64 bits a sample"),
        (header(rate=0), "is at 0 Hz"),
        (header(rate=4_000_000_000), "is at 4000000000 Hz"),
        (header(rate=8009), "is at 8009 Hz, the front end at 8000 Hz"),
    ],
)
def test_broken_file_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(BadInput, match=rf"bad\.wav: {what}") as caught:
        wav_file.read_clip(tmp_path / "bad.wav", 8000, 800)
    assert "\n" not in str(caught.value)


def test_whole_header_is_read(tmp_path: Path) -> None:
    """The header that the broken ones are made from is a good one."""
    (tmp_path / "good.wav").write_bytes(header())
    assert wav_file.read_clip(tmp_path / "good.wav", 8000, 800).tolist() == [0x0201, 0x0403]


@given(content=st.binary(max_size=80), cut=st.integers(0, 48))
@settings(max_examples=100, deadline=None)
def test_no_content_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "a.wav"
    path.write_bytes(header()[:cut] + content)
    try:
        outcome = len(wav_file.read_clip(path, 8000, 10)) <= 10
    except BadInput as error:
        outcome = str(error).startswith(f"{path}: ")
    assert outcome


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.wav").open("wb") as file:
        file.truncate(wav_file.MAX_FILE_BYTES + 1)
    with pytest.raises(BadInput, match=r"big\.wav: is larger than 64 MiB"):
        wav_file.read_clip(tmp_path / "big.wav", 8000, 800)
