"""The keywords recipe on a few synthetic clips: from WAV files to a bundle."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from edgekd.data.dataset import load_dataset
from edgekd.data.front_end import compute_features
from edgekd.recipe import FrontEnd
from tests.conftest import ONE_JOB, run_edgekd

SPEAKERS = ("ann", "bob", "eve")
RATE = 8000


def write_clips(folder: Path) -> None:
    """A tone for each digit, a speaker being a loudness; eight of each."""
    draw = np.random.default_rng(0)
    seconds = np.arange(RATE) / RATE
    for digit in range(10):
        for number, speaker in enumerate(SPEAKERS):
            for index in range(8):
                tone = np.sin(2 * np.pi * (300 + 300 * digit) * seconds + draw.uniform(0, 6))
                clip = (0.2 + 0.2 * number) * tone + draw.normal(0, 0.05, RATE)
                with wave.open(str(folder / f"{digit}_{speaker}_{index}.wav"), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(RATE)
                    file.writeframes((np.clip(clip, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keywords")
    clips = folder / "clips"
    clips.mkdir()
    write_clips(clips)
    result = run_edgekd(
        *("run", "keywords", "--out", folder / "run", "--seed", "0", "--targets", "host-onnx"),
        *("--set", f"data.path={clips}", "--set", "data.split.validation=20"),
        *("--set", "teacher.steps=40", "--set", "distill.steps=120"),
        *("--set", "distill.learning_rates=[0.01]", "--set", "augmentation.views=3"),
        *("--set", "teacher.arguments.width=8", "--set", "student.arguments.width=16"),
        *("--set", "compress.precisions=[]", *ONE_JOB),
    )
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_the_student_learns_from_features(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    accuracies = {rung["name"]: rung["accuracy"]["value"] for rung in report["rungs"]}
    assert accuracies["distilled-fp32"] > 0.8
    assert report["facts"]["data"]["split"] == "official"
    assert report["facts"]["data"]["test_samples"] == 150


def test_a_bundle_holds_all_that_a_microphone_needs(run: Path) -> None:
    """Features computed from a clip by the bundle alone are the golden input."""
    from safetensors.numpy import load_file

    folder = run / "artifacts/host-onnx/distilled-fp32"
    bundle = json.loads((folder / "bundle.json").read_text())
    preprocessing = bundle["preprocessing"]
    assert preprocessing["axis"] == "bin"
    dataset = load_dataset(run / "data")
    waveforms = np.load(run / "data" / "waveforms.npy")[dataset.parts["test"][:16]]
    front_end = FrontEnd.model_validate(preprocessing["front_end"])
    features = compute_features(waveforms.astype(np.float32) / 32768, front_end)
    expected = (features - np.float32(preprocessing["mean"])) / np.float32(preprocessing["std"])
    golden = load_file(folder / bundle["golden"])["inputs"]
    np.testing.assert_allclose(golden, expected, atol=1e-5)


def test_without_a_network_the_mend_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKD_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    result = run_edgekd("distill", "keywords", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "EDGEKD_DATA" in result.stderr.splitlines()[-1]
