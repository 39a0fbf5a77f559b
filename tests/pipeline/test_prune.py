"""The pruned rungs of the ladder and the anomaly task, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from edgekd.records import Report
from tests.conftest import ONE_JOB, run_edgekd, small_run


def report_of(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


def test_a_pruned_student_goes_down_the_ladder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    _, *arguments = small_run(
        folder,
        *("--set", "prune={channels: 0.5, rounds: 2, steps: 20}"),
        *("--set", "student.arguments={first: 8, second: 12}"),
        *("--set", "compress.precisions=[]", "--targets", "host-onnx"),
    )
    result = run_edgekd("run", *arguments)
    report = report_of(folder)
    rungs = {rung.name: rung for rung in report.rungs}
    assert list(rungs) == [
        *("teacher-fp32", "scratch-fp32", "distilled-fp32", "pruned-fp32", "pruned-int8")
    ]
    whole, pruned = rungs["distilled-fp32"], rungs["pruned-fp32"]
    assert pruned.parameters is not None
    assert whole.parameters is not None
    assert pruned.macs is not None
    assert whole.macs is not None
    assert pruned.parameters < 0.7 * whole.parameters
    assert pruned.macs < 0.7 * whole.macs
    cells = {m.rung: m for m in report.measurements}
    parity = cells["pruned-fp32"].parity
    assert parity is not None
    assert parity.top1_agreement == 1.0
    stages = [loss.stage for loss in report.losses if loss.rung == "pruned-int8"]
    assert stages == ["distillation", "pruning", "quantization", "conversion"]
    # Architecture as JSON and weights as safetensors: the sizes are those of the tensors.
    rung = folder / "rungs/pruned-fp32/seed-0"
    architecture = json.loads((rung / "architecture.json").read_text())
    weights = load_file(rung / "weights.safetensors")
    assert architecture["0.0"]["out_channels"] == len(weights["0.0.weight"])
    # An untrained int8 student may disagree with itself; nothing else may fail.
    assert result.returncode == 0 or "pruned-int8" in result.stderr, result.stderr


def test_a_pruning_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    _, *arguments = small_run(
        tmp_path / "run", "--set", "prune={channels: 0.5, steps: 5, keep: [nowhere]}"
    )
    result = run_edgekd("quantize", *arguments)
    assert result.returncode == 2
    assert "nowhere" in result.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def anomaly(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("anomaly") / "run"
    result = run_edgekd(
        *("run", "anomaly", "--out", folder, "--seed", "0", "--seed", "1"),
        *("--set", "teacher.steps=150", "--set", "distill.steps=150"),
        *("--set", "distill.learning_rates=[0.01]", "--set", "compress.precisions=[int8]"),
        *ONE_JOB,
    )
    assert result.returncode == 0, result.stderr
    assert "nan" not in (folder / "report.html").read_text(encoding="utf-8").lower()
    return report_of(folder)


def test_anomalies_are_measured_by_area(anomaly: Report) -> None:
    for rung in anomaly.rungs:
        assert rung.accuracy.metric == "auc"
        assert rung.accuracy.value > 0.95
        low, high = rung.accuracy.ci95
        assert low <= rung.accuracy.value <= high <= 1


def test_reconstructions_have_parity_without_classes(anomaly: Report) -> None:
    assert anomaly.measurements
    for measurement in anomaly.measurements:
        assert measurement.parity is not None
        assert measurement.parity.top1_agreement is None
        assert not measurement.parity.steps[-1].diverged
        least = 80 if measurement.precision == "fp32" else 10
        assert measurement.parity.sqnr_db is None or measurement.parity.sqnr_db > least
        assert measurement.accuracy is not None
        assert measurement.accuracy.value > 0.9
