"""What the reader makes of real files, of every operator, and of hostile ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.export.c.graph import Operator, Padding, Tensor
from edgekd.export.c.reader import parse_graph, read_graph
from edgekd.export.c.reading.rules import RULES
from edgekd.export.c.reading.schema import OPERATORS, OPTIONS
from edgekd.export.c.reading.tensors import unpack_int4
from tests.conftest import MLPERF_TINY
from tests.export.c import model_operators as ops
from tests.export.c.models import (
    ROWS,
    ModelBuilder,
    builtin_ref,
    conv_2d,
    fully_connected,
    pack_int4,
    transpose_conv,
    window_size,
)
from tests.export.c.one_operator import ONE_OPERATOR, small_network

FULL_INTEGER = {"ad": 10, "ic": 16, "kws": 13, "vww": 31}


@pytest.fixture(scope="module")
def mlperf_tiny() -> Path:
    if not MLPERF_TINY.is_dir():
        pytest.skip(f"the reference models are not at {MLPERF_TINY}")
    return MLPERF_TINY


@pytest.mark.parametrize("name", FULL_INTEGER)
def test_reads_the_reference_models(mlperf_tiny: Path, name: str) -> None:
    graph = read_graph(mlperf_tiny / f"{name}_int8.tflite")
    assert len(graph.operators) == FULL_INTEGER[name]
    content = (mlperf_tiny / f"{name}_int8.tflite").read_bytes()
    file = schema.ModelT.InitFromPackedBuf(content, 0)
    stored = file.subgraphs[0]
    for index, tensor in graph.tensors.items():
        assert tensor.shape == tuple(stored.tensors[index].shape)
        if tensor.data is not None:
            bytes_there = file.buffers[stored.tensors[index].buffer].data.tobytes()
            assert tensor.data.tobytes() == bytes_there
        if tensor.quantization is not None:
            scales = stored.tensors[index].quantization.scale
            np.testing.assert_array_equal(tensor.quantization.scales, scales)
    assert list(graph.inputs) == list(stored.inputs)
    assert list(graph.outputs) == list(stored.outputs)


def test_padding_of_the_reference_models(mlperf_tiny: Path) -> None:
    first = read_graph(mlperf_tiny / "kws_int8.tflite").operators[0]
    assert first.window is not None
    assert first.window.stride == (2, 2)
    assert first.window.padding == Padding(top=4, bottom=5, left=1, right=1)
    first = read_graph(mlperf_tiny / "vww_int8.tflite").operators[0]
    assert first.window is not None
    assert first.window.padding == Padding(top=0, bottom=1, left=0, right=1)


@pytest.mark.parametrize("name", ["ic_float32", "kws_float32"])
def test_float_files_are_refused(mlperf_tiny: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"not a full-integer file.*--precision int8"):
        read_graph(mlperf_tiny / f"{name}.tflite")


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_every_operator_is_read_as_litert_runs_it(name: str) -> None:
    model, outputs = ONE_OPERATOR[name]()
    content = model.build(outputs)
    graph = parse_graph(content, name)
    generator = np.random.default_rng(0)
    inputs = [example(graph.tensors[index], generator) for index in graph.inputs]
    results = builtin_ref(content, inputs)
    for index, result in zip(graph.outputs, results, strict=True):
        assert graph.tensors[index].shape == result.shape
        assert graph.tensors[index].dtype == result.dtype.name


def example(tensor: Tensor, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return generator.normal(size=tensor.shape).astype(dtype)
    if dtype == np.int32:
        return generator.integers(0, ROWS, tensor.shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max + 1, tensor.shape).astype(dtype)


def test_operators_come_with_their_options() -> None:
    model = ModelBuilder()
    source = model.input((1, 6))
    output = ops.unary(model, "LEAKY_RELU", source, alpha=0.5)
    [operator] = parse_graph(model.build([output]), "m").operators
    assert operator == Operator(
        kind="LEAKY_RELU",
        inputs=(source,),
        outputs=(output,),
        place='operator 0 (LEAKY_RELU, "tensor1")',
        options={"alpha": 0.5},
    )


@given(values=st.lists(st.integers(-8, 7), min_size=1, max_size=33))
def test_int4_is_unpacked(values: list[int]) -> None:
    packed = pack_int4(np.array(values))
    assert unpack_int4(packed, len(values)).tolist() == values


def test_int4_weights_hold_one_value_an_element() -> None:
    weights = np.arange(-8, 7).reshape(3, 5)
    model = ModelBuilder()
    output = fully_connected(model, model.input((1, 5)), weights, 0.1, dtype="int4")
    graph = parse_graph(model.build([output]), "m")
    constant = graph.constant(graph.operators[0].inputs[1])
    assert constant is not None
    np.testing.assert_array_equal(constant, weights)


def test_constants_behind_the_flatbuffer() -> None:
    model, outputs = small_network()
    inside = parse_graph(model.build(outputs), "m")
    behind = model.model.buffers[1]
    stored, behind.data = behind.data.tobytes(), None
    # Placed at a guess first, so that the table has the fields.
    behind.offset, behind.size = 2**20, len(stored)
    start = len(model.build(outputs))
    behind.offset = start
    content = model.build(outputs)
    assert len(content) == start
    outside = parse_graph(content + stored, "m")
    for index, tensor in inside.tensors.items():
        if tensor.data is not None:
            other = outside.tensors[index].data
            assert other is not None
            np.testing.assert_array_equal(other, tensor.data)
    with pytest.raises(BadInput, match="lies outside the file"):
        parse_graph(content + stored[:-1], "m")


def test_operator_names_are_those_of_the_schema() -> None:
    numbers = {n: k for k, n in vars(schema.BuiltinOperator).items() if k.isupper()}
    assert dict(enumerate(OPERATORS)) == numbers
    assert set(RULES) <= set(OPERATORS)
    assert {name.split()[0] for name in ONE_OPERATOR} == set(RULES)
    for kind, options in OPTIONS.items():
        [name] = [n for n, v in vars(schema.BuiltinOptions).items() if v == options.number]
        described = {key.lower() for key in vars(getattr(schema, f"{name}T")())}
        fields = {field.name.replace("_", "") for field in options.fields}
        whole = {"activation": "fusedactivationfunction"}
        whole |= {f"dilation{side}": f"dilation{side}factor" for side in "hw"}
        assert {whole.get(field, field) for field in fields} <= described, kind


GEOMETRY = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(rows=GEOMETRY, columns=GEOMETRY, padding=st.sampled_from(["SAME", "VALID"]))
def test_padding_is_that_of_litert(rows: Any, columns: Any, padding: str) -> None:
    """Weights and image are 1, so each output counts the taps that fall inside the image."""
    (height, width), kernel, stride, dilation = zip(rows, columns, strict=True)
    if padding == "VALID":
        height += (kernel[0] - 1) * dilation[0]
        width += (kernel[1] - 1) * dilation[1]
    model = ModelBuilder()
    image = model.input((1, height, width, 1), 1.0)
    ones = np.ones((1, *kernel, 1), np.int8)
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "padding": padding}
    output = conv_2d(model, image, ones, 1.0, np.zeros(1, np.int32), scale=1.0, **options)
    content = model.build([output])
    graph = parse_graph(content, "m")
    window = graph.operators[0].window
    assert window is not None
    pad = window.padding
    lit = np.pad(np.ones((height, width), int), ((pad.top, pad.bottom), (pad.left, pad.right)))
    size = graph.tensors[output].shape[1:3]
    expected = np.zeros(size, int)
    for y, x in np.ndindex(*kernel):
        taps = lit[y * dilation[0] :: stride[0], x * dilation[1] :: stride[1]]
        expected += taps[: size[0], : size[1]]
    [result] = builtin_ref(content, [np.ones((1, height, width, 1), np.int8)])
    np.testing.assert_array_equal(result[0, :, :, 0], expected)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3)),
    columns=st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID"]),
)
def test_padding_of_transposed_convolutions(rows: Any, columns: Any, padding: str) -> None:
    """Weights and image are 1, so each output counts how often it is written."""
    size, kernel, stride = zip(rows, columns, strict=True)
    if padding == "VALID":
        size = size[0] + kernel[0] - 1, size[1] + kernel[1] - 1
    inner = [window_size(size[i], kernel[i], stride[i], 1, padding) for i in range(2)]
    model = ModelBuilder()
    image = model.input((1, *inner, 1), 1.0)
    ones = np.ones((1, *kernel, 1), np.int8)
    options: dict[str, Any] = {"size": size, "stride": stride, "padding": padding}
    output = transpose_conv(model, image, ones, 1.0, np.zeros(1, np.int32), scale=1.0, **options)
    content = model.build([output])
    window = parse_graph(content, "m").operators[0].window
    assert window is not None
    pad = window.padding
    wide = np.zeros((size[0] + pad.top + pad.bottom, size[1] + pad.left + pad.right), int)
    for y, x in np.ndindex(*inner):
        wide[y * stride[0] :, x * stride[1] :][: kernel[0], : kernel[1]] += 1
    [result] = builtin_ref(content, [np.ones((1, *inner, 1), np.int8)])
    expected = wide[pad.top :, pad.left :][: size[0], : size[1]]
    np.testing.assert_array_equal(result[0, :, :, 0], expected)
