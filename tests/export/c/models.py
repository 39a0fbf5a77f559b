"""Builds small full-integer TFLite files, one operator after the other, and runs them in LiteRT.

``ModelBuilder`` holds a graph; each function below adds one operator, works out the output's shape
and returns the output's tensor index::

    model = ModelBuilder()
    image = model.input((1, 8, 8, 3), scale=0.05, zero_point=-3)
    image = conv_2d(model, image, weights, scales, bias, scale=0.1, zero_point=4, stride=(2, 2))
    content = model.build([softmax(model, reshape(model, image, (1, -1)))])
    [probabilities] = builtin_ref(content, [stored])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

Array = npt.NDArray[Any]
Pair = tuple[int, int]
Scales = float | Sequence[float]
# Inputs of int32 are numbers of rows in a table, which has at least so many.
ROWS = 8

_OPTIONS = {
    "ADD": "Add",
    "ARG_MAX": "ArgMax",
    "AVERAGE_POOL_2D": "Pool2D",
    "CONCATENATION": "Concatenation",
    "CONV_2D": "Conv2D",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "FULLY_CONNECTED": "FullyConnected",
    "GATHER": "Gather",
    "GELU": "Gelu",
    "LEAKY_RELU": "LeakyRelu",
    "MAX_POOL_2D": "Pool2D",
    "MEAN": "Reducer",
    "MIRROR_PAD": "MirrorPad",
    "MUL": "Mul",
    "PACK": "Pack",
    "RESHAPE": "Reshape",
    "RESIZE_BILINEAR": "ResizeBilinear",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor",
    "SOFTMAX": "Softmax",
    "SPLIT": "Split",
    "SPLIT_V": "SplitV",
    "SQUEEZE": "Squeeze",
    "STRIDED_SLICE": "StridedSlice",
    "SUB": "Sub",
    "SUM": "Reducer",
    "TRANSPOSE_CONV": "TransposeConv",
    "UNPACK": "Unpack",
}


class ModelBuilder:
    """A TFLite file in the making; ``model`` is open to tests that break it."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.name = "main"
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.subgraphs, self.model.operatorCodes = [self.graph], []
        self.model.buffers = [schema.BufferT()]

    def input(
        self, shape: Sequence[int], scale: float = 0.1, zero_point: int = 0, dtype: str = "int8"
    ) -> int:
        """A new input of the model."""
        index = self.tensor(shape, dtype, scale, zero_point)
        self.graph.inputs.append(index)
        return index

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: Scales | None = 0.1,
        zero_point: int = 0,
        axis: int = 0,
        data: Array | None = None,
    ) -> int:
        """A new tensor; with ``data`` a constant. ``int4`` data has one value an element."""
        tensor = schema.TensorT()
        tensor.name = f"tensor{len(self.graph.tensors)}"
        tensor.shape = list(shape)
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if scale is not None and dtype not in ("float32", "bool"):
            scales = [scale] if isinstance(scale, float) else list(scale)
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            stored = schema.BufferT()
            packed = pack_int4(data) if dtype == "int4" else np.asarray(data, np.dtype(dtype))
            stored.data = np.frombuffer(packed.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(stored)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(
        self,
        values: Any,
        dtype: str = "int32",
        scale: Scales | None = None,
        zero_point: int = 0,
        axis: int = 0,
    ) -> int:
        """A new constant, an operand in int32 if not said otherwise."""
        data = np.asarray(values)
        return self.tensor(data.shape, dtype, scale, zero_point, axis, data)

    def shape(self, index: int) -> tuple[int, ...]:
        """Of a tensor."""
        return tuple(self.graph.tensors[index].shape)

    def like(self, index: int, shape: Sequence[int]) -> int:
        """A new tensor of another's type and quantization."""
        other = self.graph.tensors[index]
        new = self.tensor(shape, scale=None)
        self.graph.tensors[new].type = other.type
        self.graph.tensors[new].quantization = other.quantization
        return new

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any
    ) -> None:
        """A new operator; options by the schema's names in camelCase, ``fused`` an activation."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if kind in _OPTIONS:
            name = f"{_OPTIONS[kind]}Options"
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = getattr(schema, f"{name}T")()
            fused = options.pop("fused", None)
            if fused is not None:
                activation = getattr(schema.ActivationFunctionType, fused)
                options["fusedActivationFunction"] = activation
            for option, value in options.items():
                assert hasattr(operator.builtinOptions, option), option
                setattr(operator.builtinOptions, option, value)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(operator)

    def build(self, outputs: Sequence[int]) -> bytes:
        """The file."""
        import flatbuffers

        self.graph.outputs = list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def builtin_ref(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """What LiteRT's portable kernels compute: the numbers that C must give, to the bit.

    Raises:
        RuntimeError: LiteRT refuses the model.
        ValueError: likewise.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    for details, values in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    details = interpreter.get_output_details()
    return [cast(Array, interpreter.get_tensor(one["index"])) for one in details]


def pack_int4(values: Array) -> Array:
    """Two a byte, the lower half first."""
    flat = values.reshape(-1).astype(np.int8)
    flat = np.append(flat, np.zeros(len(flat) % 2, np.int8)).view(np.uint8) & 0x0F
    return cast(Array, flat[::2] | flat[1::2] << 4)


def window_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Output size along one dimension, as TensorFlow Lite's ``ComputeOutSize``."""
    if padding == "SAME":
        return (size + stride - 1) // stride
    return (size + stride - ((kernel - 1) * dilation + 1)) // stride


def _window(padding: str, stride: Pair) -> dict[str, Any]:
    return {
        "padding": getattr(schema.Padding, padding),
        "strideH": stride[0],
        "strideW": stride[1],
    }


def _weights(
    model: ModelBuilder,
    source: int,
    weights: Array,
    weight_scale: Scales,
    bias: Array | None,
    axis: int,
    dtype: str,
) -> list[int]:
    """Indices of the weights and, with a bias, of the bias in the scale that it must have."""
    constants = [model.constant(weights, dtype, weight_scale, axis=axis)]
    if bias is not None:
        scales = [weight_scale] if isinstance(weight_scale, float) else list(weight_scale)
        source_scale = model.graph.tensors[source].quantization.scale[0]
        products = [source_scale * scale for scale in scales]
        constants.append(model.constant(bias, "int32", products))
    return constants


def conv_2d(
    model: ModelBuilder,
    image: int,
    weights: Array,
    weight_scale: Scales,
    bias: Array | None = None,
    *,
    scale: float = 0.1,
    zero_point: int = 0,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: str = "SAME",
    fused: str = "NONE",
    dtype: str = "int8",
) -> int:
    """CONV_2D; weights (output channels, height, width, input channels)."""
    constants = _weights(model, image, weights, weight_scale, bias, 0, dtype)
    shape = _convolved(model.shape(image), weights, stride, dilation, padding)
    output = model.tensor((*shape, weights.shape[0]), scale=scale, zero_point=zero_point)
    dilations = {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    options = {**_window(padding, stride), **dilations, "fused": fused}
    model.operator("CONV_2D", [image, *constants], [output], **options)
    return output


def depthwise_conv_2d(
    model: ModelBuilder,
    image: int,
    weights: Array,
    weight_scale: Scales,
    bias: Array | None = None,
    *,
    scale: float = 0.1,
    zero_point: int = 0,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: str = "SAME",
    fused: str = "NONE",
    dtype: str = "int8",
) -> int:
    """DEPTHWISE_CONV_2D; weights (1, height, width, input channels * depth multiplier)."""
    constants = _weights(model, image, weights, weight_scale, bias, 3, dtype)
    shape = _convolved(model.shape(image), weights, stride, dilation, padding)
    output = model.tensor((*shape, weights.shape[3]), scale=scale, zero_point=zero_point)
    dilations = {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    multiplier = weights.shape[3] // model.shape(image)[3]
    options = {**_window(padding, stride), **dilations, "fused": fused}
    options["depthMultiplier"] = multiplier
    model.operator("DEPTHWISE_CONV_2D", [image, *constants], [output], **options)
    return output


def transpose_conv(
    model: ModelBuilder,
    image: int,
    weights: Array,
    weight_scale: Scales,
    bias: Array | None = None,
    *,
    size: Pair,
    scale: float = 0.1,
    zero_point: int = 0,
    stride: Pair = (1, 1),
    padding: str = "SAME",
    fused: str = "NONE",
) -> int:
    """TRANSPOSE_CONV to a height and width; weights (output channels, height, width, input)."""
    constants = _weights(model, image, weights, weight_scale, bias, 0, "int8")
    shape = (model.shape(image)[0], *size, weights.shape[0])
    inputs = [model.constant(shape), constants[0], image, *constants[1:]]
    output = model.tensor(shape, scale=scale, zero_point=zero_point)
    model.operator("TRANSPOSE_CONV", inputs, [output], **_window(padding, stride), fused=fused)
    return output


def fully_connected(
    model: ModelBuilder,
    source: int,
    weights: Array,
    weight_scale: Scales,
    bias: Array | None = None,
    *,
    scale: float = 0.1,
    zero_point: int = 0,
    fused: str = "NONE",
    keep_num_dims: bool = False,
    dtype: str = "int8",
) -> int:
    """FULLY_CONNECTED; weights (units, inputs)."""
    constants = _weights(model, source, weights, weight_scale, bias, 0, dtype)
    units, inputs = weights.shape
    shape = model.shape(source)
    rows = shape[:-1] if keep_num_dims else (math.prod(shape) // inputs,)
    output = model.tensor((*rows, units), scale=scale, zero_point=zero_point)
    options = {"fused": fused, "keepNumDims": keep_num_dims}
    model.operator("FULLY_CONNECTED", [source, *constants], [output], **options)
    return output


def _convolved(
    image: tuple[int, ...], weights: Array, stride: Pair, dilation: Pair, padding: str
) -> tuple[int, int, int]:
    height, width = (
        window_size(image[1 + i], weights.shape[1 + i], stride[i], dilation[i], padding)
        for i in range(2)
    )
    return image[0], height, width
