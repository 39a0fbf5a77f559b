"""Files that edgekd never made, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import run_edgekd

FILES = {
    "host-litert": "model.tflite",
    "host-executorch": "model.pte",
    "host-onnx": "model.onnx",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)
    ).eval()
    path = tmp_path_factory.mktemp("foreign") / "mine.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, 8, 8),)), path)
    return path


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calibration") / "inputs.npy"
    np.save(path, np.random.default_rng(0).normal(size=(32, 1, 8, 8)).astype(np.float32))
    return path


@pytest.mark.parametrize("target", sorted(FILES))
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_program_is_exported_and_measured(
    program: Path, calibration: Path, tmp_path: Path, target: str, precision: str
) -> None:
    more = ("--calibration", calibration) if precision == "int8" else ()
    exported = run_edgekd(
        *("export", "--model", program, "--target", target, "--precision", precision),
        *("--out", tmp_path, *more),
    )
    assert exported.returncode == 0, exported.stderr
    folder = Path(exported.stdout.strip())
    bundle = json.loads((folder / "bundle.json").read_text())
    assert bundle["model"] == FILES[target]
    assert bundle["precision"] == precision
    result = run_edgekd("bench", "--model", folder / FILES[target], "--target", target, "--json")
    assert result.returncode == 0, result.stderr
    [measurement] = json.loads(result.stdout)["measurements"]
    assert measurement["sha256"] == bundle["sha256"]
    assert measurement["accuracy"] is None
    assert measurement["latency_ms"]["n"] >= 1000
    assert measurement["memory"]["model_bytes"] == bundle["bytes"]
    # ExecuTorch has no reference kernels to compare with.
    assert (measurement["parity"] is None) == (target == "host-executorch")
    if measurement["parity"]:
        assert measurement["parity"]["top1_agreement"] >= 0.9


def test_accuracy_needs_labelled_data(digits_run: Path, tmp_path: Path) -> None:
    from edgekd.data.dataset import load_dataset

    dataset = load_dataset(digits_run / "data")
    inputs = dataset.part_inputs("test")
    np.savez(tmp_path / "test.npz", inputs=inputs, labels=dataset.part_labels("test"))
    artifact = digits_run / "artifacts" / "host-onnx" / "distilled-fp32" / "model.onnx"
    result = run_edgekd(
        *("bench", "--model", artifact, "--target", "host-onnx"),
        *("--data", tmp_path / "test.npz", "--json"),
    )
    assert result.returncode == 0, result.stderr
    [measurement] = json.loads(result.stdout)["measurements"]
    report = json.loads((digits_run / "report.json").read_text())
    [same] = [m for m in report["measurements"] if m["sha256"] == measurement["sha256"]][:1]
    assert measurement["accuracy"] == same["accuracy"]


@pytest.mark.parametrize("target", sorted(FILES))
@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_file_of_another_kind_is_refused_in_one_line(
    tmp_path: Path, target: str, content: bytes
) -> None:
    path = tmp_path / FILES[target]
    path.write_bytes(content)
    result = run_edgekd("bench", "--model", path, "--target", target)
    assert result.returncode == 2
    [line] = result.stderr.strip().splitlines()
    assert str(path) in line


def test_wrong_export_options(program: Path, calibration: Path, tmp_path: Path) -> None:
    base = ("export", "--model", program, "--target", "host-onnx", "--out", tmp_path)
    for more, part in (
        (("--precision", "int3"), "no precision 'int3'"),
        (("--precision", "int8"), "needs --calibration"),
        (("--precision", "int8", "--calibration", program), "is not a .npy array"),
    ):
        result = run_edgekd(*base, *more)
        assert result.returncode == 2
        assert part in result.stderr
        assert list(tmp_path.rglob("*")) == []
