"""Embedding tables in the quantization of a TFLite model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ai_edge_quantizer.quantizer import Quantizer

    from edgekd.export.tflite_quantize import Operator, Ranges

GROUP_SIZE = 32
_LOOKUP = "EMBEDDING_LOOKUP"
_LARGEST = 127
_LEVELS = 255


def add_static_config(quantizer: Quantizer) -> None:
    """Have tables stored as int8 with one scale each, and what is looked up in them as int8.

    The quantizer's policy does not list it, but the kernels of LiteRT and of TensorFlow Lite Micro
    copy rows of any type; tests/export/test_tflite.py holds them to torch.
    """
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        QuantGranularity,
        TensorQuantizationConfig,
        TFLOperationName,
    )

    quantizer.update_quantization_recipe(
        ".*",
        TFLOperationName.EMBEDDING_LOOKUP,
        OpQuantizationConfig(
            activation_tensor_config=TensorQuantizationConfig(num_bits=8, symmetric=False),
            weight_tensor_config=TensorQuantizationConfig(
                num_bits=8, symmetric=True, granularity=QuantGranularity.TENSORWISE
            ),
            compute_precision=ComputePrecision.INTEGER,
            skip_checks=True,
        ),
    )


def table_ranges(operators: list[Operator]) -> Ranges:
    """Ranges of tables, and of what is looked up in them, that give both the same scale.

    A table is symmetric, from -127 to 127; the other tensor begins at -128, so its range has one
    level more.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as flatbuffer

    ranges: Ranges = {}
    for kind, operator, tensors, buffers in operators:
        if kind != _LOOKUP:
            continue
        table = tensors[operator.inputs[1]]
        values = flatbuffer.get_tensor_data(table, buffers)
        if values is None:
            continue
        # In float64, so that both quotients are rounded to float32 but once.
        largest = np.abs(values).max(keepdims=True).astype(np.float64)
        smallest = largest - largest * _LEVELS / _LARGEST
        ranges[flatbuffer.get_tensor_name(table)] = {"min": -largest, "max": largest}
        output = tensors[operator.outputs[0]]
        ranges[flatbuffer.get_tensor_name(output)] = {"min": smallest, "max": largest}
    return ranges


def add_grouped_configs(quantizer: Quantizer, operators: list[Operator]) -> None:
    """Have tables stored as int4 in groups of 32, or int8 a row where rows do not divide."""
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    lookup = TFLOperationName.EMBEDDING_LOOKUP
    quantizer.add_dynamic_config(".*", lookup, 8)
    for kind, operator, tensors, _ in operators:
        if kind == _LOOKUP and tensors[operator.inputs[1]].shape[1] % GROUP_SIZE == 0:
            scope = tfl_flatbuffer_utils.get_op_scope(operator, tensors)
            quantizer.add_dynamic_config(
                f"^{re.escape(scope)}$", lookup, 4, granularity=QuantGranularity.BLOCKWISE_32
            )
