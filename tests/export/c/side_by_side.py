"""Many layers in one firmware, each with inputs of its own, compared with LiteRT.

Each output lies over its first input, as near as the layer's kernel says that it may.
"""

from __future__ import annotations

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
from edgekd.export.c.reader import read_graph
from edgekd.export.c.step import Flash, Overlay, Step
from edgekd.target import Budget
from tests.export.c.models import Array, ModelBuilder, builtin_ref

Add = Callable[[ModelBuilder, np.random.Generator], int]


def layers(add: Add, count: int) -> bytes:
    """A model of many layers, each made by ``add`` from the same random numbers in turn."""
    random, model = np.random.default_rng(7), ModelBuilder()
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
    file = folder / "model.tflite"
    file.write_bytes(model)
    graph = read_graph(file)
    steps = lower(graph, "dsp", flash)
    _write_library(graph, steps, folder)
    firmware = build_firmware(folder, target.model_copy(update={"budget": Budget()}))
    samples = _samples(graph)
    payloads = [b"".join(values.tobytes() for values in sample) for sample in samples]
    answers = run_emulator(firmware, payloads).answers
    for sample, answer in zip(samples, answers, strict=True):
        wanted = builtin_ref(model, sample)
        got = np.frombuffer(answer.outputs, np.int8)
        ends = np.cumsum([one.size for one in wanted])
        for step, here, there in zip(steps, np.split(got, ends[:-1]), wanted, strict=True):
            np.testing.assert_array_equal(here, there.reshape(-1), err_msg=str(step.operator))
    return steps


def _tight_plan(graph: Graph, steps: list[Step]) -> MemoryPlan:
    """Outputs over inputs, scratch behind all of them."""
    offsets: dict[int, int] = {}
    top = 0
    for step in steps:
        output, first = step.writes[0], step.reads[0]
        overlay = step.overlays.get(0, Overlay(graph.tensors[output].bytes))
        unit = math.lcm(overlay.multiple, 4)
        offsets[output] = top
        offsets[first] = top + -(-overlay.distance // unit) * unit
        top = max(offsets[one] + graph.tensors[one].bytes for one in (output, first))
        for other in step.reads[1:]:
            offsets[other] = top = -(-top // 16) * 16
            top += graph.tensors[other].bytes
        top = -(-top // 16) * 16
    scratch = {i: top for i, step in enumerate(steps) if step.scratch_bytes}
    bytes_needed = top + max(step.scratch_bytes for step in steps)
    return MemoryPlan(offsets, scratch, bytes_needed, bytes_needed, 0, ())


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
