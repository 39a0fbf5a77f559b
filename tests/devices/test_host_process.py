"""The worker seen from outside: threads, memory, what it imports, and results that are not one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from edgekd.devices.contract import JOB_FILE, RESULT_FILE, Job, LatencyRun
from edgekd.devices.host_process import job_folder, read_result, run_job
from edgekd.errors import RunFailed

if TYPE_CHECKING:
    from .conftest import Exported


def _job(
    task: Literal["describe", "outputs", "latency", "memory"],
    path: Path,
    runtime: str,
    threads: int = 1,
) -> Job:
    return Job(task=task, artifact=str(path), runtime=runtime, threads=threads, timeout_seconds=60)


def _helper_share(run: LatencyRun | None) -> float:
    """Share of the CPU time that other threads than the caller's spent."""
    assert run is not None
    return 1 - run.main_thread_cpu_seconds / run.process_cpu_seconds


# How much of the work a second thread gets depends on what else the cores do: far above none.
@pytest.mark.parametrize(("threads", "low", "high"), [(1, -0.02, 0.02), (2, 0.05, 0.9)])
def test_the_runtime_uses_the_threads_it_is_given(
    exported: Exported, runtime: str, threads: int, low: float, high: float
) -> None:
    with job_folder([]) as (folder, _):
        result = run_job(_job("latency", exported.paths[runtime], runtime, threads), folder)
    assert low <= _helper_share(result.latency) <= high


def test_memory_is_the_same_at_every_reading(exported: Exported, runtime: str) -> None:
    readings = []
    for _ in range(2):
        with job_folder([]) as (folder, _names):
            memory = run_job(_job("memory", exported.paths[runtime], runtime), folder).memory
        assert memory is not None
        assert memory.ram_bytes is not None
        readings.append(memory.ram_bytes)
    assert max(readings) - min(readings) <= 0.1 * max(readings)


def test_wider_numbers_take_more_memory(mlperf_tiny: Path) -> None:
    readings = []
    for name in ("ic_int8.tflite", "ic_float32.tflite"):
        with job_folder([]) as (folder, _):
            memory = run_job(_job("memory", mlperf_tiny / name, "litert"), folder).memory
        assert memory is not None
        assert memory.ram_bytes is not None
        readings.append(memory.ram_bytes)
    # Weights and activations are four times as wide; the interpreter itself is in both.
    assert readings[1] > 1.3 * readings[0]


@pytest.mark.parametrize(
    ("runtime", "absent"),
    [
        ("litert", {"torch", "tensorflow", "onnxruntime", "scipy", "executorch", "jax"}),
        ("onnx", {"torch", "tensorflow", "ai_edge_litert", "scipy", "executorch", "onnx"}),
        ("executorch", {"tensorflow", "ai_edge_litert", "scipy", "onnxruntime", "torchao"}),
    ],
)
def test_the_worker_stays_lean(exported: Exported, runtime: str, absent: set[str]) -> None:
    code = """
import json, sys
from pathlib import Path
from edgekd.devices.host_worker import main
main(Path(sys.argv[1]))
print(json.dumps(sorted(sys.modules)))
"""
    with job_folder([]) as (folder, _):
        job = _job("memory", exported.paths[runtime], runtime)
        (folder / JOB_FILE).write_text(job.model_dump_json())
        printed = subprocess.run(
            [sys.executable, "-c", code, str(folder)], check=True, capture_output=True, timeout=60
        ).stdout
        assert read_result(folder, "model").memory is not None
    modules = set(json.loads(printed))
    assert not absent & modules
    # The exporter is 6 s and 140 MB that a runtime has no use for.
    assert "executorch.exir" not in modules


@pytest.mark.parametrize("start", ["", "not json", "[]", '{"surprise": 1}', "[" * 100_000])
def test_what_is_no_result_is_one_line(tmp_path: Path, start: str) -> None:
    if start:
        (tmp_path / RESULT_FILE).write_text(start)
    with pytest.raises(RunFailed, match=r"^model\.pte: the worker left no valid result$"):
        read_result(tmp_path, "model.pte")


@pytest.mark.parametrize(
    "part",
    [
        {"latency": {"samples": "a.npy", "n": 0, "warmup": 1}},
        {"memory": {"ram_bytes": "much"}},
        {"problem": {"kind": "SystemExit", "what": "x"}},
        {"outputs": [1, 2]},
    ],
)
def test_a_result_of_wrong_types_is_refused(tmp_path: Path, part: dict[str, Any]) -> None:
    (tmp_path / RESULT_FILE).write_text(json.dumps(part))
    with pytest.raises(RunFailed, match="no valid result"):
        read_result(tmp_path, "model.pte")


def test_an_exception_in_the_worker_is_its_last_line(exported: Exported) -> None:
    job = _job("outputs", exported.paths["onnx"], "onnx").model_copy(
        update={"inputs": ["absent.npy"]}
    )
    with job_folder([]) as (folder, _), pytest.raises(RunFailed) as caught:
        run_job(job, folder)
    text = str(caught.value)
    assert text.startswith("model.onnx: the worker ended with exit status 1: FileNotFoundError: ")
    assert "\n" not in text


def test_the_job_folder_is_gone_afterwards() -> None:
    with job_folder([]) as (folder, _):
        assert folder.is_dir()
    assert not folder.exists()


def test_no_temporary_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(RunFailed, match=r"no temporary folder .*set TMPDIR"), job_folder([]):
        pass
