"""Exports a torch model to ExecuTorch for the GPU of an Android phone, by its Vulkan delegate.

Nothing here can run these files: the PyPI wheel has no Vulkan runtime. It comes with
``executorch-android-vulkan``. Source: ``backends/vulkan`` of the executorch wheel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch_delegates import inspect_program
from edgekd.export.executorch_lowering import example_input, lowered, lowering, write_program
from edgekd.export.wording import STATIC_TABLES, input_and_output, tables
from edgekd.records import Precision, Preflight
from edgekd.third_party import require, versions

if TYPE_CHECKING:
    import torch

_TOOLS = ("torch", "torchao", "executorch")
_NOT_RUN = "exported, not run: there is no Vulkan runtime here"
_SCHEMES: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16 weights and arithmetic, {io}",
    "int8": (
        "int8 weights per channel (symmetric), int8 activations per tensor (asymmetric, min/max "
        "over the calibration samples){tables}, {io}"
    ),
}


class VulkanExporter:
    """Writes ``model.pte`` for a batch of one; images are NCHW.

    int8 takes ``request.quantized``: the delegate fuses the quantize and dequantize nodes of
    torchao's static scheme into its own int8 operators.
    """

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        require(
            "executorch", "torchao", "executorch.backends.vulkan.partitioner.vulkan_partitioner"
        )
        # Weights of quantization-aware training are quantized by the same scheme.
        precision: Precision = "int8" if request.precision == "int8-qat" else request.precision
        if precision not in _SCHEMES:
            raise Unavailable(
                f"ExecuTorch's Vulkan backend has no {precision} convolution, and its {precision} "
                "linear layer fails to lower where outputs do not divide by 4"
            )
        with lowering("ExecuTorch's Vulkan backend"):
            content = _program(_module(request), request)
        path = write_program(content, request)
        inputs, outputs, found = inspect_program(path)
        scheme = _SCHEMES[precision].format(
            io=input_and_output(request), tables=tables(request, STATIC_TABLES)
        )
        return ExportedModel(path, inputs, outputs, scheme, _preflight(found), versions(*_TOOLS))


def _module(request: ExportRequest) -> torch.nn.Module:
    if request.precision in ("fp32", "fp16"):
        return request.model
    if request.quantized is None:
        raise BadInput(f"{request.precision} needs the model that torchao quantized")
    return request.quantized


def _program(module: torch.nn.Module, request: ExportRequest) -> bytes:
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

    partitioner = VulkanPartitioner({"force_fp16": request.precision == "fp16"})
    return lowered(module, example_input(request), partitioner)


def _preflight(found: Preflight) -> Preflight:
    notes = [_NOT_RUN]
    if found.undelegated:
        outside = ", ".join(f"{name} ({n})" for name, n in found.undelegated.items())
        notes.append(
            f"outside the GPU, on slow portable kernels of the CPU, with a copy each way: {outside}"
        )
    if found.float_fallbacks:
        floats = ", ".join(sorted(found.float_fallbacks))
        notes.append(f"in float32 on the GPU, though the rest is int8: {floats}")
    update: dict[str, Any] = {"notes": notes}
    return found.model_copy(update=update)
