"""The embedding of a quantized ONNX decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekd.compress.scheme import GROUP_SIZE
from edgekd.language.export.onnx_weights import (
    CONTRIB,
    LOGITS,
    Bits,
    initializers,
    pack,
    put_first,
)

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_TOKENS = "input_ids"
_BITS: Bits = 8


def quantize_embedding(model: ModelProto, *, shared: bool) -> ModelProto:
    """Read int8 rows, each with its scale, by ONNX Runtime's GatherBlockQuantized.

    Args:
        model: whose linear layers are MatMulNBits already.
        shared: the output layer holds the same int8 rows: its own are read.
    """
    from onnx import helper, numpy_helper

    place, lookup = next(
        (place, node) for place, node in enumerate(model.graph.node) if _TOKENS in node.input[1:]
    )
    weights = initializers(model)[lookup.input[0]]
    width = weights.dims[1]
    packed, scale = _of_output_layer(model) if shared else _own_rows(model, weights)
    model.graph.initializer.remove(weights)
    # MatMulNBits has [rows, groups, 32], this operator [rows, width], at most a group wider.
    constants = {"shape": [0, -1], "start": [0], "end": [width], "axis": [-1]}
    for name, values in constants.items():
        constant = numpy_helper.from_array(np.array(values, np.int64), f"embedding_{name}")
        model.graph.initializer.append(constant)
    rows, wide = "embedding_rows", "embedding_of_whole_groups"
    gather = helper.make_node(
        "GatherBlockQuantized",
        [rows, lookup.input[1], scale],
        [wide],
        name=lookup.name,
        domain=CONTRIB,
        bits=_BITS,
        block_size=GROUP_SIZE,
        gather_axis=0,
        quantize_axis=1,
    )
    cut = [wide, "embedding_start", "embedding_end", "embedding_axis"]
    model.graph.node[place].CopyFrom(helper.make_node("Slice", cut, list(lookup.output)))
    model.graph.node.insert(place, gather)
    put_first(model, [helper.make_node("Reshape", [packed, "embedding_shape"], [rows])])
    return model


def _of_output_layer(model: ModelProto) -> tuple[str, str]:
    """Names of the output layer's weights and scales."""
    layer = next(node for node in model.graph.node if LOGITS in node.output)
    return layer.input[1], layer.input[2]


def _own_rows(model: ModelProto, weights: TensorProto) -> tuple[str, str]:
    """Names of the embedding's weights and scales, which are added."""
    from onnx import numpy_helper

    values, scales = pack(numpy_helper.to_array(weights), _BITS)
    packed, scale = f"{weights.name}_int8", f"{weights.name}_scale"
    model.graph.initializer.append(numpy_helper.from_array(values, packed))
    model.graph.initializer.append(numpy_helper.from_array(scales, scale))
    return packed, scale
