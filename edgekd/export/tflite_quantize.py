"""Quantizes a float TFLite model with ai-edge-quantizer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgekd.errors import Unavailable
from edgekd.export import tflite_tables as tables
from edgekd.export.tflite_tables import GROUP_SIZE

if TYPE_CHECKING:
    from ai_edge_quantizer.quantizer import Quantizer

_EVERY_OPERATOR = ".*"
_ACTIVATION_LEVELS = 255
# XNNPACK's int4 kernels sum 16 times the products in int32, and the sums need room beside the bias.
_LARGEST_BIAS = 2.0**26
_SMALLEST_SCALE = 1e-9 / _ACTIVATION_LEVELS

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE")

Ranges = dict[str, dict[str, npt.NDArray[Any]]]


class Operator(NamedTuple):
    """An operator of a parsed model, with what its tensor indices point into."""

    kind: str
    operator: Any
    tensors: Any
    buffers: Any


def has_convolutions(model: bytes) -> bool:
    """Whether a layer of the model is a convolution."""
    return any(operator.kind in _CONVOLUTIONS for operator in _operators(model))


def float16_weights(model: bytes) -> bytes:
    """Store the weights as float16, each behind a DEQUANTIZE to float32."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(model)
    quantizer.add_weight_only_config(
        _EVERY_OPERATOR,
        TFLOperationName.ALL_SUPPORTED,
        16,
        algorithm_key=AlgorithmName.FLOAT_CASTING,
    )
    return _quantized(quantizer, None)


def static_integers(
    model: bytes, samples: npt.NDArray[np.float32 | np.int32], weight_bits: int
) -> bytes:
    """Full-integer quantization: int8 activations, int8 output, int8 input where it is float.

    Weights are symmetric per output channel with ``scale = max|w| / (2^(bits-1) - 1)``: weights
    that already lie on that grid are kept exactly. Activations are asymmetric per tensor; their
    ranges are the minimum and maximum over all samples (the quantizer's own moving average clips
    outliers).

    Args:
        model: a float TFLite model.
        samples: ``[N, ...]`` in the layout of the model's input.
        weight_bits: 8, or 4 for every convolution and fully connected layer. Embedding tables
            are int8 with one scale.

    Raises:
        Unavailable: LiteRT has no 4-bit kernel for one of the layers.
    """
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(model)
    quantizer.add_static_config(_EVERY_OPERATOR, TFLOperationName.ALL_SUPPORTED, 8, 8)
    if weight_bits == 4:
        _add_int4_static_configs(quantizer)
    tables.add_static_config(quantizer)
    ranges = _activation_ranges(model, samples, quantizer)
    ranges.update(_weight_ranges(model, ranges, weight_bits))
    ranges.update(tables.table_ranges(list(_operators(model))))
    quantized = _quantized(quantizer, ranges)
    if weight_bits == 4:
        _check_int4_weights(quantized)
    return quantized


def grouped_int4(model: bytes) -> tuple[bytes, int]:
    """Quantize fully connected layers and embedding tables to int4 in groups of 32.

    Layers whose inputs do not divide by 32 get int8 weights per output channel. Activations are
    quantized at run time.

    Returns:
        The model, and how many layers were left with int8 weights.

    Raises:
        Unavailable: no layer's inputs divide by 32.
    """
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    layer = TFLOperationName.FULLY_CONNECTED
    quantizer = Quantizer(model)
    quantizer.add_dynamic_config(_EVERY_OPERATOR, layer, 8)
    tables.add_grouped_configs(quantizer, list(_operators(model)))
    grouped = left = 0
    for kind, operator, tensors, _ in _operators(model):
        if kind != "FULLY_CONNECTED":
            continue
        if tensors[operator.inputs[1]].shape[1] % GROUP_SIZE:
            left += 1
            continue
        grouped += 1
        scope = tfl_flatbuffer_utils.get_op_scope(operator, tensors)
        quantizer.add_dynamic_config(
            f"^{re.escape(scope)}$", layer, 4, granularity=QuantGranularity.BLOCKWISE_32
        )
    if grouped == 0:
        raise Unavailable(f"no linear layer whose inputs divide by {GROUP_SIZE}, the int4 group")
    return _quantized(quantizer, None), left


def _add_int4_static_configs(quantizer: Quantizer) -> None:
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        QuantGranularity,
        TensorQuantizationConfig,
        TFLOperationName,
    )

    for operator in (TFLOperationName.CONV_2D, TFLOperationName.FULLY_CONNECTED):
        quantizer.add_static_config(_EVERY_OPERATOR, operator, 8, 4)
    # The quantizer's policy does not list depthwise convolutions at 4 bits, but LiteRT runs
    # them right; tests/export/test_tflite.py holds both to a float simulation.
    quantizer.update_quantization_recipe(
        _EVERY_OPERATOR,
        TFLOperationName.DEPTHWISE_CONV_2D,
        OpQuantizationConfig(
            activation_tensor_config=TensorQuantizationConfig(num_bits=8, symmetric=False),
            weight_tensor_config=TensorQuantizationConfig(
                num_bits=4, symmetric=True, granularity=QuantGranularity.CHANNELWISE
            ),
            compute_precision=ComputePrecision.INTEGER,
            skip_checks=True,
        ),
    )


def _activation_ranges(
    model: bytes, samples: npt.NDArray[np.float32 | np.int32], quantizer: Quantizer
) -> Ranges:
    from ai_edge_quantizer import recipe_manager
    from ai_edge_quantizer.calibrator import CalibrationMode, Calibrator
    from ai_edge_quantizer.utils import qsv_utils

    recipe = recipe_manager.RecipeManager()
    recipe.load_quantization_recipe(quantizer.get_quantization_recipe())
    calibrator = Calibrator(
        model,
        num_threads=1,
        mode=CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=qsv_utils.min_max_update,
    )
    ((signature, tensors),) = calibrator.get_signature_list().items()
    (name,) = tensors["inputs"]
    calibrator.calibrate({signature: [{name: sample[None]} for sample in samples]}, recipe)
    ranges: Ranges = calibrator.get_model_qsvs()
    return ranges


def _weight_ranges(model: bytes, ranges: Ranges, bits: int) -> Ranges:
    """Ranges of weights that would give a bias too small a scale; all others stay as they are.

    A bias is stored in int32 at ``input scale * weight scale``. A channel whose weights are all
    zero or tiny (pruned, or dead) would get a scale at which its bias overflows, and the quantizer
    does not notice.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as flatbuffer

    channel_axes = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "DEPTHWISE_CONV_2D": 3}
    largest = 2 ** (bits - 1) - 1
    widened: Ranges = {}
    for kind, operator, tensors, buffers in _operators(model):
        if kind not in channel_axes:
            continue
        inputs, weights, bias, _ = flatbuffer.parse_fc_bmm_conv_tensors(operator, tensors)
        values = flatbuffer.get_tensor_data(weights, buffers)
        input_range = ranges.get(flatbuffer.get_tensor_name(inputs))
        if bias is None or values is None or not input_range:
            continue
        others = tuple(axis for axis in range(values.ndim) if axis != channel_axes[kind])
        low, high = values.min(others, keepdims=True), values.max(others, keepdims=True)
        biases = np.abs(flatbuffer.get_tensor_data(bias, buffers)).reshape(low.shape)
        needed = largest * biases / (_LARGEST_BIAS * _input_scale(input_range))
        if (needed > np.maximum(np.abs(low), np.abs(high))).any():
            name = flatbuffer.get_tensor_name(weights)
            widened[name] = {"min": low, "max": np.maximum(high, needed).astype(np.float32)}
    return widened


def _input_scale(input_range: dict[str, npt.NDArray[np.float32]]) -> float:
    width = max(float(input_range["max"].max()), 0.0) - min(float(input_range["min"].min()), 0.0)
    return max(width / _ACTIVATION_LEVELS, _SMALLEST_SCALE)


def _quantized(quantizer: Quantizer, ranges: Ranges | None) -> bytes:
    result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    if result.quantized_model is None:
        raise RuntimeError("the quantizer gave no model")
    return bytes(result.quantized_model)


def _check_int4_weights(model: bytes) -> None:
    from ai_edge_litert.schema_py_generated import TensorType

    for kind, operator, tensors, _ in _operators(model):
        has_weights = kind in (*_CONVOLUTIONS, "FULLY_CONNECTED")
        if has_weights and tensors[operator.inputs[1]].type != TensorType.INT4:
            raise Unavailable(f"LiteRT has no kernel for {kind} with int4 weights")


def _operators(model: bytes) -> Iterator[Operator]:
    from ai_edge_litert.schema_py_generated import BuiltinOperator
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as flatbuffer

    kinds = {code: name for name, code in vars(BuiltinOperator).items() if name.isupper()}
    parsed = flatbuffer.read_model(model)
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            code = parsed.operatorCodes[operator.opcodeIndex].builtinCode
            yield Operator(kinds[code], operator, graph.tensors, parsed.buffers)
