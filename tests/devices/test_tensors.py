"""Samples to stored values and back, against TensorFlow Lite's own kernel."""

from __future__ import annotations

import flatbuffers
import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekd.devices.contract import DType, TensorInfo
from edgekd.devices.tensors import (
    quantize,
    random_inputs,
    real_values,
    sample_shape,
    stored_samples,
)
from edgekd.errors import BadInput


def _info(
    shape: list[int], dtype: DType, scale: float | None = None, zero_point: int | None = None
) -> TensorInfo:
    return TensorInfo(name="x", shape=shape, dtype=dtype, scale=scale, zero_point=zero_point)


def _tensor(name: str, n: int, kind: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, n], kind, 0
    return tensor


def _quantize_model(n: int, scale: float, zero_point: int) -> bytes:
    """A .tflite file that holds the one operator QUANTIZE."""
    source = _tensor("real", n, schema.TensorType.FLOAT32)
    stored = _tensor("stored", n, schema.TensorType.INT8)
    stored.quantization = schema.QuantizationParametersT()
    stored.quantization.scale, stored.quantization.zeroPoint = [scale], [zero_point]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [source, stored], [operator]
    graph.inputs, graph.outputs = [0], [1]
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(0.5, 3), (0.5847029, 83), (0.003921569, -128), (0.1, 0)]
)
def test_quantize_equals_the_reference_kernel(scale: float, zero_point: int) -> None:
    scale = float(np.float32(scale))
    halves = np.arange(-300, 300) * scale / 2
    spread = np.random.default_rng(0).standard_normal(2000) * scale * 60
    almost_half = np.nextafter(np.float32(scale / 2), np.float32(0))
    values = np.concatenate([halves, spread, [almost_half]]).astype(np.float32)[None]
    interpreter = Interpreter(
        model_content=_quantize_model(values.size, scale, zero_point),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, values)
    interpreter.invoke()
    info = _info([1, values.size], "int8", scale, zero_point)
    np.testing.assert_array_equal(quantize(values, info), interpreter.get_tensor(1))


@given(
    hnp.arrays(np.float32, 20, elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    st.floats(2.0**-20, 2.0**20, width=32),
    st.integers(-128, 127),
)
def test_a_round_trip_is_within_half_a_step(
    values: npt.NDArray[np.float32], scale: float, zero_point: int
) -> None:
    info = _info([20], "int8", scale, zero_point)
    stored = quantize(values, info)
    back = real_values(stored, info)
    low, high = scale * (-128 - zero_point), scale * (127 - zero_point)
    nearest = np.clip(values.astype(np.float64), low, high)
    assert stored.dtype == np.int8
    assert back.dtype == np.float32
    assert np.abs(back - nearest).max() <= scale * 0.5001


@given(st.integers(-128, 127), st.floats(2.0**-20, 2.0**20, width=32))
def test_every_code_survives(zero_point: int, scale: float) -> None:
    info = _info([256], "int8", scale, zero_point)
    codes = np.arange(-128, 128, dtype=np.int8)
    np.testing.assert_array_equal(quantize(real_values(codes, info), info), codes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(BadInput, match="NaN or infinite"):
        quantize(np.array([1, value], np.float32), _info([2], "int8", 0.1, 0))


@pytest.mark.parametrize(
    ("shape", "expected"), [([1, 3, 8, 8], (3, 8, 8)), ([10], (10,)), ([4, 3], (4, 3)), ([], ())]
)
def test_a_batch_of_one_is_left_out(shape: list[int], expected: tuple[int, ...]) -> None:
    assert sample_shape(_info(shape, "float32")) == expected


def test_samples_in_the_stored_dtype_pass_unchanged() -> None:
    samples = np.arange(6, dtype=np.int8).reshape(2, 3)
    np.testing.assert_array_equal(stored_samples(samples, _info([1, 3], "int8", 0.1, 4)), samples)


def test_transposed_samples_become_contiguous() -> None:
    samples = np.zeros((2, 4, 3), np.float32).transpose(0, 2, 1)
    assert stored_samples(samples, _info([1, 3, 4], "float32")).flags.c_contiguous


def test_float32_is_cast_to_half_precision() -> None:
    stored = stored_samples(np.ones((2, 3), np.float32), _info([1, 3], "float16"))
    assert stored.dtype == np.float16


@pytest.mark.parametrize("shape", [(2, 4), (3,), (2, 1, 3), ()])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="do not fit the input 'x' of shape"):
        stored_samples(np.zeros(shape, np.float32), _info([1, 3], "float32"))


@pytest.mark.parametrize(("given_dtype", "dtype"), [("float64", "float32"), ("float32", "int64")])
def test_another_dtype_is_refused(given_dtype: str, dtype: DType) -> None:
    with pytest.raises(BadInput, match=f"takes {dtype}, not {given_dtype}"):
        stored_samples(np.zeros((2, 3), given_dtype), _info([1, 3], dtype))


def test_integers_without_a_scale_stay_integers() -> None:
    labels = np.array([3, 4], np.int64)
    assert real_values(labels, _info([1, 2], "int64")).dtype == np.int64


def test_random_inputs_follow_the_specs() -> None:
    infos = [
        _info([1, 500], "float32"),
        _info([500], "float16"),
        _info([1, 500], "int8", 0.1, 3),
        _info([1, 500], "int64"),
        _info([1, 500], "bool"),
        _info([1, 500], "uint8"),
    ]
    samples = random_inputs(infos, 4, seed=5)
    assert [array.shape for array in samples] == [(4, 500)] * 6
    assert [array.dtype.name for array in samples] == [info.dtype for info in infos]
    assert (samples[2].min(), samples[2].max()) == (-128, 127)
    assert (samples[3].min(), samples[3].max()) == (0, 1)
    assert set(np.unique(samples[4])) == {False, True}
    assert (samples[5].min(), samples[5].max()) == (0, 255)
    assert abs(float(samples[0].mean())) < 0.1


def test_random_tokens_stay_below_their_limit() -> None:
    infos = [_info([1, 500], "int32"), _info([1, 500], "int64"), _info([1, 500], "int16")]
    samples = random_inputs(infos, 4, seed=5, limits=[90, 1, 2**40])
    assert [array.dtype.name for array in samples] == ["int32", "int64", "int16"]
    assert (samples[0].min(), samples[0].max()) == (0, 89)
    assert samples[1].max() == 0
    assert samples[2].max() <= np.iinfo(np.int16).max
    [beyond] = random_inputs(infos[:1], 4, seed=5)
    assert (beyond.min(), beyond.max()) == (0, 1)


def test_tokens_are_stored_as_they_are() -> None:
    tokens = np.array([[2**31 - 1, 0, -1]], np.int32)
    info = _info([1, 3], "int32")
    np.testing.assert_array_equal(stored_samples(tokens, info), tokens)
    assert real_values(tokens, info).dtype == np.int32


def test_random_inputs_are_fixed_by_their_seed() -> None:
    infos = [_info([1, 8], "float32")]
    first, again, other = (random_inputs(infos, 3, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
