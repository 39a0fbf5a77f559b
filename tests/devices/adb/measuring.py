"""A small model, the target that runs it on a phone, and an app whose times are always the same."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgekd.catalog import find_targets
from edgekd.devices.adb.device import AdbDevice
from edgekd.devices.contract import Signature
from edgekd.files import sha256_of
from edgekd.target import Target
from tests.devices.adb.peer import APPLICATION, Phone
from tests.devices.adb.peer.application import Launch
from tests.devices.adb.peer.client import connect
from tests.devices.adb.peer.host_benchmark import host_benchmark

INPUTS, OUTPUTS = 8, 4
# As many as a run needs to be valid.
ITERATIONS = 500
REPETITIONS = 2
PEAK_BYTES = 50_000_000
PSS_BYTES = 30_000_000
PSS_BEFORE_BYTES = 20_000_000
NATIVE_HEAP_BYTES = 7_000_000
COLD_MS, WARM_MS = 12.0, 1.5


def write_model(path: Path) -> Path:
    """A matrix product of 8 by 4 as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    weights = np.arange(INPUTS * OUTPUTS, dtype=np.float32).reshape(INPUTS, OUTPUTS)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, INPUTS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, OUTPUTS])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    save(model, path)
    return path


def samples(count: int = 3) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Inputs of the model."""
    return [np.random.default_rng(0).standard_normal((count, INPUTS)).astype(np.float32)]


def phone_target(*phones: Phone, runtime: str = "onnx", **android: Any) -> Target:
    """The shipped target, with the stand-in's app, as few repetitions as may be, and its phones."""
    [target] = find_targets([f"android-arm64-{runtime}"])
    assert target.android is not None
    changes = {
        "application": APPLICATION,
        "serials": tuple(phone.serial for phone in phones),
        "iterations": ITERATIONS,
        "warmup": 5,
        "repetitions": REPETITIONS,
        **android,
    }
    return target.model_copy(update={"android": target.android.model_copy(update=changes)})


class DescribedOnce(AdbDevice):
    """The device, which reads a file's inputs and outputs only once: that takes a process."""

    def describe(self, artifact: Path, target: Target) -> Signature:
        return _described(artifact.read_bytes())


@cache
def _described(content: bytes) -> Signature:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        [target] = find_targets(["android-arm64-onnx"])
        return AdbDevice().describe(path, target)


def device(phone: Phone, *, resume: bool = False, **limits: Any) -> AdbDevice:
    """The device; where it waits for the phone, the cable is put back."""

    def sleep(seconds: float) -> None:
        connect(phone)

    return DescribedOnce(**{"sleep": sleep, "resume": resume, **limits})


def steady(launch: Launch) -> None:
    """An app that takes a tenth of a millisecond for each inference; its outputs are real."""
    if launch.text("pass") == "outputs":
        host_benchmark(launch)
        return
    launch.midway()
    launch.finish(json.dumps(steady_result(launch)).encode())


def steady_result(launch: Launch) -> dict[str, Any]:
    """What :func:`steady` writes."""
    count = launch.number("iterations")
    taken = [0.1 + index % 10 / 1000 for index in range(count)]
    found: dict[str, Any] = {}
    if launch.text("pass") == "latency":
        found = {
            "latency_ms": {
                "p50": float(np.median(taken)),
                "n": count,
                "warmup": launch.number("warmup"),
                "samples": taken,
            }
        }
    if launch.text("pass") == "memory":
        found = {
            "memory": {
                "pss_bytes": PSS_BYTES,
                "pss_before_bytes": PSS_BEFORE_BYTES,
                "native_heap_bytes": NATIVE_HEAP_BYTES,
                "peak_rss_bytes": PEAK_BYTES,
            }
        }
    return {
        "schema": 1,
        "run_id": launch.text("run_id"),
        "pass": launch.text("pass"),
        "application": "steady 1",
        "engine": {
            "name": launch.text("engine"),
            "version": "9.9",
            "delegate": launch.extras.get("delegate", "cpu"),
        },
        "load_ms": {"cold": COLD_MS, "warm": WARM_MS},
        "model_sha256": sha256_of(launch.files / launch.text("model")),
        "threads": launch.number("threads"),
        **found,
    }
