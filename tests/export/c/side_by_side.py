"""Many layers in one firmware, each with inputs of its own, compared with LiteRT.

Each output lies over its first input, as near as the layer's kernel says that it may.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgekd.catalog import find_targets
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.export.c.emit.header import model_descriptors, model_header
from edgekd.export.c.emit.source import model_source
from edgekd.export.c.graph import Graph
from edgekd.export.c.lowering import lower
from edgekd.export.c.memory import MemoryPlan
from edgekd.export.c.reader import parse_graph, read_graph
from edgekd.export.c.step import Flash, Overlay, Step
from edgekd.target import Budget
from tests.export.c.models import Array, ModelBuilder, builtin_ref

_ALIGNMENT = 16
Add = Callable[[ModelBuilder, np.random.Generator], int]


def layers(add: Add, count: int, seed: int = 7) -> bytes:
    """A model of many layers, each made by ``add`` from the same random numbers in turn."""
    random, model = np.random.default_rng(seed), ModelBuilder()
    return model.build([add(model, random) for _ in range(count)])


def assert_equals_litert(model: bytes, core: str, flash: Flash, folder: Path) -> list[Step]:
    """Every output on an emulated core is LiteRT's, to the bit.

    Args:
        model: see :func:`layers`.
        core: name of a target.
        flash: as for :func:`edgekd.export.c.lowering.lower`.
        folder: to write into.

    Returns:
        The steps that the layers became.
    """
    [target] = find_targets([core])
    assert target.microcontroller is not None
    file = folder / "model.tflite"
    file.write_bytes(model)
    graph = read_graph(file)
    steps = lower(graph, target.microcontroller.instructions, flash)
    _write_library(graph, steps, folder)
    firmware = build_firmware(folder, target.model_copy(update={"budget": Budget()}))
    payloads = [b"".join(values.tobytes() for values in sample) for sample in _samples(graph)]
    answers = run_emulator(firmware, payloads).answers
    for answer, outputs in zip(answers, _wanted(model), strict=True):
        got = np.frombuffer(answer.outputs, np.int8)
        ends = np.cumsum([one.size for one in outputs])
        for step, here, there in zip(steps, np.split(got, ends[:-1]), outputs, strict=True):
            np.testing.assert_array_equal(here, there.reshape(-1), err_msg=str(step.operator))
    return steps


def _tight_plan(graph: Graph, steps: list[Step]) -> MemoryPlan:
    """Each output as near over its first input as it may lie; scratch behind all of them."""
    offsets: dict[int, int] = {}
    top = 0
    for step in steps:
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
        top = _aligned(top)
    scratch = {i: top for i, step in enumerate(steps) if step.scratch_bytes}
    bytes_needed = top + max(step.scratch_bytes for step in steps)
    return MemoryPlan(offsets, scratch, bytes_needed, bytes_needed, 0, ())


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _write_library(graph: Graph, steps: list[Step], folder: Path) -> None:
    plan = _tight_plan(graph, steps)
    source = model_source("", graph, steps, plan, model_descriptors(graph, plan))
    (folder / "model.h").write_text(model_header("", graph, plan))
    (folder / "model.c").write_text(source)


def _samples(graph: Graph) -> list[list[Array]]:
    """Random values, then only the least and the greatest, then each of these everywhere."""
    random = np.random.default_rng(3)
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    return [
        [np.asarray(values(shape)).astype(np.int8) for shape in shapes]
        for values in (
            lambda shape: random.integers(-128, 128, shape),
            lambda shape: random.choice([-128, 127], shape),
            lambda shape: np.full(shape, -128),
            lambda shape: np.full(shape, 127),
        )
    ]


@functools.lru_cache(maxsize=1)
def _wanted(model: bytes) -> list[list[Array]]:
    """For each sample the output of each layer."""
    return [builtin_ref(model, sample) for sample in _samples(parse_graph(model, "layers"))]
