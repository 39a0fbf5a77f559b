"""MVE kernels on an emulated Cortex-M55 give what LiteRT gives.

One firmware holds many random layers of a kind side by side, each with an input and an output of
its own. Each output lies over its input as near as the kernel says that it may.
"""

from __future__ import annotations

import functools
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekd.catalog import find_targets
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.export.c.emit.header import model_descriptors, model_header
from edgekd.export.c.emit.source import model_source
from edgekd.export.c.graph import Graph
from edgekd.export.c.lowering import lower
from edgekd.export.c.memory import MemoryPlan
from edgekd.export.c.reader import read_graph
from edgekd.export.c.step import Overlay, Step
from edgekd.target import Budget
from tests.export.c import model_operators as ops
from tests.export.c.models import (
    Array,
    ModelBuilder,
    builtin_ref,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
)

_SCALE = 0.05
_SAMPLES = 4
_ALIGNMENT = 16
Add = Callable[[ModelBuilder, np.random.Generator], int]

emulated = pytest.mark.skipif(
    not all(map(shutil.which, ("qemu-system-arm", "arm-none-eabi-gcc"))),
    reason="the emulator and the cross compiler are not installed",
)


def _pick(random: np.random.Generator, *choices: int) -> int:
    return int(random.choice(choices))


def _filters(
    random: np.random.Generator, shape: tuple[int, ...], channels: int, dtype: str = "int8"
) -> tuple[Array, list[float], Array]:
    """Weights, their scales and biases; a few channels are far off, or constant."""
    limit = 8 if dtype == "int4" else 128
    scales = random.uniform(0.002, 0.008, channels) * 128 / limit
    scales[random.random(channels) < 0.05] *= 1e-4
    bias = random.integers(-3000, 3000, channels)
    bias[random.random(channels) < 0.02] = -(2**28)
    weights = random.integers(-limit, limit, shape).astype(np.int8)
    return weights, [float(scale) for scale in scales], bias


def _output(random: np.random.Generator, terms: int) -> dict[str, float | int | str]:
    """A scale with which a few outputs saturate, and how the range lies."""
    scale = float(0.025 * np.sqrt(terms) * random.uniform(0.3, 3.0))
    ranges = [("RELU", -128), ("RELU", -128), ("NONE", 11), ("NONE", -128), ("RELU", -40)]
    fused, zero_point = [*ranges, ("RELU6", -128), ("RELU_N1_TO_1", 3)][int(random.integers(7))]
    return {"scale": scale, "zero_point": zero_point, "fused": fused}


def _convolution(kernels: tuple[int, ...], channels: tuple[int, ...], dtype: str = "int8") -> Add:
    def add(model: ModelBuilder, random: np.random.Generator) -> int:
        height, width = _pick(random, 1, 4, 7, 9), _pick(random, 1, 2, 5, 8, 11, 21)
        inputs, outputs = _pick(random, *channels), _pick(random, 2, 3, 8, 9, 16, 30)
        kernel = (_pick(random, *kernels), _pick(random, *kernels))
        fits = kernel[0] <= height and kernel[1] <= width
        dilation = (2 if kernel[0] * 2 - 1 <= height and random.random() < 0.2 else 1, 1)
        image = model.input((1, height, width, inputs), _SCALE, _pick(random, -128, 5, 127))
        weights, scales, bias = _filters(random, (outputs, *kernel, inputs), outputs, dtype)
        return conv_2d(
            model,
            image,
            weights,
            scales,
            bias,
            stride=(_pick(random, 1, 2), _pick(random, 1, 2, 3)),
            dilation=dilation,
            padding="VALID" if fits and dilation == (1, 1) and random.random() < 0.4 else "SAME",
            dtype=dtype,
            **_output(random, weights[0].size),  # type: ignore[arg-type]
        )

    return add


def _depthwise(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 1, 3, 4, 7, 12, 25), _pick(random, 2, 3, 5, 6, 11, 48)
    kernel = (min(height, _pick(random, 1, 2, 3, 3, 3)), min(width, _pick(random, 1, 2, 3, 3, 3)))
    channels, stride = _pick(random, 1, 2, 3, 8, 17), _pick(random, 1, 1, 2)
    image = model.input((1, height, width, channels), _SCALE, _pick(random, -128, 5, 127))
    weights, scales, bias = _filters(random, (1, *kernel, channels), channels)
    fused, zero_point = [("RELU", -128), ("NONE", 11), ("NONE", -128)][_pick(random, 0, 1, 2)]
    return depthwise_conv_2d(
        model,
        image,
        weights,
        scales,
        bias,
        stride=(stride, stride),
        padding=str(random.choice(["VALID", "SAME"])),
        scale=float(0.075 * random.uniform(0.3, 3.0)),
        zero_point=zero_point,
        fused=fused,
    )


def _fully_connected(model: ModelBuilder, random: np.random.Generator) -> int:
    rows, inputs = _pick(random, 1, 1, 3), _pick(random, 1, 8, 15, 16, 31, 64, 131, 320)
    source = model.input((rows, inputs), _SCALE, _pick(random, -128, 5, 127))
    outputs = _pick(random, 1, 2, 3, 8, 10, 16, 24)
    weights, scales, bias = _filters(random, (outputs, inputs), outputs)
    return fully_connected(
        model,
        source,
        weights,
        scales if random.random() < 0.4 else max(scales),
        bias,
        **_output(random, inputs),  # type: ignore[arg-type]
    )


def _elementwise(model: ModelBuilder, random: np.random.Generator) -> int:
    shape = (1, _pick(random, 1, 3), _pick(random, 5, 8), _pick(random, 1, 3, 4))
    one, other = (
        model.input(shape, float(random.uniform(0.01, 0.2)), _pick(random, -128, 4, 30))
        for _ in range(2)
    )
    kind = str(random.choice(["ADD", "SUB", "MUL"]))
    fused, zero_point = [("RELU", -128), ("NONE", 3), ("RELU", -9)][_pick(random, 0, 1, 2)]
    scale = 0.31 if kind == "MUL" else 0.17
    return ops.binary(model, kind, one, other, scale=scale, zero_point=zero_point, fused=fused)


def _pooling(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 3, 5, 16), _pick(random, 2, 5, 16)
    image = model.input((1, height, width, _pick(random, 1, 4, 12, 17, 40)), _SCALE, -7)
    if random.random() < 0.3:
        return ops.reduction(model, "MEAN", image, [1, 2], keep_dims=bool(random.random() < 0.5))
    whole = random.random() < 0.3
    kernel = (height, width) if whole else (_pick(random, 1, 2, 3), _pick(random, 1, 2))
    kind = str(random.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    padding = "VALID" if whole else str(random.choice(["VALID", "SAME"]))
    stride = (_pick(random, 1, 2), _pick(random, 1, 2))
    return ops.pool_2d(model, kind, image, kernel, stride=stride, padding=padding)


_LAYERS: dict[str, tuple[Add, int, float]] = {
    # How to make one, how many, and the least part of them that vector kernels must take.
    "pointwise": (_convolution((1,), (1, 3, 8, 16, 17, 32, 70)), 40, 0.9),
    "narrow convolution": (_convolution((1, 2, 3, 5), (1, 2, 3, 5, 8)), 40, 0.9),
    "wide convolution": (_convolution((2, 3), (16, 17, 48)), 30, 0.9),
    "4-bit convolution": (_convolution((1, 3), (2, 16, 70), "int4"), 40, 0.6),
    "depthwise": (_depthwise, 50, 0.9),
    "fully connected": (_fully_connected, 40, 0.9),
    "elementwise": (_elementwise, 30, 0.9),
    "pooling": (_pooling, 30, 0.9),
}


@functools.cache
def _model(kind: str) -> bytes:
    """Many layers side by side, each with inputs of its own."""
    add, count, _ = _LAYERS[kind]
    random, model = np.random.default_rng(5), ModelBuilder()
    return model.build([add(model, random) for _ in range(count)])


def _steps(kind: str) -> tuple[Graph, list[Step]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(_model(kind))
        graph = read_graph(file)
    return graph, lower(graph, "mve", "size")


def _tight_plan(graph: Graph, steps: list[Step]) -> MemoryPlan:
    """Each output as near over its first input as it may lie; what else there is lies behind."""
    offsets: dict[int, int] = {}
    scratch: dict[int, int] = {}
    top = 0
    for number, step in enumerate(steps):
        [output], first = step.writes, step.reads[0]
        overlay = step.overlays.get(0, Overlay(graph.tensors[output].bytes))
        unit = math.lcm(overlay.multiple, 4)
        # Beyond the end of either tensor there is nothing to lie over.
        furthest = graph.tensors[output].bytes // unit * unit
        behind = max(-furthest, -(-overlay.distance // unit) * unit)
        offsets[output], offsets[first] = top + max(0, -behind), top + max(0, behind)
        top = max(offsets[one] + graph.tensors[one].bytes for one in (output, first))
        for other in step.reads[1:]:
            offsets[other] = top = _aligned(top)
            top += graph.tensors[other].bytes
        if step.scratch_bytes:
            scratch[number] = top = _aligned(top)
            top += step.scratch_bytes
        top = _aligned(top)
    return MemoryPlan(offsets, scratch, top, top, 0, ())


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _inputs(graph: Graph) -> list[Array]:
    """Random values, then only the least and the greatest, then each of these everywhere."""
    random = np.random.default_rng(3)
    found = []
    for index in graph.inputs:
        shape = graph.tensors[index].shape
        samples = [
            random.integers(-128, 128, shape),
            random.choice([-128, 127], shape),
            np.full(shape, -128),
            np.full(shape, 127),
        ]
        found.append(np.stack(samples).astype(np.int8))
    return found


@emulated
@pytest.mark.parametrize("kind", _LAYERS)
def test_kernels_equal_litert(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    [target] = find_targets(["cortex-m55"])
    graph, steps = _steps(kind)
    taken = [step.variant.startswith("mve") for step in steps]
    assert np.mean(taken) >= _LAYERS[kind][2]
    plan = _tight_plan(graph, steps)
    source = model_source("", graph, steps, plan, model_descriptors(graph, plan))
    (tmp_path / "model.h").write_text(model_header("", graph, plan))
    (tmp_path / "model.c").write_text(source)

    inputs = _inputs(graph)
    samples = [[values[sample] for values in inputs] for sample in range(_SAMPLES)]
    firmware = build_firmware(tmp_path, target.model_copy(update={"budget": Budget()}))
    payloads = [b"".join(values.tobytes() for values in sample) for sample in samples]
    for answer, sample in zip(run_emulator(firmware, payloads).answers, samples, strict=True):
        outputs = builtin_ref(_model(kind), sample)
        ends = np.cumsum([one.size for one in outputs])
        got = np.split(np.frombuffer(answer.outputs, np.int8), ends[:-1])
        for step, here, there in zip(steps, got, outputs, strict=True):
            np.testing.assert_array_equal(here, there.reshape(-1), err_msg=str(step.operator))
