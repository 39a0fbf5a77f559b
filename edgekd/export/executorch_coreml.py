"""Exports a torch model to ExecuTorch for iPhones, by its Core ML delegate.

Nothing here can run these files: Core ML runs on Apple's systems only. Source:
``backends/apple/coreml`` of the executorch wheel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.coreml_program import NOT_RUN, systems
from edgekd.export.coreml_schemes import CoremlScheme, module_for, scheme_for
from edgekd.export.executorch_delegates import inspect_program
from edgekd.export.executorch_lowering import example_input, lowered, lowering, write_program
from edgekd.records import Preflight
from edgekd.third_party import require, versions

if TYPE_CHECKING:
    from torch.fx import GraphModule

_TOOLS = ("torch", "torchao", "executorch", "coremltools")


class CoremlDelegateExporter:
    """Writes ``model.pte`` for a batch of one; images are NCHW."""

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; int8 takes ``request.quantized``."""
        require(
            "executorch", "coremltools", "torchao", "executorch.backends.apple.coreml.partition"
        )
        with lowering("ExecuTorch's Core ML backend"):
            scheme = scheme_for(request)
            content = _program(request, scheme)
        path = write_program(content, request)
        inputs, outputs, found = inspect_program(path)
        preflight = _preflight(found, scheme)
        return ExportedModel(path, inputs, outputs, scheme.words, preflight, versions(*_TOOLS))


def _program(request: ExportRequest, scheme: CoremlScheme) -> bytes:
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    specs = CoreMLBackend.generate_compile_specs(
        compute_precision=scheme.precision,
        minimum_deployment_target=scheme.system,
        op_linear_quantizer_config=scheme.weights,
    )
    # Buffers that change, which Core ML holds from iOS 18 on, are none of these models'.
    partitioner = CoreMLPartitioner(compile_specs=specs, take_over_mutable_buffer=False)
    module = module_for(request, scheme)
    passes = [_without_debug_handles]
    return lowered(module, example_input(request), partitioner, passes=passes)


def _without_debug_handles(graph_module: GraphModule) -> Any:
    """Forget which operator is which: the delegate would carry a table of it, twice over.

    coremltools writes the rest of that table all the same, so that a small file stays about twice
    the size of its package.
    """
    from torch.fx.passes.infra.pass_base import PassResult

    for node in graph_module.graph.nodes:
        node.meta.pop("debug_handle", None)
    return PassResult(graph_module, True)


def _preflight(found: Preflight, scheme: CoremlScheme) -> Preflight:
    notes = [NOT_RUN, f"needs {systems(scheme.ios)}"]
    if found.undelegated:
        outside = ", ".join(f"{name} ({n})" for name, n in found.undelegated.items())
        notes.append(f"outside Core ML, on slow portable kernels of the CPU: {outside}")
    if found.float_fallbacks:
        notes.append(f"not quantized, in float16: {', '.join(found.float_fallbacks)}")
    update: dict[str, Any] = {"notes": notes}
    return found.model_copy(update=update)
