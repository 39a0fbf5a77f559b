"""Which operators are known, and the rule of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekd.export.c.graph import Window
from edgekd.export.c.reading import checks_arithmetic as arithmetic
from edgekd.export.c.reading import checks_layers as layers
from edgekd.export.c.reading import checks_layout as layout
from edgekd.export.c.reading.node import Node
from edgekd.export.c.reading.windows import convolution_window, pooling_window, transposed_window

_MANY = 2**16


@dataclass(frozen=True)
class Rule:
    """What an operator of a kind must look like.

    Attributes:
        check: raises BadInput where an operator breaks TensorFlow Lite's rules or ours.
        inputs: how many, at least and at most.
        outputs: how many at most; at least one.
        optional: the input that may be absent.
        window: works out the window of a convolution or pooling.
    """

    check: Callable[[Node], None]
    inputs: tuple[int, int] = (1, 1)
    outputs: int = 1
    optional: int | None = None
    window: Callable[[Node], Window] | None = None


_BINARY = Rule(arithmetic.check_binary, (2, 2))
_EXTREMUM = Rule(arithmetic.check_extremum, (2, 2))
_POOLING = Rule(arithmetic.check_pooling, window=pooling_window)
_REDUCTION = Rule(arithmetic.check_reduction, (2, 2))
_RESIZE = Rule(arithmetic.check_resize, (2, 2))
_ROOT = Rule(arithmetic.check_root)
_UNARY = Rule(arithmetic.check_unary)

RULES: dict[str, Rule] = {
    "ABS": _UNARY,
    "ADD": Rule(arithmetic.check_add, (2, 2)),
    "ARG_MAX": Rule(arithmetic.check_arg_max, (2, 2)),
    "AVERAGE_POOL_2D": _POOLING,
    "CONCATENATION": Rule(layout.check_concatenation, (1, _MANY)),
    "CONV_2D": Rule(layers.check_convolution, (2, 3), optional=2, window=convolution_window),
    "DEPTHWISE_CONV_2D": Rule(
        layers.check_depthwise, (2, 3), optional=2, window=convolution_window
    ),
    "DEQUANTIZE": Rule(arithmetic.check_dequantize),
    "EMBEDDING_LOOKUP": Rule(layout.check_embedding_lookup, (2, 2)),
    "EXP": _UNARY,
    "EXPAND_DIMS": Rule(layout.check_expand_dims, (2, 2)),
    "FULLY_CONNECTED": Rule(layers.check_fully_connected, (2, 3), optional=2),
    "GATHER": Rule(layout.check_gather, (2, 2)),
    "GELU": _UNARY,
    "HARD_SWISH": Rule(arithmetic.check_hard_swish),
    "LEAKY_RELU": Rule(arithmetic.check_leaky_relu),
    "LOG": _UNARY,
    "LOGISTIC": Rule(arithmetic.check_table(1 / 256, -128)),
    "LOG_SOFTMAX": Rule(arithmetic.check_log_softmax),
    "MAXIMUM": _EXTREMUM,
    "MAX_POOL_2D": _POOLING,
    "MEAN": _REDUCTION,
    "MINIMUM": _EXTREMUM,
    "MIRROR_PAD": Rule(layout.check_mirror_pad, (2, 2)),
    "MUL": _BINARY,
    "NEG": _UNARY,
    "PACK": Rule(layout.check_pack, (1, _MANY)),
    "PAD": Rule(layout.check_pad, (2, 2)),
    "PADV2": Rule(layout.check_pad, (3, 3)),
    "PRELU": Rule(arithmetic.check_prelu, (2, 2)),
    "QUANTIZE": Rule(arithmetic.check_quantize),
    "RELU": _UNARY,
    "RELU6": _UNARY,
    "RELU_0_TO_1": _UNARY,
    "RELU_N1_TO_1": _UNARY,
    "RESHAPE": Rule(layout.check_reshape, (1, 2), optional=1),
    "RESIZE_BILINEAR": _RESIZE,
    "RESIZE_NEAREST_NEIGHBOR": _RESIZE,
    "RSQRT": _ROOT,
    "SLICE": Rule(layout.check_slice, (3, 3)),
    "SOFTMAX": Rule(arithmetic.check_softmax),
    "SPLIT": Rule(layout.check_split, (2, 2), _MANY),
    "SPLIT_V": Rule(layout.check_split_v, (3, 3), _MANY),
    "SQRT": _ROOT,
    "SQUEEZE": Rule(layout.check_squeeze),
    "STRIDED_SLICE": Rule(layout.check_strided_slice, (4, 4)),
    "SUB": _BINARY,
    "SUM": _REDUCTION,
    "TANH": Rule(arithmetic.check_table(1 / 128, 0)),
    "TRANSPOSE": Rule(layout.check_transpose, (2, 2)),
    "TRANSPOSE_CONV": Rule(
        layers.check_transposed_convolution, (3, 4), optional=3, window=transposed_window
    ),
    "UNPACK": Rule(layout.check_unpack, outputs=_MANY),
}

# What to use in the place of common operators that are not known.
MENDS = {
    "BATCH_MATMUL": "use a dense layer with constant weights",
    "CAST": "keep the whole graph in int8",
    "CUSTOM": "use TensorFlow Lite's built-in operators",
    "DELEGATE": "export the model before a delegate has changed it",
    "DIV": "multiply by the reciprocal",
    "ELU": "use RELU or LEAKY_RELU: LiteRT's reference kernels have no ELU",
    "GATHER_ND": "use slices",
    "IF": "convert the model without control flow",
    "L2_POOL_2D": "use average or max pooling",
    "LSTM": "use convolutions over time",
    "REDUCE_MAX": "use max pooling",
    "RNN": "use convolutions over time",
    "SHAPE": "convert the model with a fixed input shape and a batch of 1",
    "SIN": "compute it before the model",
    "SQUARE": "multiply the tensor with itself: LiteRT has no SQUARE in int8",
    "SQUARED_DIFFERENCE": "use SUB and MUL",
    "TILE": "let ADD or MUL broadcast",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "use convolutions over time",
    "WHILE": "convert the model without control flow",
}
