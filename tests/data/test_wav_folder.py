from __future__ import annotations

import math
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from edgekd.data import wav_folder
from edgekd.errors import BadInput
from edgekd.recipe import Data, FrontEnd, Split
from tests.conftest import ROOT
from tests.data.wav_samples import header, ramp, write_wav

SHARED = ROOT.parent / "shared" / "data"
OFFICIAL = Split(kind="official", validation=2)
FRONT_END = FrontEnd(sample_rate=8000, seconds=0.1)


def wav_data(root: Path, front_end: FrontEnd | None = FRONT_END) -> Data:
    return Data(source="wav_folder", path=str(root), split=OFFICIAL, front_end=front_end)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes of two speakers each, noise, and clips without a label."""
    for word in ("yes", "no"):
        for number, speaker in enumerate(("aa", "bb")):
            write_wav(tmp_path / word / f"{speaker}_nohash_{number}.wav", ramp(800, number))
    write_wav(tmp_path / "_background_noise_" / "rain.wav", ramp(9000))
    write_wav(tmp_path / "unlabelled" / "clip.WAV", ramp(800))
    (tmp_path / "testing_list.txt").write_text("yes/bb_nohash_1.wav\nup/cc_nohash_0.wav\n")
    return tmp_path


def test_class_folders(classes: Path) -> None:
    samples = wav_folder.load(wav_data(classes))
    assert samples.names == (
        *("no/aa_nohash_0.wav", "no/bb_nohash_1.wav", "unlabelled/clip.WAV"),
        *("yes/aa_nohash_0.wav", "yes/bb_nohash_1.wav"),
    )
    assert samples.class_names == ("no", "yes")
    assert samples.labels.tolist() == [0, 0, -1, 1, 1]
    assert samples.groups == ("aa", "bb", "unlabelled/clip.WAV", "aa", "bb")
    assert samples.official_test is not None
    assert samples.official_test.tolist() == [False, False, False, False, True]
    assert samples.inputs.dtype == np.int16
    assert samples.inputs[0].tolist() == ramp(800, 0).tolist()
    assert samples.scale == 1 / 32768


@pytest.mark.parametrize("inner", ["", "recordings"])
def test_flat_folder(tmp_path: Path, inner: str) -> None:
    for label in "01":
        for index in (0, 4, 5, 12):
            write_wav(tmp_path / inner / f"{label}_mary_ann_{index}.wav", ramp(10))
    (tmp_path / "utils").mkdir()
    samples = wav_folder.load(wav_data(tmp_path))
    assert samples.names is not None
    assert samples.names[:4] == tuple(f"0_mary_ann_{index}.wav" for index in (0, 12, 4, 5))
    assert samples.labels.tolist() == [0] * 4 + [1] * 4
    assert set(samples.groups or ()) == {"mary_ann"}
    assert samples.inputs[0].tolist() == [*range(1, 11), *[0] * 790]
    assert samples.official_test is not None
    assert samples.official_test.tolist() == [True, False, True, False] * 2


def test_no_speakers_and_no_list(tmp_path: Path) -> None:
    for word in ("yes", "no"):
        write_wav(tmp_path / word / "deeper" / "1.wav", ramp(10))
    samples = wav_folder.load(wav_data(tmp_path))
    assert samples.names == ("no/deeper/1.wav", "yes/deeper/1.wav")
    assert samples.groups is None
    assert samples.official_test is None


def test_fingerprint_follows_content_and_list(classes: Path) -> None:
    before = wav_folder.fingerprint(wav_data(classes))
    assert wav_folder.fingerprint(wav_data(classes, None)) == before
    write_wav(classes / "_background_noise_" / "rain.wav", ramp(5))
    assert wav_folder.fingerprint(wav_data(classes)) == before
    (classes / "testing_list.txt").write_text("no/aa_nohash_0.wav\n")
    other = wav_folder.fingerprint(wav_data(classes))
    assert other != before
    write_wav(classes / "no" / "aa_nohash_0.wav", ramp(800, 7))
    assert wav_folder.fingerprint(wav_data(classes)) != other


def test_broken_file_is_named(classes: Path) -> None:
    (classes / "yes" / "bad.wav").write_bytes(header(kind=3, bits=32))
    with pytest.raises(BadInput, match=r"yes/bad\.wav: is not a PCM WAV file: unknown format"):
        wav_folder.load(wav_data(classes))


def test_rates_may_differ(tmp_path: Path) -> None:
    for word, rate in (("no", 8000), ("yes", 16_000)):
        write_wav(tmp_path / word / "a.wav", np.full(rate, 1000), rate=rate)
    found = wav_folder.load(wav_data(tmp_path)).inputs
    assert found.shape == (2, 800)
    np.testing.assert_allclose(found[1, 100:], 1000, atol=10)


def test_too_much_memory_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a" / "0.wav", ramp(3))
    for number in range(1, 800):
        os.link(tmp_path / "a" / "0.wav", tmp_path / "a" / f"{number}.wav")
    front_end = FrontEnd(sample_rate=192_000, seconds=60.0)
    with pytest.raises(BadInput, match=r"800 clips of 60\.0 s need more than 16 GiB"):
        wav_folder.load(wav_data(tmp_path, front_end))


def test_what_is_missing_is_named(tmp_path: Path, classes: Path) -> None:
    with pytest.raises(BadInput, match=r"data\.front_end: is missing \(give at least sample_rate"):
        wav_folder.load(wav_data(classes, None))
    with pytest.raises(BadInput, match=r"data\.path: is missing"):
        wav_folder.load(Data(source="wav_folder", split=OFFICIAL))
    with pytest.raises(BadInput, match="none: is not a folder"):
        wav_folder.fingerprint(wav_data(tmp_path / "none"))
    (tmp_path / "up").mkdir()
    with pytest.raises(BadInput, match="the class 'up' has no WAV files"):
        wav_folder.load(wav_data(classes))


@pytest.mark.parametrize("folders", [[], ["yes", "no"], ["recordings"]])
def test_empty_folder(tmp_path: Path, folders: list[str]) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(BadInput, match="holds no WAV files"):
        wav_folder.load(wav_data(tmp_path))


@pytest.mark.parametrize("name", ["zero.wav", "0_mary.wav", "0_mary_x.wav", "_mary_1.wav"])
def test_flat_name_that_does_not_fit(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / "0_mary_0.wav", ramp(3))
    write_wav(tmp_path / name, ramp(3))
    with pytest.raises(BadInput, match=rf"{name}: the name does not say its label"):
        wav_folder.load(wav_data(tmp_path))


def test_two_layouts_at_once(classes: Path) -> None:
    write_wav(classes / "0_mary_0.wav", ramp(3))
    with pytest.raises(BadInput, match="WAV files lie both here and in the folder 'no'"):
        wav_folder.load(wav_data(classes))


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"up/x.wav\n", "lists none of the files"), (b"\xff\xfe\0", "cannot be read")],
)
def test_wrong_testing_list(classes: Path, content: bytes, what: str) -> None:
    (classes / "testing_list.txt").write_bytes(content)
    with pytest.raises(BadInput, match=rf"testing_list\.txt: {what}"):
        wav_folder.load(wav_data(classes))


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"the real recordings are not here: {SHARED / name}")
    return SHARED / name


def test_free_spoken_digits() -> None:
    root = shared("fsdd")
    samples = wav_folder.load(wav_data(root, FrontEnd(sample_rate=8000)))
    assert samples.inputs.shape == (3000, 8000)
    assert samples.class_names == tuple("0123456789")
    assert np.bincount(samples.labels).tolist() == [300] * 10
    assert samples.official_test is not None
    assert samples.official_test.sum() == 300
    assert len(set(samples.groups or ())) == 6
    assert samples.names is not None
    number = samples.names.index("7_theo_3.wav")
    with wave.open(str(root / "recordings" / "7_theo_3.wav")) as file:
        real = np.frombuffer(file.readframes(8000), "<i2")
    np.testing.assert_array_equal(samples.inputs[number, : len(real)], real)
    assert not samples.inputs[number, len(real) :].any()


def test_speech_commands() -> None:
    root = shared("speech_commands_sample")
    samples = wav_folder.load(wav_data(root, FrontEnd()))
    assert samples.inputs.shape == (360, 16_000)
    assert len(samples.class_names) == 12
    assert samples.names is not None
    assert samples.groups is not None
    groups = dict(zip(samples.names, samples.groups, strict=True))
    assert groups["yes/022cd682_nohash_0.wav"] == groups["left/022cd682_nohash_0.wav"] == "022cd682"
    assert groups["_unknown_/bed_837a0f64_nohash_0.wav.wav"] == "837a0f64"
    assert math.isclose(np.abs(samples.inputs).max() * samples.scale, 1, abs_tol=0.01)
    half = wav_folder.load(wav_data(root, FrontEnd(sample_rate=8000)))
    assert half.inputs.shape == (360, 8000)
