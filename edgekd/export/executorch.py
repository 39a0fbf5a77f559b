"""Exports a torch model to ExecuTorch: a ``.pte`` file whose graph XNNPACK runs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch_lowering import (
    TOOLS,
    XNNPACK_MODULES,
    example_input,
    lowered,
    lowering,
    write_program,
)
from edgekd.export.executorch_passes import PASSES
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.export.wording import GROUPED_TABLES, STATIC_TABLES, input_and_output, tables
from edgekd.third_party import reason, require, versions

if TYPE_CHECKING:
    import torch


class ExecutorchExporter:
    """Writes ``model.pte`` for a batch of one; images are NCHW.

    Integer precisions take ``request.quantized``: torchao is ExecuTorch's own quantizer.
    """

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        require("executorch", *XNNPACK_MODULES)
        with lowering("ExecuTorch"):
            module, scheme = _at_precision(request)
            content = _program(module, _example(request))
            if request.precision == "fp16":
                _check_runs(content, request)
        path = write_program(content, request)
        inputs, outputs, preflight = inspect_executorch(path)
        return ExportedModel(path, inputs, outputs, scheme, preflight, versions(*TOOLS))


def _at_precision(request: ExportRequest) -> tuple[torch.nn.Module, str]:
    """The module to lower, and its scheme in words."""
    if request.precision == "fp32":
        return request.model, "float32"
    if request.precision == "fp16":
        words = f"float16 weights and arithmetic, {input_and_output(request, 'float16')}"
        return _half(request), words
    if request.quantized is None:
        raise BadInput(f"{request.precision} needs the model that torchao quantized")
    if request.precision != "int4":
        return request.quantized, (
            "int8 weights per channel (symmetric), int8 activations per tensor (asymmetric, "
            "min/max over the calibration samples)"
            f"{tables(request, STATIC_TABLES)}, {input_and_output(request)}"
        )
    group_size = _group_size(request.quantized)
    if group_size is None:
        raise Unavailable(
            "XNNPACK holds int4 weights only for linear layers with a multiple of 32 inputs: "
            "it has no int4 convolution, and the file would hold int8"
        )
    return request.quantized, (
        f"int4 weights in groups of {group_size} (symmetric, bfloat16 scales), activations "
        f"quantized to int8 at run time{tables(request, GROUPED_TABLES)}, "
        f"{input_and_output(request)}"
    )


def _half(request: ExportRequest) -> torch.nn.Module:
    """The model in float16; numbers of tokens stay integers.

    Raises:
        Unavailable: it casts to float32 itself, and mixes that with its weights.
    """
    import torch

    model = copy.deepcopy(request.model).half()
    try:
        with torch.no_grad():
            model(_example(request))
    except RuntimeError as error:
        raise Unavailable(
            f"the model cannot compute in float16: {reason(error)}",
            mend="cast to the type of its weights, not to float32",
        ) from error
    return model


def _group_size(quantized: torch.nn.Module) -> int | None:
    """Inputs in a group of int4 weights; ``None`` where weights are not grouped."""
    from torchao.quantization import IntxUnpackedToInt8Tensor

    for parameter in quantized.parameters():
        if isinstance(parameter, IntxUnpackedToInt8Tensor):
            return int(parameter.block_size[-1])
    return None


def _example(request: ExportRequest) -> torch.Tensor:
    example = example_input(request)
    is_half = request.precision == "fp16" and request.dtype == "float32"
    return example.half() if is_half else example


def _program(module: torch.nn.Module, example: torch.Tensor) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return lowered(module, example, XnnpackPartitioner(), passes=PASSES)


def _check_runs(content: bytes, request: ExportRequest) -> None:
    """Run one float16 inference: not every kernel has float16, and its range is small."""
    from executorch.extension.pybindings import _portable_lib

    try:
        module = _portable_lib._load_for_executorch_from_buffer(content)
        outputs = module.forward((_example(request),))
    except RuntimeError as error:
        raise Unavailable(f"the runtime cannot run it in float16: {reason(error)}") from error
    if not all(bool(output.isfinite().all()) for output in outputs):
        raise Unavailable("the model overflows float16")
