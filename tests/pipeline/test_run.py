"""The whole ladder on digits, as a user runs it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgekd.errors import BadInput
from edgekd.pipeline.manifest import read_manifest
from edgekd.records import Report
from tests.conftest import ONE_JOB, ROOT, run_edgekd, small_run

# The whole ladder of digits, on three runtimes, takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)

HOST_TARGETS = ("host-litert", "host-executorch", "host-onnx")
RUNGS = (
    *("teacher-fp32", "scratch-fp32", "distilled-fp32", "distilled-fp16"),
    *("distilled-int8", "distilled-int8-qat", "distilled-int4"),
)


def read_report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


def test_every_cell_is_measured_or_has_its_reason(digits_run: Path) -> None:
    report = read_report(digits_run)
    measured = {(m.rung, m.target) for m in report.measurements}
    unavailable = {(u.rung, u.target) for u in report.unavailable}
    assert not measured & unavailable
    assert measured | unavailable == {(r, t) for r in RUNGS for t in HOST_TARGETS}
    assert unavailable == {("distilled-int4", "host-executorch")}
    assert all(len(cell.reason) > 20 for cell in report.unavailable)


def test_the_rungs_are_what_they_should_be(digits_run: Path) -> None:
    report = read_report(digits_run)
    rungs = {rung.name: rung for rung in report.rungs}
    assert tuple(rungs) == RUNGS
    fp32 = rungs["distilled-fp32"].accuracy.value
    assert rungs["teacher-fp32"].accuracy.value >= 0.96
    assert fp32 >= rungs["scratch-fp32"].accuracy.value + 0.02
    assert rungs["distilled-int8"].accuracy.value >= fp32 - 0.01
    assert rungs["distilled-int4"].accuracy.value >= fp32 - 0.02
    for rung in rungs.values():
        low, high = rung.accuracy.ci95
        assert low <= rung.accuracy.value <= high
        assert len(rung.accuracy.per_seed) == (1 if rung.name == "teacher-fp32" else 3)
    assert rungs["teacher-fp32"].parameters >= 10 * rungs["distilled-fp32"].parameters
    sizes = [rungs[f"distilled-{p}"].bytes for p in ("fp32", "fp16", "int8", "int4")]
    assert sizes == sorted(sizes, reverse=True)


def test_every_artifact_agrees_with_its_torch_model(digits_run: Path) -> None:
    for measurement in read_report(digits_run).measurements:
        assert measurement.parity is not None
        assert measurement.accuracy is not None
        assert measurement.parity.top1_agreement >= 0.99, (measurement.rung, measurement.target)
        assert measurement.parity.n == measurement.accuracy.n == 400
        assert measurement.parity.steps[-1].step == measurement.target


def test_losses_add_up(digits_run: Path) -> None:
    report = read_report(digits_run)
    teacher = next(r for r in report.rungs if r.name == "teacher-fp32").accuracy.value
    for measurement in report.measurements:
        losses = [
            loss.points
            for loss in report.losses
            if (loss.rung, loss.target) == (measurement.rung, measurement.target)
        ]
        if losses:
            assert measurement.accuracy is not None
            assert teacher * 100 - sum(losses) == pytest.approx(measurement.accuracy.value * 100)


def test_bundles_describe_their_artifacts(digits_run: Path) -> None:
    from safetensors.numpy import load_file

    for measurement in read_report(digits_run).measurements:
        folder = (digits_run / measurement.artifact).parent
        bundle = json.loads((folder / "bundle.json").read_text())
        assert bundle["sha256"] == measurement.sha256
        assert bundle["labels"] == [str(digit) for digit in range(10)]
        assert bundle["preprocessing"]["scale"] == 1 / 16
        golden = load_file(folder / bundle["golden"])
        assert list(golden["inputs"].shape[1:]) == bundle["inputs"][0]["shape"][1:]
        assert len(golden["inputs"]) == len(golden["outputs"]) == 16
        if measurement.target == "host-litert":
            integer = measurement.precision in ("int8", "int8-qat", "int4")
            assert bundle["inputs"][0]["layout"] == "NHWC"
            assert bundle["inputs"][0]["dtype"] == ("int8" if integer else "float32")
            assert (bundle["inputs"][0]["scale"] is not None) == integer
            assert bundle["preflight"]["transposes"] == 0


def test_the_report_says_which_labels_the_teacher_saw(digits_run: Path) -> None:
    report = read_report(digits_run)
    assert report.verdict is not None
    assert "all 1197 training labels" in (report.verdict.teacher_labels or "")
    assert report.facts["data"]["labels_seen_by_students"] == 100
    html = (digits_run / "report.html").read_text(encoding="utf-8")
    assert "all 1197 training labels" in html
    assert "all 1197 training labels" in (digits_run / "report.md").read_text(encoding="utf-8")


def test_the_manifest_knows_every_file(digits_run: Path) -> None:
    manifest = read_manifest(digits_run)
    known = {
        f"{stage}/{file}" for stage, record in manifest.stages.items() for file in record.files
    }
    known |= set(manifest.files) | {"manifest.json", ".lock"}
    found = {str(path.relative_to(digits_run)) for path in digits_run.rglob("*") if path.is_file()}
    assert found == known


def test_a_second_run_redoes_nothing(digits_run: Path) -> None:
    before = (digits_run / "report.json").read_bytes()
    result = run_edgekd("run", "digits", "--out", digits_run)
    assert result.returncode == 0
    assert "92 of 92 stages were done before" in result.stderr
    assert "[" not in result.stderr
    assert (digits_run / "report.json").read_bytes() == before
    dry = run_edgekd("run", "digits", "--out", digits_run, "--dry-run")
    assert {line.split()[0] for line in dry.stdout.splitlines()} == {"reuse"}


def test_damaged_files_are_noticed_and_made_again(digits_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(digits_run, folder)
    artifact = folder / "artifacts" / "host-onnx" / "distilled-int8" / "model.onnx"
    content = bytearray(artifact.read_bytes())
    content[len(content) // 2] ^= 1
    artifact.write_bytes(content)
    (folder / "report.html").write_text("not a report")
    result = run_edgekd("run", "digits", "--out", folder)
    assert result.returncode == 0, result.stderr
    assert "model.onnx does not match its hash" in result.stderr
    assert "91 of 92 stages were done before" in result.stderr
    assert artifact.read_bytes() == (digits_run / artifact.relative_to(folder)).read_bytes()
    before, after = (
        figures(json.loads((run / "report.json").read_text())) for run in (digits_run, folder)
    )
    assert before == after
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_json_prints_measurements_and_nothing_else(digits_run: Path) -> None:
    result = run_edgekd("bench", "digits", "--out", digits_run, "--json")
    printed = json.loads(result.stdout)
    assert list(printed) == ["measurements"]
    assert len(printed["measurements"]) == 20


def test_report_is_rendered_again(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes((digits_run / "report.json").read_bytes())
    # The raw samples of the latency charts.
    shutil.copytree(digits_run / "speed", tmp_path / "speed")
    result = run_edgekd("report", tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report.html").read_text() == (digits_run / "report.html").read_text()
    value = json.loads((tmp_path / "report.json").read_text())
    value["measurements"][3]["accuracy"]["value"] = "high"
    (tmp_path / "report.json").write_text(json.dumps(value))
    wrong = run_edgekd("report", tmp_path)
    assert wrong.returncode == 2
    assert "measurements.3.accuracy.value" in wrong.stderr


def test_linear_students_hold_grouped_int4_in_every_format(tmp_path: Path) -> None:
    result = run_edgekd(
        *("run", "digits", "--out", tmp_path / "run"),
        *("--set", "student.network=perceptron", "--set", "compress.precisions=[int4]"),
        *("--set", "seeds=[0]", "--set", "distill.learning_rates=[0.01]", *ONE_JOB),
        *("--set", "teacher.steps=60", "--set", "augmentation.views=2"),
        timeout=900,
    )
    report = read_report(tmp_path / "run")
    assert report.unavailable == []
    agreement = {}
    for measurement in report.measurements:
        if measurement.precision == "int4":
            assert "groups of 32" in (measurement.scheme or "")
            assert measurement.parity is not None
            agreement[measurement.target] = measurement.parity.top1_agreement
    assert agreement["host-litert"] >= 0.99
    assert agreement["host-executorch"] >= 0.99
    # ONNX Runtime rounds grouped weights to a grid of its own: the gate says so if it shows.
    assert agreement["host-onnx"] >= 0.95
    told = "distilled-int4 on host-onnx: diverges from torch-int4" in result.stderr
    assert told == (agreement["host-onnx"] < 0.99) == (result.returncode == 1)


KILLED_RUN = (
    *("--set", "teacher.steps=60", "--set", "distill.steps=60", "--set", "seeds=[0, 1]"),
    *("--set", "distill.learning_rates=[0.01]", "--set", "augmentation.views=2"),
    *("--set", "compress.precisions=[int8, int4]", "--set", "compress.int4.steps=20"),
    *("--targets", "host-onnx"),
)
KILLS = 8


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its timings: what must not depend on when the run was killed."""
    del report["environment"]
    for measurement in report["measurements"]:
        for name in ("latency_ms", "memory", "valid", "reasons", "budget"):
            del measurement[name]
        for name in ("speedup", "memory_ratio", "accuracy_retained", "size_ratio"):
            del measurement["vs_teacher"][name]
    return report


def stages_done(folder: Path) -> int:
    try:
        return len(read_manifest(folder).stages)
    except BadInput:
        return 0


@pytest.mark.timeout(900)
def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path) -> None:
    """Whatever the stages were at, and with another number of worker processes."""
    whole = run_edgekd(
        "run", "digits", "--out", tmp_path / "whole", *KILLED_RUN, *ONE_JOB, timeout=900
    )
    assert whole.returncode == 0, whole.stderr
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "edgekd", "run", "digits", "--out", str(killed), *KILLED_RUN]
    draw = random.Random(0)
    # The last stage takes seconds, more than the longest delay.
    for done in sorted(draw.sample(range(stages_done(tmp_path / "whole") - 1), KILLS)):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=-3)
        while process.poll() is None and stages_done(killed) < done:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.7))
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    last = run_edgekd("run", "digits", "--out", killed, *KILLED_RUN, timeout=900)
    assert last.returncode == 0, last.stderr
    reports = [
        figures(json.loads((folder / "report.json").read_text()))
        for folder in (tmp_path / "whole", killed)
    ]
    assert reports[0] == reports[1]
    assert not (killed / ".scratch").exists()


def test_several_processes_train_one_student(tmp_path: Path) -> None:
    arguments = small_run(tmp_path / "run")
    result = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"),
            *("--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"),
            *("--dynamo_backend", "no", "-m", "edgekd", *map(str, arguments)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    again = run_edgekd(*arguments)
    assert "11 of 11 stages were done before" in again.stderr
