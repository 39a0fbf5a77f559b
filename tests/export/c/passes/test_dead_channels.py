"""Removal of constant and unread channels, on real models and random networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import ABSENT, Graph
from edgekd.export.c.passes import run_passes
from edgekd.export.c.passes.dead_channels import remove_dead_channels
from edgekd.export.c.passes.evaluate import run_reference
from edgekd.export.c.passes.intervals import intervals
from edgekd.export.c.passes.report import size
from edgekd.export.c.reader import parse_graph, read_graph
from tests.conftest import MLPERF_TINY
from tests.export.c import model_operators as ops
from tests.export.c.models import Array, ModelBuilder, conv_2d, depthwise_conv_2d, fully_connected
from tests.export.c.passes.compare import (
    assert_same_outputs,
    graph_of,
    random_stored,
)
from tests.export.c.passes.dead_networks import DeadNetwork
from tests.export.c.random_models import KINDS, RandomModel

needs_models = pytest.mark.skipif(not MLPERF_TINY.is_dir(), reason=f"no {MLPERF_TINY}")
DEAD = -2_000_000


@needs_models
def test_removes_half_of_visual_wake_words() -> None:
    path = MLPERF_TINY / "vww_int8.tflite"
    before = read_graph(path)
    after, reports = run_passes(before)
    assert (size(before).macs, size(after).macs) == (7_489_664, 3_727_313)
    assert (size(before).weights, size(after).weights) == (208_112, 29_066)
    assert str(reports[-1]) == (
        "dead channels: removed 1,724 of 2,738 channels, "
        "3.76 M of 7.49 M multiply-accumulates, 179,046 of 208,112 weights"
    )
    assert_same_outputs(path.read_bytes(), after, runs=100)


@needs_models
@pytest.mark.parametrize("name", ["ad", "ic", "kws"])
def test_leaves_models_without_dead_channels(name: str) -> None:
    path = MLPERF_TINY / f"{name}_int8.tflite"
    graph = read_graph(path)
    after, reports = run_passes(graph)
    assert size(after) == size(graph)
    assert {report.summary for report in reports} == {"nothing to do"}
    assert_same_outputs(path.read_bytes(), after, runs=100)


def _chain(bias: list[int], zero_point: int, kernel: int = 1, fused: str = "RELU") -> Graph:
    """Two convolutions, the first with four channels and a given bias."""
    draw = np.random.default_rng(0)
    model = ModelBuilder()
    image = model.input((1, 5, 4, 2))
    weights = draw.integers(-127, 128, (4, 1, 1, 2)).astype(np.int8)
    options = {"scale": 0.1, "zero_point": zero_point, "fused": fused}
    image = conv_2d(model, image, weights, 0.01, np.array(bias, np.int32), **options)  # type: ignore[arg-type]
    weights = draw.integers(-127, 128, (3, kernel, kernel, 4)).astype(np.int8)
    image = conv_2d(model, image, weights, 0.01, np.array([1, 2, 3], np.int32))
    content, graph = graph_of(model, [image])
    after, _ = run_passes(graph)
    assert_same_outputs(content, after)
    return after


def _bias(graph: Graph, operator: int) -> Array:
    bias = graph.constant(graph.operators[operator].inputs[2])
    assert bias is not None
    return bias


def test_constant_channel_at_the_zero_point_leaves_the_next_bias() -> None:
    after = _chain([0, DEAD, 0, DEAD], zero_point=-128, kernel=3)
    assert after.tensors[after.operators[0].outputs[0]].shape == (1, 5, 4, 2)
    assert _bias(after, 1).tolist() == [1, 2, 3]


def test_constant_channel_off_the_zero_point_goes_into_the_next_bias() -> None:
    after = _chain([0, -DEAD, 0, 0], zero_point=-128)
    assert after.tensors[after.operators[0].outputs[0]].shape[3] == 3
    assert _bias(after, 1).tolist() != [1, 2, 3]


def test_constant_channel_off_the_zero_point_stays_before_padding() -> None:
    after = _chain([0, -DEAD, 0, 0], zero_point=-128, kernel=3)
    assert after.tensors[after.operators[0].outputs[0]].shape[3] == 4


def test_a_layer_keeps_one_channel() -> None:
    after = _chain([DEAD] * 4, zero_point=-128)
    assert after.tensors[after.operators[0].outputs[0]].shape[3] == 1


def test_folded_bias_stays_within_32_bits() -> None:
    """A constant that would push the next bias over is not folded."""
    draw = np.random.default_rng(0)
    model = ModelBuilder()
    image = model.input((1, 2, 2, 2))
    weights = draw.integers(-127, 128, (4, 1, 1, 2)).astype(np.int8)
    bias = np.array([0, -DEAD, 0, 0], np.int32)
    image = conv_2d(model, image, weights, 0.01, bias, zero_point=-128, fused="RELU")
    weights = np.full((1, 1, 1, 4), 127, np.int8)
    near = np.array([2**31 - 20_000], np.int32)
    image = conv_2d(model, image, weights, 1e-5, near, scale=100.0)
    _, graph = graph_of(model, [image])
    assert remove_dead_channels(graph) is graph


def test_dead_channel_goes_through_depthwise_pool_and_reshape() -> None:
    draw = np.random.default_rng(3)
    model = ModelBuilder()
    image = model.input((1, 4, 4, 2))
    bias = np.array([0, DEAD, 0, DEAD], np.int32)
    weights = draw.integers(-127, 128, (4, 1, 1, 2)).astype(np.int8)
    image = conv_2d(model, image, weights, 0.01, bias, zero_point=-128, fused="RELU6")
    weights = draw.integers(-127, 128, (1, 3, 3, 4)).astype(np.int8)
    zeros = np.array([5, 6, 7, DEAD], np.int32)
    image = depthwise_conv_2d(model, image, weights, [0.01, 0.02, 0.03, 0.04], zeros)
    image = ops.pool_2d(model, "MAX_POOL_2D", image, (2, 2), stride=(2, 2))
    vector = ops.reshape(model, image, (1, -1))
    weights = draw.integers(-127, 128, (3, 16)).astype(np.int8)
    content, graph = graph_of(model, [fully_connected(model, vector, weights, 0.01)])
    after, _ = run_passes(graph)
    assert [after.tensors[o.outputs[0]].shape[-1] for o in after.operators] == [2, 2, 2, 8, 3]
    assert after.operators[-1].inputs[2] != ABSENT
    assert_same_outputs(content, after)


def test_unread_channel_is_removed() -> None:
    draw = np.random.default_rng(4)
    model = ModelBuilder()
    image = model.input((1, 4, 4, 2))
    weights = draw.integers(-127, 128, (4, 1, 1, 2)).astype(np.int8)
    image = conv_2d(model, image, weights, 0.01, np.zeros(4, np.int32))
    weights = draw.integers(-127, 128, (3, 3, 3, 4)).astype(np.int8)
    weights[..., 2] = 0
    image = conv_2d(model, image, weights, 0.01, np.zeros(3, np.int32))
    content, graph = graph_of(model, [image])
    after, _ = run_passes(graph)
    assert after.tensors[after.operators[0].outputs[0]].shape[3] == 3
    assert_same_outputs(content, after)


def test_output_keeps_its_dead_channels() -> None:
    model = ModelBuilder()
    image = model.input((1, 2, 2, 1))
    bias = np.array([DEAD, 0], np.int32)
    image = conv_2d(model, image, np.ones((2, 1, 1, 1), np.int8), 0.01, bias)
    _, graph = graph_of(model, [image])
    assert remove_dead_channels(graph) is graph


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 6))
def test_random_networks_with_dead_channels(seed: int, depth: int) -> None:
    content, graph = graph_of(*DeadNetwork(seed).build(depth))
    after, _ = run_passes(graph)
    assert size(after).macs <= size(graph).macs
    assert_same_outputs(content, after, runs=6)


def test_random_networks_do_have_dead_channels() -> None:
    removed = 0
    for seed in range(30):
        _, graph = graph_of(*DeadNetwork(seed).build(3))
        removed += size(graph).channels - size(run_passes(graph)[0]).channels
    assert removed > 100


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kinds=st.lists(st.sampled_from(KINDS), min_size=1))
def test_no_value_leaves_its_interval(seed: int, kinds: list[str]) -> None:
    """Every activation of a random graph, on inputs that saturate and on others."""
    graph = parse_graph(RandomModel(seed).build(kinds[:6]), "test.tflite")
    known = intervals(graph)
    watched = tuple(index for index in known if index not in graph.inputs)
    open_graph = Graph(graph.tensors, graph.operators, graph.inputs, watched)
    for run in range(3):
        inputs = [random_stored(graph.tensors[index], seed % 1000 + run) for index in graph.inputs]
        for index, values in zip(watched, run_reference(open_graph, inputs), strict=True):
            assert (known[index].low <= values).all()
            assert (values <= known[index].high).all()
