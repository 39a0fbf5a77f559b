"""Files that edgekd never made.

The commands are run once, with all their options, and where one line of refusal counts; else it is
what they call, in this process: each command would import torch and the exporter anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.pipeline.foreign.bench import bench_file
from edgekd.pipeline.foreign.export import export_file
from edgekd.records import Measurement
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


def assert_describes(measurement: Measurement, folder: Path, target: str, precision: str) -> None:
    bundle = json.loads((folder / "bundle.json").read_text())
    assert bundle["model"] == FILES[target]
    assert bundle["precision"] == precision
    assert measurement.sha256 == bundle["sha256"]
    assert measurement.accuracy is None
    assert measurement.latency_ms is not None
    assert measurement.latency_ms.n >= 1000
    assert measurement.memory.model_bytes == bundle["bytes"]
    # ExecuTorch has no reference kernels to compare with.
    assert (measurement.parity is None) == (target == "host-executorch")
    if measurement.parity:
        assert measurement.parity.top1_agreement is not None
        assert measurement.parity.top1_agreement >= 0.9


# int8 for host-onnx goes through the commands, below.
@pytest.mark.parametrize(
    ("target", "precision"),
    [*((target, "fp32") for target in FILES), ("host-litert", "int8"), ("host-executorch", "int8")],
)
def test_a_program_is_exported_and_measured(
    program: Path, calibration: Path, tmp_path: Path, target: str, precision: str
) -> None:
    samples = calibration if precision == "int8" else None
    folder = export_file(program, target, precision, tmp_path, samples)
    [measurement] = bench_file(folder / FILES[target], target, None, 0)
    assert_describes(measurement, folder, target, precision)


def test_the_commands_export_and_measure_a_program(
    program: Path, calibration: Path, tmp_path: Path
) -> None:
    target = "host-onnx"
    exported = run_edgekd(
        *("export", "--model", program, "--target", target, "--precision", "int8"),
        *("--out", tmp_path, "--calibration", calibration),
    )
    assert exported.returncode == 0, exported.stderr
    folder = Path(exported.stdout.strip())
    result = run_edgekd("bench", "--model", folder / FILES[target], "--target", target, "--json")
    assert result.returncode == 0, result.stderr
    [record] = json.loads(result.stdout)["measurements"]
    assert_describes(Measurement.model_validate(record), folder, target, "int8")


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


def test_a_program_of_tokens_is_exported_and_measured(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.Linear(48, 5)).eval()
    example = torch.zeros(1, 6, dtype=torch.int32)
    model, calibration = tmp_path / "text.pt2", tmp_path / "tokens.npy"
    torch.export.save(torch.export.export(network, (example,)), model)
    tokens = np.random.default_rng(0).integers(0, 50, (32, 6), dtype=np.int32)
    np.save(calibration, tokens)
    folder = export_file(model, "host-litert", "int8", tmp_path, calibration)
    bundle = json.loads((folder / "bundle.json").read_text())
    assert bundle["inputs"][0]["dtype"] == "int32"
    [measured] = bench_file(folder / "model.tflite", "host-litert", None, seed=0)
    assert measured.accuracy is None
    assert measured.precision == "int8"
    assert measured.parity is not None
    np.save(calibration, tokens.astype(np.float32))
    with pytest.raises(BadInput, match="give int32"):
        export_file(model, "host-litert", "int8", tmp_path / "again", calibration)


def test_a_program_of_64_bit_tokens_is_refused_in_one_line(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Embedding(50, 8), nn.Flatten()).eval()
    model = tmp_path / "text.pt2"
    example = torch.zeros(1, 6, dtype=torch.int64)
    torch.export.save(torch.export.export(network, (example,)), model)
    with pytest.raises(BadInput, match="its input is int64"):
        export_file(model, "host-onnx", "fp32", tmp_path, None)
