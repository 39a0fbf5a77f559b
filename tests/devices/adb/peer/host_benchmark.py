"""What the app would do, done with the real runtimes of this machine.

The figures are those of this machine, and the phone says by a property that it is a stand-in.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from edgekd.devices.contract import Array
from edgekd.devices.runtimes import LoadedModel, open_runtime
from edgekd.devices.tensors import random_inputs, sample_shape
from edgekd.errors import EdgekdError
from edgekd.files import sha256_of
from edgekd.measure.memory import peak_resident_bytes
from tests.devices.adb.peer.application import Launch

APPLICATION = "stand-in 1"


def host_benchmark(launch: Launch) -> None:
    """Do the pass that the intent asks for, and write the result of the contract."""
    path = launch.files / launch.text("model")
    result: dict[str, Any] = {
        "schema": 1,
        "run_id": launch.text("run_id"),
        "pass": launch.text("pass"),
        "application": APPLICATION,
        "engine": {"name": launch.text("engine")},
        "threads": launch.number("threads"),
    }
    seen = [_conditions(launch)]
    try:
        result |= _figures(launch, path)
    except EdgekdError as error:
        result["error"] = {"reason": "model", "message": str(error)}
    seen.append(_conditions(launch))
    result["device"] = {
        "soc": launch.state.properties["ro.soc.model"],
        "cpu_features": launch.state.cpu_features.split(),
        "page_bytes": launch.state.page_bytes,
    }
    result["conditions"] = _worst(seen)
    launch.finish(json.dumps(result).encode())


def _figures(launch: Launch, path: Path) -> dict[str, Any]:
    begun = time.perf_counter_ns()
    runtime = open_runtime(launch.text("engine"), launch.number("threads"))
    model = runtime.load(path, reference=False)
    loaded = (time.perf_counter_ns() - begun) / 1e6
    return {
        "model_sha256": sha256_of(path),
        "load_ms": {"cold": loaded},
        **_PASSES[launch.text("pass")](launch, model, _samples(launch, model)),
    }


def _latency(launch: Launch, model: LoadedModel, samples: list[Array]) -> dict[str, Any]:
    warmup, iterations = launch.number("warmup"), launch.number("iterations")
    taken: list[float] = []
    for index in range(warmup + iterations):
        if index == warmup + iterations // 2:
            launch.midway()
        _prepare(model, samples, index % len(samples[0]))
        begun = time.perf_counter_ns()
        model.invoke()
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    kept = taken[warmup:]
    p50, p90, p99 = (float(np.percentile(kept, percent)) for percent in (50, 90, 99))
    figures = {"p50": p50, "p90": p90, "p99": p99, "n": len(kept), "warmup": warmup}
    return {"latency_ms": {**figures, "samples": kept}}


def _memory(launch: Launch, model: LoadedModel, samples: list[Array]) -> dict[str, Any]:
    for index in range(launch.number("iterations")):
        _prepare(model, samples, index % len(samples[0]))
        model.invoke()
    return {"memory": {"peak_rss_bytes": peak_resident_bytes()}}


def _outputs(launch: Launch, model: LoadedModel, samples: list[Array]) -> dict[str, Any]:
    rows: list[list[Array]] = []
    for index in range(len(samples[0])):
        _prepare(model, samples, index)
        model.invoke()
        rows.append(model.results())
    outputs = []
    for info, results in zip(model.signature.outputs, zip(*rows, strict=True), strict=True):
        stacked = np.stack(results).reshape(len(rows), *sample_shape(info))
        data = base64.b64encode(stacked.tobytes()).decode()
        shape = list(stacked.shape)
        outputs.append({"name": info.name, "dtype": info.dtype, "shape": shape, "data": data})
    return {"outputs": outputs}


_PASSES: dict[str, Callable[[Launch, LoadedModel, list[Array]], dict[str, Any]]] = {
    "latency": _latency,
    "memory": _memory,
    "outputs": _outputs,
}


def _prepare(model: LoadedModel, samples: list[Array], index: int) -> None:
    infos = model.signature.inputs
    model.prepare([s[index].reshape(i.shape) for s, i in zip(samples, infos, strict=True)])


def _samples(launch: Launch, model: LoadedModel) -> list[Array]:
    golden = launch.text("golden")
    if not golden:
        return random_inputs(model.signature.inputs, 1, seed=0)
    tensors = load_file(launch.files / golden)
    return [tensors[f"input_{index}"] for index in range(len(model.signature.inputs))]


def _conditions(launch: Launch) -> dict[str, Any]:
    state = launch.state
    heat = {} if state.thermal_status is None else {"thermal_status": state.thermal_status}
    return {
        **heat,
        "battery_percent": state.battery.percent,
        "battery_celsius": state.battery.celsius,
        "foreground": state.screen_on,
    }


def _worst(seen: list[dict[str, Any]]) -> dict[str, Any]:
    lowest = {"battery_percent", "foreground"}
    return {name: (min if name in lowest else max)(one[name] for one in seen) for name in seen[0]}
