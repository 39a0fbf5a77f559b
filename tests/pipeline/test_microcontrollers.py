"""The ladder and single files on emulated microcontrollers, through the commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgekd.records import Measurement, Report
from tests.conftest import ONE_JOB, ROOT, run_edgekd
from tests.export.c.random_models import RandomModel

CORES = ("cortex-m4", "cortex-m55")


@pytest.fixture(scope="module")
def boards_run(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``edgekd run digits`` left, gone on with for two boards: nothing is trained again."""
    folder = tmp_path_factory.mktemp("boards") / "digits"
    shutil.copytree(digits_run, folder)
    result = run_edgekd(
        "run", "digits", "--targets", ",".join(CORES), "--out", folder, *ONE_JOB, timeout=900
    )
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def boards_report(boards_run: Path) -> Report:
    return Report.model_validate_json((boards_run / "report.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full-integer file that edgekd never made."""
    path = tmp_path_factory.mktemp("foreign") / "mine.tflite"
    path.write_bytes(RandomModel(3).build(["conv", "depthwise", "pool", "dense"]))
    return path


def emulated(report: Report) -> list[Measurement]:
    return [found for found in report.measurements if found.kind == "emulated"]


@pytest.mark.parametrize("core", CORES)
def test_each_integer_rung_runs_on_the_board(boards_report: Report, core: str) -> None:
    found = {m.rung: m for m in emulated(boards_report) if m.target == core}
    assert set(found) == {"distilled-int8", "distilled-int8-qat", "distilled-int4"}
    for measurement in found.values():
        assert measurement.valid, measurement.reasons
        assert measurement.instructions
        assert measurement.memory.arena_bytes
        assert measurement.memory.flash_bytes
        assert measurement.memory.stack_bytes
        assert measurement.library is not None
        assert measurement.memory.arena_bytes == measurement.library.memory_map.arena_bytes


def test_the_board_is_as_accurate_as_the_host(boards_report: Report, digits_run: Path) -> None:
    host = Report.model_validate_json((digits_run / "report.json").read_text())
    wanted = {
        m.rung: m.accuracy for m in host.measurements if m.target == "host-litert" and m.accuracy
    }
    for measurement in emulated(boards_report):
        assert measurement.accuracy is not None
        assert measurement.accuracy.n == wanted[measurement.rung].n
        if measurement.rung == "distilled-int8":
            assert measurement.accuracy.value == wanted[measurement.rung].value


def test_outputs_equal_the_reference_to_the_bit(boards_report: Report) -> None:
    for measurement in emulated(boards_report):
        assert measurement.parity is not None
        last = measurement.parity.steps[-1]
        assert (last.against, last.exact, last.max_abs) == ("litert-reference", True, 0.0)


def test_cycles_are_an_estimate_of_their_own(boards_report: Report) -> None:
    estimates = [m for m in boards_report.measurements if m.kind == "estimate"]
    assert {m.target for m in estimates} == {"cortex-m4"}
    for estimate in estimates:
        assert estimate.cycles
        assert estimate.instructions is None
        assert estimate.assumptions


def test_what_has_no_integers_is_listed(boards_report: Report) -> None:
    listed = {(cell.rung, cell.target) for cell in boards_report.unavailable}
    assert ("teacher-fp32", "cortex-m4") in listed


def test_a_library_is_exported_from_any_file(model: Path, tmp_path: Path) -> None:
    result = run_edgekd("export", "--model", model, "--target", "cortex-m4", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "cortex-m4"
    names = {path.name for path in folder.iterdir()}
    assert {"model.c", "model.h", "CMakeLists.txt", "example.c", "bundle.json"} <= names
    again = run_edgekd("export", "--model", model, "--target", "cortex-m4", "--out", tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_any_file_is_measured(model: Path) -> None:
    result = run_edgekd("bench", "--model", model, "--target", "cortex-m4", "--json")
    assert result.returncode == 0, result.stderr
    kinds = [m["kind"] for m in json.loads(result.stdout)["measurements"]]
    assert kinds == ["emulated", "estimate"]


def test_a_budget_that_is_too_small_is_told_with_what_is_missing(
    model: Path, tmp_path: Path
) -> None:
    text = (ROOT / "targets" / "cortex-m4.yaml").read_text()
    small = tmp_path / "tiny.yaml"
    budget = "budget: {flash_bytes: 1024, ram_bytes: 65536}"
    lines = [budget if line.startswith("budget:") else line for line in text.splitlines()]
    small.write_text("\n".join(lines))
    result = run_edgekd("bench", "--model", model, "--target", small, "--json")
    assert result.returncode == 1
    [line] = result.stderr.strip().splitlines()
    assert "bytes of flash are missing" in line
    assert "budget.flash_bytes is 1,024" in line


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(np.random.default_rng(0).bytes(400))
    result = run_edgekd("export", "--model", path, "--target", "cortex-m4", "--out", tmp_path / "o")
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "o" / "cortex-m4").exists()


def test_tensorflow_lite_micro_gets_what_it_needs(model: Path, tmp_path: Path) -> None:
    result = run_edgekd(
        *("export", "--model", model, "--target", "cortex-m4", "--format", "tflm"),
        *("--out", tmp_path),
    )
    assert result.returncode == 0, result.stderr
    files = {path.name for path in (tmp_path / "cortex-m4" / "tflm").iterdir()}
    assert "model_resolver.h" in files
