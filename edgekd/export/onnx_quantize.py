"""Quantizes a float ONNX model with ONNX Runtime's quantizers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import Unavailable
from edgekd.export.onnx_groups import keep_trained_groups, layer_weights
from edgekd.export.onnx_tables import GROUP_SIZE, group_tables, static_overrides

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

INT4_OPSET = 21
_INT4_LIMIT = 7
# The level at which MatMulNBits quantizes its activations to int8 instead of computing in float.
_INT8_ACTIVATIONS = 4
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_LAYERS = (*_CONVOLUTIONS, "Gemm", "MatMul")
_SMALLEST_FLOAT16 = 2.0**-24
_LARGEST_FLOAT16 = 65504.0


def has_convolutions(model: ModelProto) -> bool:
    """Whether a layer of the model is a convolution."""
    return any(node.op_type in _CONVOLUTIONS for node in model.graph.node)


def float16_graph(model: ModelProto) -> ModelProto:
    """Weights and activations in float16; the input and the output stay float32."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # Its own defaults clip at 1e-7 and 1e4.
    converted = ONNXModel(
        convert_float_to_float16(
            model,
            min_positive_val=_SMALLEST_FLOAT16,
            max_finite_val=_LARGEST_FLOAT16,
            keep_io_types=True,
        )
    )
    converted.topological_sort()  # the converter appends the Cast of the input
    sorted_model: ModelProto = converted.model
    return sorted_model


def static_int8(model: ModelProto, samples: npt.NDArray[np.float32 | np.int32]) -> ModelProto:
    """QDQ with int8 activations and int8 weights; the input and the output stay float32.

    Weights are symmetric per output channel with ``scale = max|w| / 127``: weights that already
    lie on that grid are kept exactly. Activations are asymmetric per tensor over the minimum and
    maximum of all samples: the range of a ReLU then costs no level, and the ReLU itself goes.
    Embedding tables are int8 with one scale.

    Args:
        model: a float ONNX model.
        samples: ``[N, ...]`` in the layout of the model's input.
    """
    return _static(model, samples, static_overrides(model))


def static_int4(model: ModelProto, samples: npt.NDArray[np.float32 | np.int32]) -> ModelProto:
    """As :func:`static_int8`, with weights on the int4 grid, ``scale = max|w| / 7``.

    ONNX Runtime has no int4 convolution: it would dequantize int4 weights on each inference and
    compute in float. So they are stored in int4, and a Cast, which ONNX Runtime folds when it loads
    the file, widens them to int8: what runs are its int8 kernels.

    Args:
        model: a float ONNX model of opset 21 or above.
        samples: ``[N, ...]`` in the layout of the model's input.

    Raises:
        Unavailable: ONNX Runtime's quantizer leaves the weights of a layer in float.
    """
    from onnxruntime.quantization.quant_utils import TENSOR_NAME_QUANT_SUFFIX

    scales = _int4_scales(model)
    quantized = _static(model, samples, {**static_overrides(model), **scales})
    _store_in_int4(quantized, {f"{name}{TENSOR_NAME_QUANT_SUFFIX}" for name in scales})
    return quantized


def grouped_int4(model: ModelProto) -> ModelProto:
    """MatMulNBits: int4 weights in groups of 32 inputs, activations quantized at run time.

    ONNX Runtime's grid is ``q * s`` with q from -8 to 7 and ``s = -w/8``, w being the weight of
    the group with the largest magnitude; layers that were trained for ``max|w| / 7`` keep their
    own integers. Embedding tables are int4 in groups as well.

    Raises:
        Unavailable: there is no linear layer.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.onnx_model import ONNXModel

    layers = ONNXModel(model)
    layers.replace_gemm_with_matmul()  # the quantizer passes over Gemm
    weights = layer_weights(layers.model)
    quantizer = MatMulNBitsQuantizer(
        layers.model,
        block_size=GROUP_SIZE,
        is_symmetric=True,
        accuracy_level=_INT8_ACTIVATIONS,
    )
    quantizer.process()
    quantized: ModelProto = quantizer.model.model
    keep_trained_groups(quantized, weights)
    group_tables(quantized)
    if not any(node.op_type == "MatMulNBits" for node in quantized.graph.node):
        raise Unavailable("no linear layer whose weights could be int4")
    return quantized


def _static(
    model: ModelProto, samples: npt.NDArray[np.float32 | np.int32], overrides: dict[str, Any]
) -> ModelProto:
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    # ONNX Runtime normalizes in float: integers around it would cost accuracy and gain nothing.
    operators = {*QDQRegistry, *QLinearOpsRegistry} - {"LayerNormalization"}
    with tempfile.TemporaryDirectory(prefix="edgekd-onnx-") as folder:
        path = Path(folder, "quantized.onnx")
        quantize_static(
            model,
            path,
            _reader(model.graph.input[0].name, samples),
            quant_format=QuantFormat.QDQ,
            # Unsigned: ONNX Runtime's kernels for x86 want that, and its own rewrite from signed
            # stops at tensors that are read twice, as residual networks have them.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=sorted(operators),
            per_channel=True,
            reduce_range=False,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"ActivationSymmetric": False, "TensorQuantOverrides": overrides},
        )
        return onnx.load(path)


def _reader(name: str, samples: npt.NDArray[np.float32 | np.int32]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """One sample at a time."""

        def __init__(self) -> None:
            self._feeds = iter([{name: sample[None]} for sample in samples])

        def get_next(self) -> dict[str, npt.NDArray[np.float32 | np.int32]] | None:
            return next(self._feeds, None)

    return Reader()


def _int4_scales(model: ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Scale of each channel of each weight, as overrides of the quantizer's own int8 scales.

    Its own int4 scales are ``max|w| / 7.5``, and it widens too small a scale for the sake of the
    bias only where weights are int8.
    """
    from onnx import numpy_helper

    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    overrides: dict[str, list[dict[str, Any]]] = {}
    for node in model.graph.node:
        if node.op_type not in _LAYERS or node.input[1] not in initializers:
            continue
        weights = numpy_helper.to_array(initializers[node.input[1]])
        axis = _channel_axis(node, weights.ndim)
        others = tuple(other for other in range(weights.ndim) if other != axis)
        largest = np.abs(weights).max(axis=others)
        scales = np.where(largest > 0, largest / np.float32(_INT4_LIMIT), np.float32(1))
        zero = np.array(0, dtype=np.int8)
        overrides[node.input[1]] = [
            {"axis": axis, "scale": np.array(scale, dtype=np.float32), "zero_point": zero}
            for scale in scales
        ]
    return overrides


def _channel_axis(node: NodeProto, rank: int) -> int:
    """The axis of a layer's output channels in its weights."""
    if node.op_type == "Gemm":
        return 0 if any(item.name == "transB" and item.i for item in node.attribute) else 1
    return {"Conv": 0, "ConvTranspose": 1, "MatMul": rank - 1}[node.op_type]


def _store_in_int4(model: ModelProto, names: set[str]) -> None:
    """Pack int8 initializers of 4-bit values, and put a Cast to int8 behind each."""
    import ml_dtypes
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in names:
            continue
        int8_name, int4_name = tensor.name, f"{tensor.name}_int4"
        values = numpy_helper.to_array(tensor).astype(ml_dtypes.int4)
        tensor.CopyFrom(numpy_helper.from_array(values, int4_name))
        casts.append(helper.make_node("Cast", [int4_name], [int8_name], to=TensorProto.INT8))
    if len(casts) < len(names):
        raise Unavailable("ONNX Runtime's quantizer leaves the weights of a layer in float")
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
