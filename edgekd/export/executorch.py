"""Exports a torch model to ExecuTorch: a ``.pte`` file whose graph XNNPACK runs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch_lowering import example_input, lowered, lowering, write_program
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.third_party import reason, require, versions

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule

_TOOLS = ("torch", "torchao", "executorch")
_MODULES = (
    "torchao",
    "executorch.exir",
    "executorch.backends.xnnpack.partition.xnnpack_partitioner",
    # The bindings own the registry of kernels, so they come before the kernels of quantize and
    # dequantize nodes that no delegate takes.
    "executorch.extension.pybindings._portable_lib",
    "executorch.kernels.quantized",
)


class ExecutorchExporter:
    """Writes ``model.pte`` for a batch of one; images are NCHW.

    Integer precisions take ``request.quantized``: torchao is ExecuTorch's own quantizer.
    """

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        require("executorch", *_MODULES)
        with lowering("ExecuTorch"):
            module, scheme = _at_precision(request)
            content = _program(module, _example(request))
            if request.precision == "fp16":
                _check_runs(content, request)
        path = write_program(content, request)
        inputs, outputs, preflight = inspect_executorch(path)
        return ExportedModel(path, inputs, outputs, scheme, preflight, versions(*_TOOLS))


def _at_precision(request: ExportRequest) -> tuple[torch.nn.Module, str]:
    """The module to lower, and its scheme in words."""
    if request.precision == "fp32":
        return request.model, "float32"
    if request.precision == "fp16":
        return copy.deepcopy(request.model).half(), "float16 weights, arithmetic, input and output"
    if request.quantized is None:
        raise BadInput(f"{request.precision} needs the model that torchao quantized")
    if request.precision != "int4":
        return request.quantized, (
            "int8 weights per channel (symmetric), int8 activations per tensor (asymmetric, "
            "min/max over the calibration samples), float32 input and output"
        )
    group_size = _group_size(request.quantized)
    if group_size is None:
        raise Unavailable(
            "XNNPACK holds int4 weights only for linear layers with a multiple of 32 inputs: "
            "it has no int4 convolution, and the file would hold int8"
        )
    return request.quantized, (
        f"int4 weights in groups of {group_size} (symmetric, bfloat16 scales), activations "
        "quantized to int8 at run time, float32 input and output"
    )


def _group_size(quantized: torch.nn.Module) -> int | None:
    """Inputs in a group of int4 weights; ``None`` where weights are not grouped."""
    from torchao.quantization import IntxUnpackedToInt8Tensor

    for parameter in quantized.parameters():
        if isinstance(parameter, IntxUnpackedToInt8Tensor):
            return int(parameter.block_size[-1])
    return None


def _example(request: ExportRequest) -> torch.Tensor:
    example = example_input(request)
    return example.half() if request.precision == "fp16" else example


def _program(module: torch.nn.Module, example: torch.Tensor) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return lowered(module, example, XnnpackPartitioner(), passes=[_exclude_padding])


def _exclude_padding(graph_module: GraphModule) -> Any:
    """Say of average pooling without padding that padding does not count.

    It is the same operation, but XNNPACK takes it only when told so: torch's default is that
    padding counts, and the portable kernel is 100 to 200 times slower.
    """
    from executorch.exir.dialects._ops import ops
    from torch.fx.passes.infra.pass_base import PassResult

    changed = False
    for node in graph_module.graph.nodes:
        if node.op != "call_function" or node.target != ops.edge.aten.avg_pool2d.default:
            continue
        # input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        defaults = (None, None, (), (0, 0), False, True, None)
        arguments = [*node.args, *defaults[len(node.args) :]]
        if not any(arguments[3]) and not arguments[4]:
            arguments[5] = False
            node.args = tuple(arguments[:6] if arguments[6] is None else arguments)
            changed = True
    graph_module.recompile()
    return PassResult(graph_module, changed)


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
