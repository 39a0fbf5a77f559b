"""Exports a causal language model to ONNX with past key values: optimum-onnx converts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekd.compress.scheme import GROUP_SIZE
from edgekd.errors import BadInput, EdgekdError, RunFailed
from edgekd.export.onnx_preflight import preflight_decoder
from edgekd.language.export.contract import ExportedDecoder
from edgekd.language.export.onnx_embedding import quantize_embedding
from edgekd.language.export.onnx_weights import (
    Bits,
    float16_weights,
    quantize_linear_layers,
)
from edgekd.language.llama import to_transformers
from edgekd.language.quantized import check_whole_groups
from edgekd.records import Precision
from edgekd.third_party import quiet, reason, require, versions

if TYPE_CHECKING:
    from onnx import ModelProto

    from edgekd.language.network import CausalLanguageModel

MODEL_FILE = "model.onnx"
_OPSET = 18
_TASK = "text-generation-with-past"
_LARGEST_WEIGHTS = 2**31 - 2**24  # protobuf's limit, less what the graph itself takes
_TOOLS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime")
_WEIGHTS: dict[Bits, str] = {
    8: "int8 weights per channel (symmetric)",
    4: (
        f"int4 weights in groups of {GROUP_SIZE} (symmetric, bfloat16 scales), int8 output layer "
        "per channel"
    ),
}
_EMBEDDING = "int8 embedding per row"
_ACTIVATIONS = (
    f"activations quantized to int8 in groups of {GROUP_SIZE} at run time, float32 cache and logits"
)


def export_onnx(
    model: CausalLanguageModel, precision: Precision, cache_length: int, out: Path
) -> ExportedDecoder:
    """Write ``model.onnx``: one file for any number of tokens, with or without a past.

    Inputs are int64 ``input_ids [B, T]``, ``attention_mask [B, P + T]``, ``position_ids [B, T]``
    and float32 ``past_key_values.N.key`` and ``.value`` ``[B, heads, P, head width]``; outputs
    float32 ``logits [B, T, vocabulary]`` and ``present.N.key`` and ``.value``, the next call's
    past. Weights that are tied are stored once.

    Args:
        model: float32, in eval mode on the CPU; it is not changed. Weights that lie on the grid
            of :mod:`edgekd.language.quantized` keep their integers.
        precision: of the weights.
        cache_length: positions of a conversation; the file itself sets no limit.
        out: existing folder.

    Raises:
        BadInput: int4 and a layer's inputs do not divide into groups, the model cannot be
            converted, or is too large for one file.
        MissingPackage: a package of this format is not installed.
        RunFailed: the file cannot be written.
        Unavailable: fp16 and a weight is beyond it.
    """
    require("language", "transformers", "optimum.onnxruntime", "onnx", "onnxruntime")
    _check_size(model)
    with quiet():
        converted, scheme = _at_precision(model, precision)
    path = out / MODEL_FILE
    try:
        path.write_bytes(converted.SerializeToString(deterministic=True))
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    return ExportedDecoder(
        path=path,
        scheme=scheme,
        tools=versions(*_TOOLS),
        preflight=preflight_decoder(path),
        prefill=[],
    )


def _check_size(model: CausalLanguageModel) -> None:
    # Weights that are tied are two until they are shared in the file.
    count = sum(value.numel() for value in model.state_dict().values())
    if 4 * count > _LARGEST_WEIGHTS:
        raise BadInput(
            f"{4 * count / 2**30:.1f} GiB of float32 weights cannot go through one ONNX file",
            mend="export it to ExecuTorch",
        )


def _at_precision(model: CausalLanguageModel, precision: Precision) -> tuple[ModelProto, str]:
    """The model at the precision, and the scheme in words."""
    if precision == "int4":
        check_whole_groups(model)
    try:
        converted = _converted(model, share_weights=precision in ("fp32", "fp16"))
        if precision == "fp32":
            return converted, "float32"
        if precision == "fp16":
            scheme = "float16 weights, widened to float32 at load; float32 cache and logits"
            return float16_weights(converted), scheme
        bits: Bits = 4 if precision == "int4" else 8
        shared = model.architecture.tied_embeddings
        quantized = quantize_embedding(quantize_linear_layers(converted, bits), shared=shared)
        return quantized, f"{_WEIGHTS[bits]}, {_EMBEDDING}, {_ACTIVATIONS}"
    except EdgekdError:
        raise
    # Tracing and the quantizers raise whatever the step that fails raises.
    except Exception as error:
        raise BadInput(
            f"the language model cannot be converted to ONNX at {precision}: {reason(error)}"
        ) from error


def _converted(model: CausalLanguageModel, *, share_weights: bool) -> ModelProto:
    """The model as float32 ONNX; the quantizers need each layer's own weights."""
    import onnx
    from optimum.exporters.onnx import onnx_export_from_model

    llama = to_transformers(model)
    # The fused attention is taken apart into a softmax that guards against rows without a token.
    llama.set_attn_implementation("eager")
    with tempfile.TemporaryDirectory(prefix="edgekd-onnx-") as folder:
        onnx_export_from_model(
            llama,
            Path(folder),
            task=_TASK,
            opset=_OPSET,
            no_post_process=not share_weights,
            do_validation=False,
        )
        converted: ModelProto = onnx.load(Path(folder, MODEL_FILE))
    # Inferred shapes mislead ONNX Runtime's quantizers once they change the graph.
    del converted.graph.value_info[:]
    return converted
