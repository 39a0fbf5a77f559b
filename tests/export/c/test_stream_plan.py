"""Streamed libraries compute what LiteRT computes, in the memory and where it was promised."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekd.export.c.emit.header import model_descriptors, model_header
from edgekd.export.c.emit.source import model_source
from edgekd.export.c.generate import Library, generate
from edgekd.export.c.lowering import lower
from edgekd.export.c.memory import plan_memory
from edgekd.export.c.memory_check import verify_plan
from edgekd.export.c.passes import run_passes
from edgekd.export.c.reader import read_graph
from edgekd.export.c.step import Instructions, Step
from edgekd.export.c.stream_plan import plan_streams
from edgekd.export.c.streaming import stream_group
from edgekd.export.c.streaming_step import RowLowering, lowered_calls, streamed_step
from tests.conftest import MLPERF_TINY
from tests.export.c import model_operators as ops
from tests.export.c import models
from tests.export.c.host_library import build_for_host, random_inputs
from tests.export.c.models import ModelBuilder, builtin_ref

SANITIZERS = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
needs_models = pytest.mark.skipif(
    not MLPERF_TINY.exists(), reason="the MLPerf Tiny models are not here"
)
_CHANNELS = 4
_SMALLEST = 1  # bytes of RAM: whatever is streamed, it is not enough


def random_stack(seed: int) -> bytes:
    """Layers on an image, some of them added to earlier ones of the same size."""
    draw = np.random.default_rng(seed)
    model = ModelBuilder()
    height, width = (int(size) for size in draw.integers(4, 14, 2))
    images = [model.input((1, height, width, _CHANNELS), 0.05, int(draw.integers(-128, 128)))]
    for _ in range(int(draw.integers(2, 7))):
        images.append(_layer(model, draw, images))
    return model.build([images[-1]])


def _layer(model: ModelBuilder, draw: np.random.Generator, images: list[int]) -> int:
    image = images[-1]
    same = [one for one in images if model.shape(one) == model.shape(image)]
    kind = draw.choice(["convolution", "depthwise", "pool", "add", "logistic"])
    stride = (int(draw.integers(1, 3)),) * 2
    padding = str(draw.choice(["SAME", "VALID"])) if min(model.shape(image)[1:3]) > 3 else "SAME"
    kernel = (int(draw.integers(1, 4)), int(draw.integers(1, 4)))
    if kind == "add":
        return ops.binary(model, "ADD", int(draw.choice(same)), image, scale=0.07, zero_point=3)
    if kind == "logistic":
        return ops.unary(model, "HARD_SWISH", image, scale=0.04, zero_point=-7)
    if kind == "pool":
        pooling = str(draw.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        return ops.pool_2d(model, pooling, image, kernel, stride=stride, padding=padding)
    outer = 1 if kind == "depthwise" else _CHANNELS
    weights = draw.integers(-127, 128, (outer, *kernel, _CHANNELS)).astype(np.int8)
    add = models.depthwise_conv_2d if kind == "depthwise" else models.conv_2d
    return add(
        model,
        image,
        weights,
        [float(scale) for scale in draw.uniform(0.001, 0.01, _CHANNELS)],
        draw.integers(-900, 900, _CHANNELS).astype(np.int32),
        scale=0.06,
        zero_point=int(draw.choice([-128, 2])),
        stride=stride,
        padding=padding,
        fused=str(draw.choice(["NONE", "RELU"])),
    )


def streamed_library(content: bytes, folder: Path, rows_at_once: int) -> Library:
    """With the longest groups that can be, whether that lowers the peak or not."""
    file = folder / "model.tflite"
    file.write_bytes(content)
    library = generate(file, "plain", "size")
    graph, rows = library.graph, RowLowering(library.graph, "plain", "size")
    whole = lower(graph, "plain", "size")
    steps: list[Step] = []
    first = 0
    while first < len(whole):
        last, step = first, whole[first]
        for end in range(len(whole) - 1, first, -1):
            group = stream_group(graph, whole, first, end, rows_at_once)
            forms = lowered_calls(group, rows) if group else None
            if group and forms:
                last, step = end, streamed_step(group, forms, graph)
                break
        steps.append(step)
        first = last + 1
    plan = plan_memory(graph, steps)
    files = {
        **library.files,
        "model.h": model_header("", graph, plan),
        "model.c": model_source("", graph, steps, plan, model_descriptors(graph, plan)),
    }
    return Library(files, graph, steps, plan, library.passes)


def _is_streamed(library: Library) -> bool:
    return any("layers by rows" in step.variant for step in library.steps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), rows_at_once=st.integers(0, 4))
def test_a_streamed_stack_equals_the_reference(seed: int, rows_at_once: int) -> None:
    content = random_stack(seed)
    with tempfile.TemporaryDirectory() as name:
        library = streamed_library(content, Path(name), rows_at_once)
        assume(_is_streamed(library))
        compiled = build_for_host(library, Path(name) / "c", *SANITIZERS)
        assert verify_plan(library.graph, library.steps, library.plan) == []
        for sample in range(3):
            inputs = random_inputs(library, sample)
            for ours, theirs in zip(
                compiled.run(inputs), builtin_ref(content, inputs), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)


@needs_models
@pytest.mark.parametrize(
    ("name", "instructions", "streamed"),
    [
        ("ic", "plain", True),
        ("ic", "dsp", True),
        ("ic", "mve", True),
        ("vww", "dsp", True),
        ("kws", "dsp", False),
        ("ad", "dsp", False),
    ],
)
def test_real_models_are_streamed_where_that_pays(
    name: str, instructions: Instructions, streamed: bool
) -> None:
    graph, _ = run_passes(read_graph(MLPERF_TINY / f"{name}_int8.tflite"))
    steps = lower(graph, instructions, "size")
    rows = RowLowering(graph, instructions, "size")
    usual = plan_streams(graph, steps, rows)
    smallest = plan_streams(graph, steps, rows, _SMALLEST)

    assert verify_plan(graph, usual.steps, usual.memory) == []
    assert bool(usual.groups) is streamed
    assert usual.extra_work <= 0.05
    assert smallest.memory.arena_bytes <= usual.memory.arena_bytes
    assert sum(step.macs for step in usual.steps) == sum(step.macs for step in steps)
    # What fits as it is, or as it is usually done, is not made smaller at a cost.
    enough = plan_streams(graph, steps, rows, usual.memory.arena_bytes)
    assert enough.memory.arena_bytes == usual.memory.arena_bytes


@needs_models
def test_a_real_model_needs_half_the_memory_and_equals_the_reference(tmp_path: Path) -> None:
    content = (MLPERF_TINY / "ic_int8.tflite").read_bytes()
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    library = generate(file, "plain", "size", _SMALLEST)
    inputs = random_inputs(library, 0)
    [found] = build_for_host(library, tmp_path / "c").run(inputs)

    np.testing.assert_array_equal(found, builtin_ref(content, inputs)[0])
    assert library.plan.arena_bytes == 15872
