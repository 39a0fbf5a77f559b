"""Numbers of TFLite's schema, and what they stand for.

Source: ``tensorflow/compiler/mlir/lite/schema/schema.fbs``, version 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekd.export.c.graph import DType

TENSOR_TYPES: dict[int, DType] = {
    0: "float32",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    17: "int4",
}
UNREADABLE_TYPES = {
    1: "float16",
    5: "string",
    8: "complex64",
    10: "float64",
    11: "complex128",
    12: "uint64",
    13: "resource",
    14: "variant",
    15: "uint32",
    16: "uint16",
    18: "bfloat16",
    19: "int2",
    20: "uint4",
    21: "float8",
    22: "float8",
}
# Those that can be fused into integer kernels; TANH and SIGN_BIT follow.
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
MIRROR_MODES = ("REFLECT", "SYMMETRIC")
PADDINGS = ("SAME", "VALID")
BLOCKWISE = 2

# By ``BuiltinOperator`` number.
OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM
EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND
TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST
PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN
TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN
FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN
FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU
REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM
MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM
STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Field:
    """A field of an options table.

    Attributes:
        name: TFLite's own, in snake case.
        slot: in the table.
        kind: ``byte`` for enumerations.
        default: of an integer that is not given.
    """

    name: str
    slot: int
    kind: Literal["integer", "byte", "flag", "real", "integers"] = "integer"
    default: int = 0


@dataclass(frozen=True)
class Options:
    """The options table of an operator.

    Attributes:
        number: in ``BuiltinOptions``.
        fields: those that matter to integer arithmetic.
    """

    number: int
    fields: tuple[Field, ...]


def _window(number: int, activation: int, *more: Field) -> Options:
    padding = Field("padding", 0, "byte")
    strides = (Field("stride_w", 1), Field("stride_h", 2))
    return Options(number, (padding, *strides, Field("activation", activation, "byte"), *more))


def _dilation(slot: int) -> tuple[Field, Field]:
    return Field("dilation_w", slot, default=1), Field("dilation_h", slot + 1, default=1)


def _activation(number: int) -> Options:
    return Options(number, (Field("activation", 0, "byte"),))


_POOL = _window(5, 5, Field("filter_width", 3), Field("filter_height", 4))
_REDUCER = Options(27, (Field("keep_dims", 0, "flag"),))
OPTIONS: dict[str, Options] = {
    "ADD": _activation(11),
    "ARG_MAX": Options(40, (Field("output_type", 0, "byte"),)),
    "AVERAGE_POOL_2D": _POOL,
    "CONCATENATION": Options(10, (Field("axis", 0), Field("activation", 1, "byte"))),
    "CONV_2D": _window(1, 3, *_dilation(4)),
    "DEPTHWISE_CONV_2D": _window(2, 4, Field("depth_multiplier", 3), *_dilation(5)),
    "FULLY_CONNECTED": Options(
        8,
        (
            Field("activation", 0, "byte"),
            Field("weights_format", 1, "byte"),
            Field("keep_num_dims", 2, "flag"),
        ),
    ),
    "GATHER": Options(23, (Field("axis", 0), Field("batch_dims", 1))),
    "GELU": Options(116, (Field("approximate", 0, "flag"),)),
    "LEAKY_RELU": Options(75, (Field("alpha", 0, "real"),)),
    "MAX_POOL_2D": _POOL,
    "MEAN": _REDUCER,
    "MIRROR_PAD": Options(77, (Field("mode", 0, "byte"),)),
    "MUL": _activation(21),
    "PACK": Options(59, (Field("values_count", 0), Field("axis", 1))),
    "RESHAPE": Options(17, (Field("new_shape", 0, "integers"),)),
    "RESIZE_BILINEAR": Options(
        15, (Field("align_corners", 2, "flag"), Field("half_pixel_centers", 3, "flag"))
    ),
    "RESIZE_NEAREST_NEIGHBOR": Options(
        74, (Field("align_corners", 0, "flag"), Field("half_pixel_centers", 1, "flag"))
    ),
    "SOFTMAX": Options(9, (Field("beta", 0, "real"),)),
    "SPLIT": Options(35, (Field("num_splits", 0),)),
    "SPLIT_V": Options(79, (Field("num_splits", 0),)),
    "SQUEEZE": Options(30, (Field("squeeze_dims", 0, "integers"),)),
    "STRIDED_SLICE": Options(
        32,
        (
            Field("begin_mask", 0),
            Field("end_mask", 1),
            Field("ellipsis_mask", 2),
            Field("new_axis_mask", 3),
            Field("shrink_axis_mask", 4),
            Field("offset", 5, "flag"),
        ),
    ),
    "SUB": _activation(28),
    "SUM": _REDUCER,
    "TRANSPOSE_CONV": _window(49, 3),
    "UNPACK": Options(64, (Field("num", 0), Field("axis", 1))),
}
