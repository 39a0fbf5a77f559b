"""Exports a language model to TFLite: two signatures, and the caches as inputs and outputs.

``decode`` takes one token, ``prefill_<n>`` takes ``n``; see
:class:`~edgekd.language.decoding.cached.ExplicitCacheDecoder` for what goes in and comes out.
litert-torch converts, ai-edge-quantizer quantizes.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.compress.scheme import GROUP_SIZE
from edgekd.errors import BadInput, EdgekdError
from edgekd.export import tflite_quantize
from edgekd.export.tflite import TOOLS, write_model
from edgekd.language.export.contract import ExportedDecoder
from edgekd.records import Precision
from edgekd.third_party import quiet, reason, require, versions

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgekd.language.network import CausalLanguageModel

# Enough tokens for a product of matrices to be worth it; what is left of a prompt goes one by one.
_PREFILL = 32
# The name that litert-torch gives to what a signature puts out.
_OUTPUT_LAYER = ".*_logits_output.*"
_ACTIVATIONS = "activations quantized to int8 for each token at run time, float32 cache and logits"


def export_tflite(
    model: CausalLanguageModel, precision: Precision, cache_length: int, out: Path
) -> ExportedDecoder:
    """Write ``model.tflite``.

    Args:
        model: float32, on the CPU; it is not changed.
        precision: what to export at.
        cache_length: positions that one conversation may fill.
        out: existing folder.

    Raises:
        BadInput: int4 and a layer's inputs do not divide into groups, or the model cannot be
            converted.
        MissingPackage: a package of this format is not installed.
        RunFailed: the folder cannot be written.
        Unavailable: LiteRT would compute the file wrong.
    """
    require("tflite", "litert_torch", "ai_edge_quantizer", "ai_edge_litert")
    from edgekd.language.quantized import check_whole_groups

    if precision == "int4":
        check_whole_groups(model)
    prefill = min(_PREFILL, cache_length)
    with quiet():
        content, scheme = _at_precision(_converted(model, cache_length, prefill), precision)
    path, (_, _, preflight) = write_model(content, out)
    return ExportedDecoder(path, scheme, versions(*TOOLS), preflight, [prefill])


def _converted(model: CausalLanguageModel, cache_length: int, prefill: int) -> bytes:
    """The model as float32 TFLite."""
    import litert_torch
    import torch

    from edgekd.language.decoding.cached import cache_shapes

    litert_torch.config.show_progress = False
    shapes = cache_shapes(model, cache_length)
    caches = {name: torch.zeros(shape) for name, shape in shapes.items()}
    decoder = _decoder(model, cache_length)

    def example(count: int) -> dict[str, torch.Tensor]:
        tokens, position = torch.zeros(1, count), torch.zeros(1)
        return {"tokens": tokens.int(), "position": position.int(), **caches}

    try:
        converter = litert_torch.signature("decode", decoder, sample_kwargs=example(1))
        if prefill > 1:
            name = f"prefill_{prefill}"
            converter = converter.signature(name, decoder, sample_kwargs=example(prefill))
        return bytes(converter.convert().model_content())
    # Tracing and lowering raise whatever the step that fails raises.
    except Exception as error:
        raise BadInput(f"the model cannot be converted to TFLite: {reason(error)}") from error


def _decoder(model: CausalLanguageModel, cache_length: int) -> nn.Module:
    """A decoder that writes to its caches by TFLite's own operator for that.

    Otherwise litert-torch makes a scatter of it, which no delegate takes.
    """
    import torch
    from litert_torch.generative.custom_ops.dynamic_update_slice import dynamic_update_slice

    from edgekd.language.decoding.cached import ExplicitCacheDecoder

    class Decoder(ExplicitCacheDecoder):
        def _updated(
            self, cache: torch.Tensor, new: torch.Tensor, positions: torch.Tensor, axis: int
        ) -> torch.Tensor:
            starts = [torch.zeros((), dtype=positions.dtype) for _ in cache.shape]
            starts[axis] = positions[0]
            updated: torch.Tensor = dynamic_update_slice(cache, new, starts)
            return updated

    return Decoder(copy.deepcopy(model), cache_length).eval().requires_grad_(False)


def _at_precision(model: bytes, precision: Precision) -> tuple[bytes, str]:
    """The model at a precision, and the scheme in words."""
    if precision == "fp32":
        return model, "float32"
    if precision == "fp16":
        return tflite_quantize.float16_weights(model), "float16 weights, float32 arithmetic"
    try:
        return _dynamic_integers(model, 4 if precision == "int4" else 8)
    except EdgekdError:
        raise
    # The quantizer's errors derive from ValueError, RuntimeError and KeyError.
    except Exception as error:
        raise BadInput(
            f"the TFLite model cannot be quantized to {precision}: {reason(error)}"
        ) from error


def _dynamic_integers(model: bytes, bits: int) -> tuple[bytes, str]:
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(model)
    quantizer.add_dynamic_config(".*", TFLOperationName.EMBEDDING_LOOKUP, 8)
    granularity = QuantGranularity.BLOCKWISE_32 if bits == 4 else QuantGranularity.CHANNELWISE
    layer = TFLOperationName.FULLY_CONNECTED
    quantizer.add_dynamic_config(".*", layer, bits, granularity=granularity)
    channelwise = QuantGranularity.CHANNELWISE
    quantizer.add_dynamic_config(_OUTPUT_LAYER, layer, 8, granularity=channelwise)
    result: Any = quantizer.quantize(enable_progress_bar=False, enable_progress_report=False)
    weights = (
        f"int4 weights in groups of {GROUP_SIZE} (symmetric, bfloat16 scales), int8 output layer "
        "per channel"
        if bits == 4
        else "int8 weights per channel (symmetric)"
    )
    content = _with_shared_buffers(bytes(result.quantized_model))
    return content, f"{weights}, int8 embedding per row, {_ACTIVATIONS}"


def _with_shared_buffers(content: bytes) -> bytes:
    """The file with each content stored once.

    Where embedding and output layer were one weight, the quantizer writes a copy of each for each
    signature.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    kept: dict[bytes, int] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data):
                digest = hashlib.sha256(bytes(data)).digest()
                tensor.buffer = kept.setdefault(digest, tensor.buffer)
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
