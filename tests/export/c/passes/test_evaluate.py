"""LiteRT as the evaluator of single operators, of lookup tables, and of rewritten graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.export.c.graph import Graph, Operator, Padding, Quantization, Tensor, Window
from edgekd.export.c.passes.evaluate import evaluate, is_lookup, lookup_table, run_reference
from edgekd.export.c.passes.writer import write_tflite
from edgekd.export.c.reader import parse_graph
from tests.export.c import model_operators as ops
from tests.export.c.models import Array, ModelBuilder, builtin_ref, conv_2d
from tests.export.c.one_operator import ONE_OPERATOR
from tests.export.c.passes.compare import assert_same_outputs, graph_of, random_stored

# Output scale and zero point.
UNARY = {
    "ABS": (0.1, 3),
    "EXP": (2.0, -128),
    "GELU": (0.1, -40),
    "HARD_SWISH": (0.1, -40),
    "LEAKY_RELU": (0.1, -40),
    "LOGISTIC": (1 / 256, -128),
    "NEG": (0.1, 5),
    "QUANTIZE": (0.3, -7),
    "RELU": (0.07, -128),
    "RELU6": (0.04, -128),
    "RELU_0_TO_1": (0.01, -100),
    "RELU_N1_TO_1": (0.02, 1),
    "TANH": (1 / 128, 0),
}
OPTIONS: dict[str, dict[str, Any]] = {"LEAKY_RELU": {"alpha": 0.3}, "GELU": {"approximate": True}}


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_every_operator_is_written_back(name: str) -> None:
    content, graph = graph_of(*ONE_OPERATOR[name]())
    again = parse_graph(write_tflite(graph), "written.tflite")
    assert [operator.kind for operator in again.operators] == [o.kind for o in graph.operators]
    assert [again.tensors[i].shape for i in again.outputs] == [
        graph.tensors[i].shape for i in graph.outputs
    ]
    if not name.startswith(("SQRT", "RSQRT")):
        assert_same_outputs(content, graph, runs=3)


@pytest.mark.parametrize("kind", UNARY)
def test_table_of_a_unary_operator(kind: str) -> None:
    scale, zero_point = UNARY[kind]
    model = ModelBuilder()
    source = model.input((1, 6, 7, 2), 0.05, 4)
    options = OPTIONS.get(kind, {})
    output = ops.unary(model, kind, source, scale=scale, zero_point=zero_point, **options)
    content, graph = graph_of(model, [output])
    [operator] = graph.operators
    table = lookup_table(operator, graph)
    assert table.shape == (256,)
    assert table.dtype == np.int8
    values = random_stored(graph.tensors[source], 1)
    [expected] = builtin_ref(content, [values])
    np.testing.assert_array_equal(table[values.astype(int) + 128], expected)


def _root(kind: str) -> Graph:
    tensors = {
        0: Tensor("in", (1, 8), "int8", Quantization((0.1,), (-128,))),
        1: Tensor("out", (1, 8), "int8", Quantization((0.05,), (-128,))),
    }
    return Graph(tensors, (Operator(kind, (0,), (1,), f"operator 0 ({kind})"),), (0,), (1,))


@pytest.mark.parametrize("kind", ["SQRT", "RSQRT"])
def test_table_of_a_root_has_an_entry_below_zero(kind: str) -> None:
    graph = _root(kind)
    shifted = replace(graph.tensors[0], quantization=Quantization((0.1,), (-100,)))
    table = lookup_table(graph.operators[0], graph.with_tensors({0: shifted}))
    assert (table[:28] == table[28]).all()
    root = np.sqrt(0.1 * 100)
    real = 0.05 * (float(table[128]) + 128)
    assert real == pytest.approx(root if kind == "SQRT" else 1 / root, abs=0.06)


def test_table_of_uint8_starts_at_zero() -> None:
    tensors = {
        0: Tensor("in", (1, 8), "uint8", Quantization((0.1,), (128,))),
        1: Tensor("out", (1, 8), "int8", Quantization((0.1,), (0,))),
    }
    graph = Graph(tensors, (Operator("QUANTIZE", (0,), (1,), "operator 0"),), (0,), (1,))
    table = lookup_table(graph.operators[0], graph)
    assert table.tolist() == list(range(-128, 128))


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_table_of_arithmetic_with_one_constant(kind: str) -> None:
    model = ModelBuilder()
    source = model.input((1, 3, 4, 5))
    constant = model.constant(np.full((1, 1, 1, 5), -77, np.int8), "int8", 0.02, 9)
    output = ops.binary(model, kind, constant, source, fused="RELU6")
    content, graph = graph_of(model, [output])
    values = random_stored(graph.tensors[source], 2)
    table = lookup_table(graph.operators[0], graph)
    [expected] = builtin_ref(content, [values])
    np.testing.assert_array_equal(table[values.astype(int) + 128], expected)


def test_different_constants_are_no_table() -> None:
    model = ModelBuilder()
    source = model.input((1, 1, 1, 2))
    constant = model.constant(np.array([1, 2], np.int8), "int8", 0.1)
    _, graph = graph_of(model, [ops.binary(model, "ADD", source, constant)])
    assert not is_lookup(graph.operators[0], graph)
    with pytest.raises(BadInput, match="no table"):
        lookup_table(graph.operators[0], graph)


def test_evaluates_an_operator_inside_a_graph() -> None:
    draw = np.random.default_rng(5)
    model = ModelBuilder()
    image = model.input((1, 5, 5, 2))
    weights: Array = draw.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8)
    first = conv_2d(model, image, weights, 0.01, np.array([1, 2, 3], np.int32), stride=(2, 2))
    last = ops.unary(model, "NEG", first)
    content, graph = graph_of(model, [first, last])
    values = random_stored(graph.tensors[image], 3)
    expected = builtin_ref(content, [values])
    [found] = evaluate(graph.operators[0], graph, [values])
    np.testing.assert_array_equal(found, expected[0])
    [found] = evaluate(graph.operators[1], graph, [found])
    np.testing.assert_array_equal(found, expected[1])


def test_a_padding_beyond_same_is_written_as_a_pad() -> None:
    model = ModelBuilder()
    image = model.input((1, 4, 4, 1), zero_point=11)
    padded = ops.pad(model, image, [(0, 0), (2, 0), (0, 1), (0, 0)])
    weights = np.arange(9, dtype=np.int8).reshape(1, 3, 3, 1)
    bias = np.zeros(1, np.int32)
    output = conv_2d(model, padded, weights, 0.01, bias, padding="VALID")
    content, graph = graph_of(model, [output])
    convolution = replace(
        graph.operators[1],
        inputs=(image, *graph.operators[1].inputs[1:]),
        window=Window(padding=Padding(top=2, right=1)),
    )
    assert_same_outputs(content, replace(graph, operators=(convolution,)))


def test_what_would_abort_litert_is_refused() -> None:
    tensors = {
        0: Tensor("a", (1, 2), "int8", Quantization((1.0,), (0,))),
        1: Tensor("b", (1, 2), "int8", Quantization((1e-12,), (0,))),
    }
    add = Operator("ADD", (0, 0), (1,), "operator 0 (ADD)")
    values = np.zeros((1, 2), np.int8)
    with pytest.raises(BadInput, match="operator 0"):
        evaluate(add, Graph(tensors, (add,), (0,), (1,)), [values])


def test_what_litert_refuses_is_named() -> None:
    graph = _root("RSQRT")
    wrong = replace(graph.tensors[0], quantization=Quantization((0.1,), (5,)))
    with pytest.raises(BadInput, match="RSQRT"):
        run_reference(graph.with_tensors({0: wrong}), [np.full((1, 8), -9, np.int8)])


def test_an_unknown_operator_is_refused() -> None:
    graph = _root("NO_SUCH")
    with pytest.raises(BadInput, match="no such operator"):
        write_tflite(graph)
