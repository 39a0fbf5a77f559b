"""Fusing of paddings, activations, reshapes and lookups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import Graph, Padding
from edgekd.export.c.passes import run_passes
from edgekd.export.c.passes.activations import fuse_activations
from edgekd.export.c.passes.lookups import compose_lookups
from edgekd.export.c.passes.padding import fuse_padding
from edgekd.export.c.passes.reshapes import simplify_reshapes
from edgekd.export.c.reader import parse_graph
from tests.export.c import model_operators as ops
from tests.export.c.models import ModelBuilder, builtin_ref, conv_2d, depthwise_conv_2d
from tests.export.c.passes.compare import assert_same_outputs, graph_of, random_stored
from tests.export.c.random_models import KINDS, RandomModel

BIAS = np.array([100, -200], np.int32)


def kinds(graph: Graph) -> list[str]:
    return [operator.kind for operator in graph.operators]


def convolution(model: ModelBuilder, image: int, padding: str = "VALID", **output: float) -> int:
    """3x3 from two to two channels."""
    weights = np.random.default_rng(0).integers(-127, 128, (2, 3, 3, 2)).astype(np.int8)
    return conv_2d(model, image, weights, 0.01, BIAS, padding=padding, **output)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, 7])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_pad_goes_into_the_convolution(padding: str, depthwise: bool, value: int | None) -> None:
    model = ModelBuilder()
    image = model.input((1, 5, 4, 2), 0.1, 7)
    image = ops.pad(model, image, [(0, 0), (1, 0), (0, 1), (0, 0)], value)
    if depthwise:
        weights = np.arange(-9, 9, dtype=np.int8).reshape(1, 3, 3, 2)
        image = depthwise_conv_2d(model, image, weights, 0.01, BIAS, padding=padding)
    else:
        image = convolution(model, image, padding)
    content, graph = graph_of(model, [image])
    fused = fuse_padding(graph)
    assert len(fused.operators) == 1
    window = fused.operators[0].window
    assert window is not None
    same = 1 if padding == "SAME" else 0
    assert window.padding == Padding(1 + same, same, same, 1 + same)
    assert_same_outputs(content, fused)


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([(0, 0), (1, 1), (1, 1), (0, 0)], 8),
        ([(0, 0), (3, 0), (0, 0), (0, 0)], None),
    ],
    ids=["not the zero point", "as wide as the kernel"],
)
def test_pad_that_stays(pairs: list[tuple[int, int]], value: int | None) -> None:
    model = ModelBuilder()
    image = ops.pad(model, model.input((1, 5, 4, 2), 0.1, 7), pairs, value)
    _, graph = graph_of(model, [convolution(model, image)])
    assert fuse_padding(graph) is graph


def test_pad_with_another_reader_stays() -> None:
    model = ModelBuilder()
    image = model.input((1, 5, 4, 2), 0.1, 7)
    image = ops.pad(model, image, [(0, 0), (1, 1), (1, 1), (0, 0)])
    outputs = [convolution(model, image), ops.unary(model, "NEG", image)]
    _, graph = graph_of(model, outputs)
    assert fuse_padding(graph) is graph


def test_pad_goes_into_all_convolutions_that_read_it() -> None:
    model = ModelBuilder()
    image = model.input((1, 5, 4, 2), 0.1, 7)
    image = ops.pad(model, image, [(0, 0), (1, 1), (1, 1), (0, 0)])
    one = convolution(model, image)
    content, graph = graph_of(model, [ops.binary(model, "ADD", one, convolution(model, image))])
    fused = fuse_padding(graph)
    assert kinds(fused) == ["CONV_2D", "CONV_2D", "ADD"]
    assert_same_outputs(content, fused)


@pytest.mark.parametrize("kind", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("zero_point", [-128, -20, 5])
def test_activation_goes_into_the_convolution(kind: str, zero_point: int) -> None:
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06, zero_point=zero_point)
    output = ops.unary(model, kind, image, scale=0.06, zero_point=zero_point)
    content, graph = graph_of(model, [output])
    fused = fuse_activations(graph)
    assert kinds(fused) == ["CONV_2D"]
    # Where stored values cannot go below zero, RELU is nothing.
    assert fused.operators[0].activation in (kind, "NONE", "RELU", "RELU6")
    assert_same_outputs(content, fused)


def test_clamps_and_requantizations_in_a_row_are_one_activation() -> None:
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06, zero_point=-20)
    image = ops.unary(model, "QUANTIZE", image, scale=0.06, zero_point=-20)
    image = ops.unary(model, "RELU", image, scale=0.06, zero_point=-20)
    limit = model.constant(np.array([80], np.int8), "int8", 0.06, -20)
    image = ops.extremum(model, "MINIMUM", image, limit)
    content, graph = graph_of(model, [image])
    fused = fuse_activations(graph)
    assert [operator.activation for operator in fused.operators] == ["RELU6"]
    assert_same_outputs(content, fused)


def test_activation_at_another_scale_stays() -> None:
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06)
    _, graph = graph_of(model, [ops.unary(model, "RELU", image, scale=0.05)])
    assert fuse_activations(graph) is graph


def test_activation_of_a_tensor_that_others_read_stays() -> None:
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06)
    outputs = [ops.unary(model, "RELU", image, scale=0.06), ops.unary(model, "NEG", image)]
    _, graph = graph_of(model, outputs)
    assert fuse_activations(graph) is graph


def test_requantization_by_almost_the_same_scale_stays() -> None:
    """Its table changes nothing, but the scale decides the convolution's factor."""
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06)
    near = float(np.float32(0.06) * np.float32(1 + 1e-6))
    _, graph = graph_of(model, [ops.unary(model, "QUANTIZE", image, scale=near)])
    assert fuse_activations(graph) is graph


def test_activation_of_an_output_stays() -> None:
    model = ModelBuilder()
    image = convolution(model, model.input((1, 5, 4, 2)), scale=0.06)
    _, graph = graph_of(model, [image, ops.unary(model, "RELU", image, scale=0.06)])
    assert fuse_activations(graph) is graph


def test_reshapes_in_a_row_become_one() -> None:
    model = ModelBuilder()
    image = model.input((1, 1, 6, 2))
    image = ops.squeeze(model, image, [1])
    image = ops.expand_dims(model, image, 0)
    image = ops.transpose(model, image, [0, 2, 1, 3])
    content, graph = graph_of(model, [ops.reshape(model, image, (3, 4))])
    simple = simplify_reshapes(graph)
    assert kinds(simple) == ["RESHAPE"]
    assert simple.operators[0].inputs == graph.inputs
    assert_same_outputs(content, simple)


def test_reshapes_that_end_where_they_began_go() -> None:
    model = ModelBuilder()
    image = model.input((1, 3, 2))
    back = ops.reshape(model, ops.reshape(model, image, (6, 1)), (1, 3, 2))
    content, graph = graph_of(model, [ops.unary(model, "NEG", back)])
    simple = simplify_reshapes(graph)
    assert kinds(simple) == ["NEG"]
    assert_same_outputs(content, simple)
    assert simplify_reshapes(simple) is simple


def test_transpose_that_moves_values_stays() -> None:
    model = ModelBuilder()
    _, graph = graph_of(model, [ops.transpose(model, model.input((1, 3, 2)), [0, 2, 1])])
    assert simplify_reshapes(graph) is graph


def test_lookups_in_a_row_become_one() -> None:
    model = ModelBuilder()
    value = ops.unary(model, "HARD_SWISH", model.input((1, 3, 30)), scale=0.07, zero_point=-9)
    value = ops.unary(model, "QUANTIZE", value, scale=0.03, zero_point=4)
    factor = model.constant(np.array([50], np.int8), "int8", 0.01)
    value = ops.binary(model, "MUL", value, factor, scale=0.02)
    content, graph = graph_of(model, [ops.unary(model, "LOGISTIC", value)])
    composed = compose_lookups(graph)
    assert kinds(composed) == ["LOOKUP"]
    table = composed.operators[0].options["table"]
    values = random_stored(graph.tensors[graph.inputs[0]], 1)
    [expected] = builtin_ref(content, [values])
    np.testing.assert_array_equal(table[values.astype(int) + 128], expected)
    assert_same_outputs(content, composed)


def test_a_lookup_that_changes_nothing_goes() -> None:
    model = ModelBuilder()
    image = model.input((1, 5, 4, 2), 0.1, 3)
    same = ops.unary(model, "QUANTIZE", image, scale=0.1, zero_point=3)
    content, graph = graph_of(model, [convolution(model, same)])
    composed = compose_lookups(graph)
    assert kinds(composed) == ["CONV_2D"]
    assert_same_outputs(content, composed)


def test_one_lookup_keeps_its_kind() -> None:
    model = ModelBuilder()
    _, graph = graph_of(model, [ops.unary(model, "TANH", model.input((1, 4)))])
    assert compose_lookups(graph) is graph


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), some=st.lists(st.sampled_from(KINDS), min_size=1))
def test_random_networks_compute_the_same(seed: int, some: list[str]) -> None:
    content = RandomModel(seed).build(some[:8])
    graph, reports = run_passes(parse_graph(content, "test.tflite"))
    assert_same_outputs(content, graph, runs=4)
    again, repeated = run_passes(graph)
    assert again is graph, (reports, repeated)
