"""Exports a language model to ExecuTorch: a ``.pte`` file that XNNPACK runs, its cache inside.

The one method ``forward(tokens [1, S], position [1])`` takes any number of tokens, up to the
length of the cache; see :class:`~edgekd.language.decoding.cached.CachedDecoder`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgekd.compress.scheme import GROUP_SIZE
from edgekd.errors import RunFailed, Unavailable
from edgekd.export.executorch_lowering import MODEL_FILE, TOOLS, XNNPACK_MODULES, lowering
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.language.export.contract import ExportedDecoder
from edgekd.records import Precision, Preflight
from edgekd.third_party import require, versions

if TYPE_CHECKING:
    from executorch.exir import ExecutorchProgramManager
    from torch import nn

    from edgekd.language.network import CausalLanguageModel

_EMBEDDING = "int8 embedding per row"
_OUTPUT = "int8 output layer per channel"
_ACTIVATIONS = "activations quantized to int8 for each token at run time, float32 cache and logits"
_SCHEMES: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16 weights, arithmetic, cache and logits",
    "int8": f"int8 weights per channel (symmetric), {_EMBEDDING}, {_ACTIVATIONS}",
    "int4": (
        f"int4 weights in groups of {GROUP_SIZE} (symmetric, bfloat16 scales), {_OUTPUT}, "
        f"{_EMBEDDING}, {_ACTIVATIONS}"
    ),
}
# Integers beyond are not exact in float16.
_FLOAT16_POSITIONS = 2048
_PROBE_TOKENS = 8
# Of the logits, relative: rounding to float16 gives some 0.002.
_LARGEST_ERROR = 0.1
# Operators that look something up, move it or count positions; none of them computes.
_LOOKUPS = {
    "aten::embedding",
    "quantized_decomposed::embedding_byte",
    "aten::index",
    "aten::index_put_",
    "aten::slice_copy",
    "aten::add",
    "aten::arange",
    "aten::sym_size",
    "dim_order_ops::_to_dim_order_copy",
    "executorch_prim::et_view",
}


def export_executorch(
    model: CausalLanguageModel, precision: Precision, cache_length: int, out: Path
) -> ExportedDecoder:
    """Write ``model.pte``.

    Args:
        model: float32, on the CPU; it is not changed. Weights that lie on the grid of
            :mod:`edgekd.language.quantized` keep their integers.
        precision: what to export at.
        cache_length: positions that one conversation may fill.
        out: existing folder.

    Raises:
        BadInput: int4 and a layer's inputs do not divide into groups, or the model cannot be
            lowered.
        MissingPackage: executorch or torchao is not installed.
        RunFailed: the folder cannot be written.
        Unavailable: the model overflows float16, or float16 cannot count the cache's positions.
    """
    require("executorch", *XNNPACK_MODULES)
    # Weights of quantization-aware training are quantized by the same scheme.
    precision = "int8" if precision == "int8-qat" else precision
    with lowering("ExecuTorch"):
        program = _program(_at_precision(model, precision, cache_length), cache_length)
        if precision == "fp16":
            _check_float16(program.buffer, model, cache_length)
    path = out / MODEL_FILE
    try:
        with path.open("wb") as stream:
            program.write_to_file(stream)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    preflight = _preflight(path, model, precision)
    return ExportedDecoder(path, _SCHEMES[precision], versions(*TOOLS), preflight)


def _at_precision(model: CausalLanguageModel, precision: Precision, cache_length: int) -> nn.Module:
    from edgekd.language.decoding.cached import CachedDecoder
    from edgekd.language.quantized import check_whole_groups

    if precision == "int4":
        check_whole_groups(model)
    decoder: nn.Module = CachedDecoder(copy.deepcopy(model), cache_length)
    decoder = decoder.eval().requires_grad_(False)
    if precision == "fp16":
        return decoder.half()
    if precision in ("int8", "int4"):
        _quantize(decoder, precision)
    return decoder


def _quantize(decoder: nn.Module, precision: Literal["int8", "int4"]) -> None:
    """Give embedding and linear layers torchao's integer weights, of the grids of training."""
    import torch
    from torchao.quantization import IntxUnpackedToInt8Tensor

    from edgekd.language.quantized import grid_scale, weight_grids

    for module, bits, group_size in weight_grids(decoder, precision):
        weight = module.weight
        scale = grid_scale(weight, bits, group_size)
        activations = "int8_asym_per_token" if isinstance(module, torch.nn.Linear) else None
        quantized = IntxUnpackedToInt8Tensor.from_hp(
            weight,
            (1, group_size or weight.shape[1]),
            torch.int4 if bits == 4 else torch.int8,  # type: ignore[attr-defined]
            activation_quantization=activations,
            intx_choose_qparams_algorithm=None,
            custom_scale=scale,
            custom_zero_point=torch.zeros_like(scale, dtype=torch.int8),
        )
        module.weight = torch.nn.Parameter(quantized, requires_grad=False)


def _program(decoder: nn.Module, cache_length: int) -> ExecutorchProgramManager:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower

    # An example of one token would make one the only number of tokens.
    count = min(3, cache_length)
    example = torch.zeros(1, count, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    sizes = {1: torch.export.Dim("tokens", min=1, max=cache_length)}
    with torch.no_grad():
        exported = torch.export.export(decoder, example, dynamic_shapes=(sizes, None))
        edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        # The cache is written in place, and quantized rows are looked up as they are stored.
        config = ExecutorchBackendConfig(
            run_reinplace_pass=True, do_quant_fusion_and_const_prop=True
        )
        return edge.to_executorch(config)


def _check_float16(content: bytes, model: CausalLanguageModel, cache_length: int) -> None:
    """Compare a few tokens with float32.

    The mean square of an activation beyond 256 is infinite in float16, and its norm then zero:
    nothing but the answer tells. Language models have a few such activations from the first token.
    """
    import torch
    from executorch.extension.pybindings import _portable_lib

    if cache_length > _FLOAT16_POSITIONS:
        raise Unavailable(f"float16 counts no further than {_FLOAT16_POSITIONS} positions")
    count = min(_PROBE_TOKENS, cache_length)
    tokens = torch.arange(count, dtype=torch.int32)[None] % model.architecture.vocabulary
    module = _portable_lib._load_for_executorch_from_buffer(content)
    [got] = module.forward((tokens, torch.zeros(1, dtype=torch.int32)))
    with torch.no_grad():
        wanted = model(tokens)[:, -1]
    error = (got.float() - wanted).norm() / wanted.norm()
    # Written so that NaN fails too.
    if not error < _LARGEST_ERROR:
        raise Unavailable("the model overflows float16", mend="take int8, or fp16 in TFLite")


def _preflight(path: Path, model: CausalLanguageModel, precision: Precision) -> Preflight:
    """What the file holds, and what in it is as it must be."""
    _, _, found = inspect_executorch(path)
    notes = found.notes
    if found.undelegated and set(found.undelegated) <= _LOOKUPS:
        count = sum(found.undelegated.values())
        notes = [
            f"{count} operators outside the delegate look up rows, count positions and store the "
            "cache; all arithmetic is inside"
        ]
    if model.architecture.tied_embeddings:
        # The delegate packs its own copy of the output layer.
        bytes_each = {"fp32": 4, "fp16": 2}.get(precision, 1)
        extra = model.embedding.weight.numel() * bytes_each
        notes = [*notes, f"the weight of embedding and output layer is stored twice: {extra} bytes"]
    return found.model_copy(update={"notes": notes})
