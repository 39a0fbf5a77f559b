"""The app of the stand-in: started by the real ``adb``, it runs the real runtime."""

from __future__ import annotations

import base64
import json
import shlex
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgekd.devices.adb.result import parse_result
from edgekd.files import sha256_of
from tests.devices.adb.peer import APPLICATION, Phone, PhoneState, application
from tests.devices.adb.peer.application import AppFault
from tests.devices.adb.peer.client import call_adb

RUN_ID = "0123456789abcdef" * 2
FILES = f"/data/data/{APPLICATION}/files"
RESULT = f"files/edgekd-bench/results/{RUN_ID}.json"
SAMPLES = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def placed(phone: Phone) -> Phone:
    """A phone that holds a model, which doubles, and golden inputs."""
    import onnx
    from onnx import TensorProto, helper

    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "double", tensors[:1], tensors[1:])
    opset = helper.make_opsetid("", 20)
    folder = phone.path(FILES)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), folder / "m.onnx")
    save_file({"input_0": SAMPLES}, folder / "golden.safetensors")
    return phone


def start(which: str, model: str = "m.onnx") -> str:
    texts = {"run_id": RUN_ID, "pass": which, "model": model, "engine": "onnx"}
    texts["golden"] = "golden.safetensors"
    numbers = {"threads": "1", "warmup": "2", "iterations": "10"}
    words = ["am", "start", "-W", "-S", "-n", f"{APPLICATION}/.BenchmarkActivity"]
    words += [word for name, text in texts.items() for word in ("--es", name, text)]
    words += [word for name, number in numbers.items() for word in ("--ei", name, number)]
    return call_adb("shell", shlex.join(words)).stdout.decode()


def wait() -> None:
    call_adb("shell", f"logcat -m 1 -e '^EDGEKD_DONE {RUN_ID}$'")


def result_bytes() -> bytes:
    return call_adb("exec-out", f"run-as {APPLICATION} cat {RESULT}").stdout


@pytest.mark.parametrize("which", ["latency", "memory", "outputs"])
def test_a_pass_gives_a_result_of_the_contract(placed: Phone, which: str) -> None:
    assert "Status: ok" in start(which)
    wait()
    result = parse_result(result_bytes(), RUN_ID)
    assert result.error is None
    assert result.model_sha256 == sha256_of(placed.path(f"{FILES}/m.onnx"))
    if which == "latency":
        assert result.latency_ms is not None
        assert result.latency_ms.n == 10
    if which == "outputs":
        assert result.outputs is not None
        data = base64.b64decode(result.outputs[0].data)
        assert result.outputs[0].shape == [3, 4]
        assert np.array_equal(np.frombuffer(data, np.float32), 2 * SAMPLES.ravel())


def test_a_model_that_is_none_is_an_error_result(placed: Phone) -> None:
    placed.path(f"{FILES}/bad.onnx").write_bytes(b"no model")
    start("latency", "bad.onnx")
    wait()
    result = parse_result(result_bytes(), RUN_ID)
    assert result.error is not None
    assert result.error.reason == "model"


def test_a_missing_app_is_an_error_with_status_0(phone: Phone) -> None:
    phone.state.packages.clear()
    answer = call_adb("shell", f"am start -W -n {APPLICATION}/.BenchmarkActivity")
    assert answer.returncode == 0
    assert b"does not exist" in answer.stderr
    assert b"Status: ok" not in answer.stdout


def whole(result: bytes) -> bool:
    try:
        json.loads(result)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (application.truncated(), lambda result: not whole(result)),
        (application.other_run_id(), lambda result: json.loads(result)["run_id"] == "0" * 32),
        (application.oversized(2_000_000), lambda result: len(result) == 2_000_000),
        (application.no_result(), lambda result: b"No such file" in result),
    ],
    ids=["truncated", "other run", "oversized", "none"],
)
def test_a_wrong_result(placed: Phone, fault: AppFault, shown: Any) -> None:
    placed.application.faults[0] = fault
    start("memory")
    wait()
    assert shown(result_bytes())
    start("memory")
    placed.application.wait()
    assert parse_result(placed.path(f"{FILES}/{RESULT[6:]}").read_bytes(), RUN_ID)


def test_no_log_line(placed: Phone) -> None:
    placed.application.faults[0] = application.no_log_line()
    start("memory")
    placed.application.wait()
    assert parse_result(result_bytes(), RUN_ID)
    assert call_adb("shell", "logcat -d").stdout == b""


def test_the_phone_throttles_in_the_middle(placed: Phone) -> None:
    def throttle(state: PhoneState) -> None:
        state.thermal_status, state.battery.percent, state.screen_on = 3, 4, False

    placed.application.faults[0] = application.midway(throttle)
    start("latency")
    wait()
    seen = parse_result(result_bytes(), RUN_ID).conditions
    assert seen is not None
    assert (seen.thermal_status, seen.battery_percent, seen.foreground) == (3, 4, False)


def test_the_app_crashes(placed: Phone) -> None:
    placed.application.faults[0] = application.crashes()
    start("latency")
    call_adb("shell", "logcat -m 1 -e FATAL")
    placed.application.wait()
    assert call_adb("shell", f"pidof {APPLICATION}").returncode == 1
    assert b"No such file" in result_bytes()


def test_the_app_hangs_until_it_is_stopped(placed: Phone) -> None:
    placed.application.faults[0] = application.hangs()
    start("latency")
    assert call_adb("shell", f"pidof {APPLICATION}").stdout == b"4242\n"
    assert call_adb("shell", f"am force-stop {APPLICATION}").returncode == 0
    assert call_adb("shell", f"pidof {APPLICATION}").returncode == 1
    assert b"No such file" in result_bytes()


def test_a_full_phone_takes_no_result(placed: Phone) -> None:
    placed.state.free_bytes = 0
    start("memory")
    call_adb("shell", "logcat -m 1 -e FATAL")
    placed.application.wait()
    assert "No space left" in str(placed.application.problems.pop())


def test_a_benchmark_of_the_tests_own(phone: Phone) -> None:
    phone.application.benchmark = lambda launch: launch.finish(launch.text("engine").encode())
    start("latency")
    wait()
    assert result_bytes() == b"onnx"
    assert phone.application.launches[0].extras["warmup"] == 2
