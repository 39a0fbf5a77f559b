"""Constant folding, on graphs with operators of constants."""

from __future__ import annotations

import numpy as np

from edgekd.export.c.passes.folding import fold_constants
from tests.export.c import model_operators as ops
from tests.export.c.models import ModelBuilder
from tests.export.c.passes.compare import assert_same_outputs, graph_of


def _constant(model: ModelBuilder, *shape: int) -> int:
    values = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    return model.constant(values, "int8", 0.1, 3)


def test_a_chain_of_constants_becomes_one() -> None:
    model = ModelBuilder()
    image = model.input((1, 4, 4, 2))
    operand = ops.unary(model, "NEG", _constant(model, 1, 8, 2), scale=0.05)
    operand = ops.reshape(model, ops.transpose(model, operand, [0, 2, 1]), (1, 4, 2, 2))
    operand = ops.pad(model, operand, [(0, 0), (0, 0), (1, 1), (0, 0)])
    content, graph = graph_of(model, [ops.binary(model, "ADD", image, operand, zero_point=9)])
    folded = fold_constants(graph)
    assert [operator.kind for operator in folded.operators] == ["ADD"]
    assert set(folded.tensors) == {*folded.operators[0].inputs, *folded.outputs}
    assert_same_outputs(content, folded)


def test_every_output_of_a_split_is_folded() -> None:
    model = ModelBuilder()
    image = model.input((1, 2, 3))
    first, second = ops.split_v(model, _constant(model, 1, 2, 6), 2, [3, 3])
    total = ops.binary(model, "MUL", ops.binary(model, "ADD", image, first), second)
    content, graph = graph_of(model, [total])
    folded = fold_constants(graph)
    assert [operator.kind for operator in folded.operators] == ["ADD", "MUL"]
    assert_same_outputs(content, folded)


def test_an_output_stays_computed() -> None:
    model = ModelBuilder()
    image = model.input((1, 2))
    fixed = ops.unary(model, "NEG", _constant(model, 1, 2))
    _, graph = graph_of(model, [ops.unary(model, "ABS", image), fixed])
    assert fold_constants(graph) is graph


def test_nothing_constant_changes_nothing() -> None:
    model = ModelBuilder()
    _, graph = graph_of(model, [ops.unary(model, "NEG", model.input((1, 2)))])
    assert fold_constants(graph) is graph
