"""Results that the app's core really writes, read by the harness and by the schema of both.

Both sides share ``edgekd/devices/adb/result.schema.json``. One JVM runs all starts, also the
broken ones: none may end it.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from edgekd.devices.adb.payloads import read_outputs
from edgekd.devices.adb.result import MAX_RESULT_BYTES, parse_result
from edgekd.devices.contract import Signature, TensorInfo
from edgekd.devices.tensors import quantize
from edgekd.files import sha256_of
from edgekd.measure.statistics import latency_summary
from tests.android.starts import (
    PROGRAM,
    QUANTIZED,
    RESULTS,
    SAMPLES,
    Starts,
    checked,
    classpath,
    write_bundle,
    write_files,
)
from tests.android.toolchain import run_java
from tests.full_disk import run_beside

# Name of a broken start: what differs from one that works, the reason, and what the message names.
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown engine": ({"engine": "tensorrt"}, "request", "extra engine"),
    "zero iterations": ({"iterations": 0}, "request", "extra iterations"),
    "no pass": ({"pass": None}, "request", "extra pass"),
    "threads as text": ({"threads": "1"}, "request", "extra threads"),
    "too many threads": ({"threads": 65}, "request", "extra threads"),
    "unknown delegate": ({"delegate": "npu"}, "request", "no delegate"),
    "misspelt": ({"warm_up": 1}, "request", "extra warm_up"),
    "outside": ({"model": "../../model"}, "request", "extra model"),
    "missing model": ({"model": "none"}, "model", "there is no file"),
    "truncated model": ({"model": "truncated"}, "model", "is no sum model"),
    "wrong hash": ({"sha256": "0" * 64}, "hash", "has the hash"),
    "wrong shape": ({"golden": "wide"}, "inputs", "input_0 holds float32 [1, 5]"),
    "wrong dtype": ({"golden": "double"}, "inputs", "float64"),
    "NaN": ({"golden": "nan"}, "inputs", "NaN"),
    "truncated golden": ({"golden": "cut"}, "inputs", "cut"),
    "golden without inputs": ({"golden": "named"}, "inputs", "input_0"),
    "missing golden": ({"golden": "none"}, "storage", "none"),
    "too many outputs": ({"model": "large", "pass": "outputs"}, "request", "fewer golden"),
    "missing bundle": ({"bundle": "x", "model": None}, "request", "extra golden"),
    "OutOfMemoryError": ({"model": "OutOfMemoryError"}, "memory", "no room"),
    "StackOverflowError": ({"model": "StackOverflowError"}, "engine", "StackOverflowError"),
    "UnsatisfiedLinkError": ({"model": "UnsatisfiedLinkError"}, "engine", "dlopen"),
    "NoClassDefFoundError": ({"model": "NoClassDefFoundError"}, "engine", "org/sum/Sum"),
    "IllegalStateException": ({"model": "IllegalStateException"}, "engine", "said no"),
    "InternalError": ({"model": "InternalError"}, "other", "mapped memory"),
    "AssertionError": ({"model": "AssertionError", "pass": "outputs"}, "other", "xxx"),
}
ITERATIONS = (1, 2, 99, 100, 101, 999, 1000, 1001, 5000)


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    """All starts on a disk with room."""
    folder = tmp_path_factory.mktemp("starts")
    files = write_files(folder / "files")
    write_bundle(files / "bundles" / "small")
    started = Starts(folder)
    for name, (changes, _, _) in BROKEN.items():
        started.add(name, files, **changes)
    for iterations in ITERATIONS:
        started.add(f"latency {iterations}", files, iterations=iterations)
    started.add("largest", files, model="silent", warmup=0, iterations=1_000_000)
    started.add("memory", files, **{"pass": "memory", "sha256": sha256_of(files / "sum")})
    started.add("outputs", files, **{"pass": "outputs", "iterations": 0, "delegate": "other"})
    started.add("two inputs", files, **{"pass": "outputs"}, model="two", golden="golden-two")
    by_hand = {"model": None, "golden": None, "engine": None, "bundle": "bundles/small"}
    started.add("bundle", files, **by_hand, **{"pass": "outputs"})
    started.add("no run", files, run_id="../../x")
    done = run_java(PROGRAM, classpath(), [started.listed()])
    assert done.returncode == 0, done.stderr
    started.ended(done.stdout)
    return started


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_start_leaves_its_reason(starts: Starts, name: str) -> None:
    _, reason, told = BROKEN[name]
    error = starts.result(name).error
    assert error is not None
    assert error.reason == reason
    assert told in error.message
    assert "\n" not in error.message


def test_a_start_that_cannot_be_named(starts: Starts) -> None:
    assert starts.lines["no run"].startswith("EDGEKD_FAILED request: extra run_id")
    written = {path.name for path in starts.path("memory").parent.iterdir()}
    names = [name for name in starts.lines if name != "no run"]
    assert written == {starts.path(name).name for name in names}


@pytest.mark.parametrize("iterations", ITERATIONS)
def test_percentiles_are_those_of_numpy(starts: Starts, iterations: int) -> None:
    timed = starts.result(f"latency {iterations}").latency_ms
    assert timed is not None
    assert (timed.n, timed.warmup) == (iterations, 2)
    expected = latency_summary(np.array(timed.samples), timed.warmup, threads=1)
    assert (timed.p50, timed.p90, timed.p99) == (expected.p50, expected.p90, expected.p99)


def test_the_largest_latency_pass(starts: Starts) -> None:
    # A million samples take jsonschema long: what the schema is made from checks them alone.
    data = starts.path("largest").read_bytes()
    timed = parse_result(data, starts.run_id("largest")).latency_ms
    assert timed is not None
    assert timed.p50 == np.percentile(timed.samples, 50)
    assert len(data) < MAX_RESULT_BYTES / 2


def test_what_a_start_tells_of_itself(starts: Starts) -> None:
    result = starts.result("memory")
    assert result.application == "core tests 1"
    assert result.engine is not None
    assert result.engine.model_dump() == {"name": "onnx", "version": "sum 1", "delegate": "plain"}
    assert result.memory is not None
    assert result.memory.pss_bytes == result.memory.pss_before_bytes == 2_000_000
    assert result.device is not None
    assert result.device.cpu_features == ["fp", "asimd"]
    assert result.conditions is not None
    assert result.conditions.thermal_status == 2
    assert result.conditions.foreground
    model = starts.path("memory").parents[2] / "sum"
    assert result.model_sha256 == sha256_of(model)
    load = starts.result("latency 1").load_ms
    assert load is not None
    assert load.warm is not None


def test_outputs_arrive_bit_for_bit(starts: Starts) -> None:
    result = starts.result("outputs")
    assert result.engine is not None
    assert result.engine.delegate == "other"
    infos = [
        TensorInfo(name=name, shape=[1, size], dtype="float32")
        for name, size in (("sum", 1), ("same", 4))
    ]
    signature = Signature(inputs=infos[1:], outputs=infos)
    sums, same = read_outputs(result, signature, len(SAMPLES))
    np.testing.assert_array_equal(same, SAMPLES)
    np.testing.assert_allclose(sums, SAMPLES.sum(axis=1, keepdims=True), rtol=1e-5)


def test_a_bundle_by_hand(starts: Starts) -> None:
    result = starts.result("bundle")
    assert result.engine is not None
    assert result.engine.name == "onnx"
    assert result.outputs is not None
    same = result.outputs[1]
    assert (same.dtype, same.shape) == ("int8", [5, 4])
    stored = np.frombuffer(base64.b64decode(same.data), np.int8).reshape(5, 4)
    np.testing.assert_array_equal(stored, quantize(SAMPLES, QUANTIZED))


def test_two_inputs(starts: Starts) -> None:
    outputs = starts.result("two inputs").outputs
    assert outputs is not None
    sums = np.frombuffer(base64.b64decode(outputs[0].data), "<f4")
    ids = np.arange(10).reshape(5, 2).sum(axis=1)
    np.testing.assert_allclose(sums, SAMPLES.sum(axis=1) + ids, rtol=1e-5)


@pytest.fixture(scope="module")
def full_disks(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    """The same on disks of 4 KiB pages, of which model and samples take two.

    The room that is reserved for an error takes two more.
    """
    folder = tmp_path_factory.mktemp("disks")
    source = write_files(folder / "files")
    started = Starts(folder)
    # What is on such a disk is seen only inside the namespace: kept is a copy.
    disks, before, after = {}, [], []
    for pages in (2, 3, 4):
        disk = folder / f"disk {pages}"
        disk.mkdir()
        disks[disk] = 4 * pages
        started.add(f"{pages} pages", disk)
        before.append(["cp", source / "sum", source / "golden", disk])
        after.append(["cp", "-r", disk, folder / f"{pages} pages"])
    jars = ":".join(map(str, classpath()))
    program = ["java", "-XX:-UsePerfData", "-cp", jars, PROGRAM, started.listed()]
    done = run_beside(disks, [*before, program, *after])
    assert done.returncode == 0, done.stderr
    started.ended(done.stdout)
    return started


def test_a_full_disk_is_told(full_disks: Starts) -> None:
    for name in ("3 pages", "4 pages"):
        [path] = (full_disks.folder / name / RESULTS).iterdir()
        run_id = full_disks.run_id(name)
        assert path.name == f"{run_id}.json"
        assert full_disks.lines[name] == f"EDGEKD_DONE {run_id}"
        error = checked(path.read_bytes(), run_id).error
        assert error is not None
        assert error.reason == "storage"
        assert "No space left on device" in error.message


def test_a_disk_without_any_room_is_told_in_the_log(full_disks: Starts) -> None:
    line = full_disks.lines["2 pages"]
    assert line.startswith(f"EDGEKD_FAILED {full_disks.run_id('2 pages')} storage: ")
    assert "No space left on device" in line
    assert not list((full_disks.folder / "2 pages" / RESULTS).iterdir())
