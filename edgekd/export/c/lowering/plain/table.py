"""The plain kernels: C99 for every core, one obvious loop for each operator."""

from __future__ import annotations

from edgekd.export.c.lowering.plain import (
    dense,
    elementwise,
    embeddings,
    movement,
    values,
    windows,
)
from edgekd.export.c.step import Lowering

_TABLES = (
    *("LOOKUP", "LOGISTIC", "TANH", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"),
    *("LEAKY_RELU", "ELU", "GELU", "ABS", "NEG", "SQUARE", "SQRT", "RSQRT", "EXP", "LOG"),
)
_REARRANGING = (
    *("PAD", "PADV2", "MIRROR_PAD", "SLICE", "STRIDED_SLICE", "TRANSPOSE"),
    "RESIZE_NEAREST_NEIGHBOR",
)

LOWERINGS: dict[str, tuple[Lowering, ...]] = {
    "CONV_2D": (windows.convolution,),
    "DEPTHWISE_CONV_2D": (windows.depthwise,),
    "TRANSPOSE_CONV": (windows.transposed_convolution,),
    "AVERAGE_POOL_2D": (windows.pool,),
    "MAX_POOL_2D": (windows.pool,),
    "FULLY_CONNECTED": (dense.fully_connected,),
    "SOFTMAX": (dense.softmax,),
    "MEAN": (dense.mean,),
    "ADD": (elementwise.add,),
    "SUB": (elementwise.add,),
    "MUL": (elementwise.multiply,),
    "MAXIMUM": (elementwise.extremum,),
    "MINIMUM": (elementwise.extremum,),
    "PRELU": (elementwise.prelu,),
    "QUANTIZE": (values.quantize,),
    "DEQUANTIZE": (values.dequantize,),
    "ARG_MAX": (values.arg_max,),
    "CONCATENATION": (movement.concatenation,),
    "PACK": (movement.concatenation,),
    "EMBEDDING_LOOKUP": (embeddings.lookup_rows,),
    "GATHER": (embeddings.lookup_rows,),
    "EMBEDDING_MEAN": (embeddings.embedding_mean,),
    "SPLIT": (movement.split,),
    "SPLIT_V": (movement.split,),
    "UNPACK": (movement.split,),
    "RESIZE_BILINEAR": (movement.resize_bilinear,),
    "RESHAPE": (movement.reshape,),
    "SQUEEZE": (movement.reshape,),
    "EXPAND_DIMS": (movement.reshape,),
    **dict.fromkeys(_REARRANGING, (movement.rearrange,)),
    **dict.fromkeys(_TABLES, (values.lookup,)),
}
