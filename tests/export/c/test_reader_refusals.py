"""What the reader refuses: one line that names the operator or tensor and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekd.errors import BadInput
from edgekd.export.c.reader import parse_graph, read_graph
from tests.export.c import model_operators as ops
from tests.export.c.models import ModelBuilder, conv_2d
from tests.export.c.one_operator import small_network


def rejects(model: ModelBuilder, outputs: list[int], message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        parse_graph(model.build(outputs), "m.tflite")
    assert str(caught.value).startswith("m.tflite: ")
    assert "\n" not in str(caught.value)


def test_unknown_operators_are_named_with_what_to_do() -> None:
    model = ModelBuilder()
    source = model.input((1, 4))
    output = model.tensor((1, 4))
    model.operator("TILE", [source, model.constant([1, 1])], [output])
    rejects(model, [output], r'operator 0 \(TILE, "tensor1"\) is not supported.*\(let ADD or MUL')


@pytest.mark.parametrize("code", ["FlexErf", "TFLite_Detection_PostProcess"])
def test_custom_operators_are_named(code: str) -> None:
    model = ModelBuilder()
    source = model.input((1, 4))
    output = model.tensor((1, 4))
    model.operator("CUSTOM", [source], [output])
    model.model.operatorCodes[0].customCode = code
    rejects(model, [output], rf"operator 0 \({code}.*custom operator '{code}'")


def network_with(change: Callable[[ModelBuilder], None]) -> tuple[ModelBuilder, list[int]]:
    model, outputs = small_network()
    change(model)
    return model, outputs


def tensor_of(model: ModelBuilder, operator: int, position: int) -> Any:
    """A tensor of the small network, by where an operator reads it."""
    return model.graph.tensors[model.graph.operators[operator].inputs[position]]


def option(operator: int, name: str, value: int) -> Callable[[ModelBuilder], None]:
    return lambda m: setattr(m.graph.operators[operator].builtinOptions, name, value)


def quantized(operator: int, position: int, name: str, value: Any) -> Any:
    return lambda m: setattr(tensor_of(m, operator, position).quantization, name, value)


def described(operator: int, position: int, name: str, value: Any) -> Any:
    return lambda m: setattr(tensor_of(m, operator, position), name, value)


DAMAGED = {
    "stride 0": (option(0, "strideH", 0), "has a stride of 0x1"),
    "fused tanh": (option(0, "fusedActivationFunction", 4), "activation that is not supported"),
    "padding": (option(0, "padding", 7), "use one of SAME, VALID"),
    "weights' shape": (described(0, 1, "shape", [4, 3, 3, 1]), "needs 36 bytes"),
    "huge shape": (described(0, 1, "shape", [2**30, 2**30]), "elements"),
    "dynamic shape": (described(0, 0, "shape", [1, -1, 6, 2]), r"has the shape \[1, -1, 6, 2\]"),
    "dynamic size": (described(0, 0, "shapeSignature", [-1, -1, 6, 2]), "has a dynamic size"),
    "rank": (described(0, 0, "shape", [1] * 7), "has 7 dimensions"),
    "type": (described(0, 0, "type", 99), "type number 99"),
    "string": (described(0, 0, "type", 5), "is string, which is not supported"),
    "float16": (described(0, 0, "type", 1), "not a full-integer file"),
    "int16": (described(0, 0, "type", 7), "computes in int16, which has no kernel"),
    "dynamic range": (described(0, 0, "type", 0), "a dynamic-range file"),
    "variable": (described(0, 0, "isVariable", True), "is a variable"),
    "buffer": (described(0, 1, "buffer", 99), "buffer 99, which is missing"),
    "scale nan": (quantized(0, 0, "scale", [float("nan")]), "has the scale nan"),
    "scale 0": (quantized(0, 0, "scale", [0.0]), "has the scale 0"),
    "scales": (quantized(0, 1, "scale", [0.1, 0.2]), "has 2 scales along dimension 0"),
    "axis": (quantized(0, 1, "quantizedDimension", 9), "scales along dimension 9"),
    "zero point": (quantized(0, 0, "zeroPoint", [128]), "zero point 128, outside int8"),
    "zero points": (quantized(0, 0, "zeroPoint", [0, 0]), "2 zero points"),
    "blockwise": (quantized(0, 1, "detailsType", 2), "quantized in blocks"),
    "weights' zero": (quantized(0, 1, "zeroPoint", [1] * 4), "weights with a zero point"),
    "bias' scale": (quantized(0, 2, "scale", [9.0] * 4), "a bias of scale 9, not"),
    "pool's scale": (quantized(1, 0, "scale", [9.0]), "different scales"),
    "no tensor": (lambda m: m.graph.operators[0].inputs.__setitem__(0, 999), "no tensor 999"),
    "no input": (lambda m: m.graph.operators[0].inputs.__setitem__(0, -1), "lacks input 0"),
    "no output": (lambda m: m.graph.operators[0].outputs.__setitem__(0, -1), "no tensor -1"),
    "order": (lambda m: m.graph.operators.reverse(), "before it is written"),
    "twice": (lambda m: m.graph.operators.append(m.graph.operators[0]), "a second time"),
    "no bias": (lambda m: m.graph.operators[0].inputs.pop(), "has no bias"),
    "version": (lambda m: setattr(m.model, "version", 2), "has the schema version 2"),
    "no graph": (lambda m: setattr(m.model, "subgraphs", []), "it has no graph"),
    "no operators": (lambda m: setattr(m.graph, "operators", []), "has no operators"),
    "no code": (lambda m: setattr(m.graph.operators[0], "opcodeIndex", 77), "the code 77"),
    "no inputs": (lambda m: setattr(m.graph, "inputs", []), "inputs are missing"),
    "other options": (
        lambda m: setattr(m.graph.operators[0], "builtinOptionsType", 2),
        "options of another operator",
    ),
    "batch": (described(0, 0, "shape", [2, 7, 6, 2]), "has a batch of 2 images"),
    "output's shape": (described(1, 0, "shape", [1, 3, 3, 4]), "computes the shape 1x7x6x4"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_breaks_a_rule_is_refused(name: str) -> None:
    change, message = DAMAGED[name]
    model, outputs = network_with(change)
    if name == "pool's scale":
        # The tensor before it shares the description.
        pooled = model.graph.operators[1]
        before = model.graph.tensors[pooled.inputs[0]]
        after = model.graph.tensors[pooled.outputs[0]]
        after.quantization = schema.QuantizationParametersT()
        after.quantization.scale, after.quantization.zeroPoint = [0.1], [0]
        assert before.quantization.scale != after.quantization.scale
    rejects(model, outputs, message)


def test_further_subgraphs_are_left_alone() -> None:
    model, outputs = network_with(lambda m: m.model.subgraphs.append(schema.SubGraphT()))
    assert len(parse_graph(model.build(outputs), "m").operators) == 4


def test_constant_weights_in_float_are_a_dynamic_range_file() -> None:
    model = ModelBuilder()
    weights = model.constant(np.ones((1, 4), np.int8), "int8", 0.1)
    wide = ops.unary(model, "DEQUANTIZE", weights)
    output = ops.binary(model, "ADD", model.input((1, 4), dtype="float32"), wide)
    rejects(model, [output], "a dynamic-range file, not a full-integer file")


def test_files_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_graph(tmp_path / "missing.tflite")
    for content in (b"", b"TFL3", b"not a model at all"):
        (tmp_path / "m.tflite").write_bytes(content)
        with pytest.raises(BadInput, match="is not a TFLite file"):
            read_graph(tmp_path / "m.tflite")
    with (tmp_path / "m.tflite").open("wb") as stream:
        stream.truncate(2**31)
    with pytest.raises(BadInput, match="too many for a microcontroller"):
        read_graph(tmp_path / "m.tflite")


def test_convolutions_in_groups_are_read() -> None:
    model = ModelBuilder()
    weights = np.ones((4, 1, 1, 2), np.int8)
    image = model.input((1, 2, 2, 4))
    output = conv_2d(model, image, weights, 0.1, np.zeros(4, np.int32))
    assert parse_graph(model.build([output]), "m").tensors[output].shape == (1, 2, 2, 4)
    model = ModelBuilder()
    image = model.input((1, 2, 2, 6))
    output = conv_2d(model, image, weights, 0.1, np.zeros(4, np.int32))
    rejects(model, [output], "has weights of shape")


ABORTS: dict[str, Callable[[ModelBuilder], int]] = {
    "ADD": lambda m: ops.binary(m, "ADD", m.input((1, 4)), m.input((1, 4)), scale=1e-7),
    "SOFTMAX": lambda m: ops.unary(m, "SOFTMAX", m.input((1, 4), 1e-8)),
    "SOFTMAX beta": lambda m: ops.unary(m, "SOFTMAX", m.input((1, 4)), beta=0.0),
    "LOG_SOFTMAX": lambda m: ops.unary(m, "LOG_SOFTMAX", m.input((1, 4), 1e-8)),
    "HARD_SWISH": lambda m: ops.unary(m, "HARD_SWISH", m.input((1, 4)), scale=1e-9),
    "SQRT": lambda m: ops.unary(m, "SQRT", m.input((1, 4))),
    "PAD": lambda m: ops.pad(m, m.input((1, 1, 1, 1, 1, 4)), [(0, 0)] * 6),
}


@pytest.mark.parametrize("name", ABORTS)
def test_what_litert_refuses_or_dies_of_is_refused(name: str) -> None:
    model = ModelBuilder()
    rejects(model, [ABORTS[name](model)], rf"operator 0 \({name.split()[0]}")
