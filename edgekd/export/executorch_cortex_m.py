"""Exports a torch model to ExecuTorch for microcontrollers; nothing here can run these files.

Cortex-M: the operators become ``cortex_m::`` operators, which call CMSIS-NN. Ethos-U: TOSA lowers
the graph and Vela compiles it into one delegate. Both bring their own quantizer. Their runtimes are
built from ExecuTorch's sources for a board. Source: ``backends/cortex_m`` and ``backends/arm`` of
the executorch wheel.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, Unavailable
from edgekd.export.calibration import calibration_samples
from edgekd.export.contract import ExportedModel, ExportRequest, TensorSpec
from edgekd.export.executorch_lowering import lowering, quantized_statically, write_program
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.export.wording import input_and_output, tables
from edgekd.measure.vela import MEMORY_MODE, SYSTEM_CONFIGS, Accelerator
from edgekd.records import Preflight
from edgekd.third_party import require, versions, without_output

if TYPE_CHECKING:
    import torch

_TOOLS = ("torch", "torchao", "executorch", "tosa-tools")
_CORTEX_M = "cortex_m::"
_IMAGE_RANK = 4
_NOT_RUN = "exported, not run: its runtime is built for a board from ExecuTorch's sources"
_SCHEME = (
    "int8 weights per channel (symmetric), int8 activations per tensor (asymmetric, from {n} "
    "samples){tables}, {io}"
)


@dataclass(frozen=True)
class CortexMExporter:
    """Writes ``model.pte`` for a batch of one that calls CMSIS-NN; images lie in memory as NHWC.

    Attributes:
        core: as in ``cortex-m4``; decides how much scratch the kernels are given.
    """

    core: str

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; int8 only, from float weights."""
        # The passes of Cortex-M are shared with those of Ethos-U, which need tosa-tools.
        require("ethos", "torchao", "tosa_serializer", "executorch.backends.cortex_m.target_config")
        with _lowering("Cortex-M", request):
            content, n = _cortex_m_program(request, self.core)
        path = write_program(content, request)
        inputs, outputs, found = inspect_executorch(path)
        return ExportedModel(
            path,
            [_channels_last(spec) for spec in inputs],
            outputs,
            _scheme(request, n, "float32"),
            _cortex_m_preflight(found),
            versions(*_TOOLS),
        )


@dataclass(frozen=True)
class EthosUExporter:
    """Writes ``model.pte`` for a batch of one whose graph an Ethos-U NPU runs; images are NCHW.

    Attributes:
        accelerator: which NPU; Vela gets the configuration of :mod:`edgekd.measure.vela`.
    """

    accelerator: Accelerator

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; int8 only, from float weights."""
        require("ethos", "torchao", "tosa_serializer", "ethosu.vela", "executorch.exir")
        with _lowering("Ethos-U", request):
            content, n = _ethos_u_program(request, self.accelerator)
        path = write_program(content, request)
        inputs, outputs, found = inspect_executorch(path)
        tools = versions(*_TOOLS, "ethos-u-vela")
        scheme = _scheme(request, n, "int8 with one scale")
        return ExportedModel(path, inputs, outputs, scheme, _ethos_u_preflight(found), tools)


def _scheme(request: ExportRequest, samples: int, how_tables: str) -> str:
    return _SCHEME.format(
        n=samples, tables=tables(request, how_tables), io=input_and_output(request)
    )


@contextmanager
def _lowering(to: str, request: ExportRequest) -> Iterator[None]:
    """Refuse other precisions than int8, hold back chatter, and say what cannot be lowered."""
    if request.precision not in ("int8", "int8-qat"):
        raise Unavailable(f"ExecuTorch's {to} backend computes in int8, not {request.precision}")
    # Vela prints its summary on standard output, and at times its compiler in C++ its graph.
    try:
        with lowering(f"ExecuTorch's {to} backend"), without_output():
            yield
    except BadInput as error:
        if request.dtype != "int32":
            raise
        # Few networks of texts are for microcontrollers: the others of a run go on.
        raise Unavailable(error.what) from error


def _cortex_m_program(request: ExportRequest, core: str) -> tuple[bytes, int]:
    """Content of the ``.pte`` file, and the number of calibration samples."""
    import torch
    from executorch.backends.cortex_m.passes.cortex_m_pass_manager import CortexMPassManager
    from executorch.backends.cortex_m.quantizer.quantizer import CortexMQuantizer
    from executorch.backends.cortex_m.target_config import CortexMTargetConfig
    from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge

    try:
        target = CortexMTargetConfig.from_target_string(core)
    except ValueError as error:
        raise BadInput(str(error)) from error
    inputs = _inputs(request, channels_last=True)
    model: Any = copy.deepcopy(request.model)
    if inputs.ndim == _IMAGE_RANK:
        # The operators are the same either way, but the file is smaller.
        model = model.to(memory_format=torch.channels_last)
    quantized = quantized_statically(model, inputs, CortexMQuantizer())
    config = EdgeCompileConfig(
        # These have kernels of their own, which their decompositions would miss.
        preserve_ops=[torch.ops.aten.linear.default, torch.ops.aten.hardswish.default],
        _check_ir_validity=False,
        _core_aten_ops_exception_list=[torch.ops.aten.max_pool2d.default],
    )
    edge = to_edge(torch.export.export(quantized, (inputs[:1],)), compile_config=config)
    passes = CortexMPassManager(edge.exported_program(), target_config=target)
    lowered = EdgeProgramManager(passes.transform(), compile_config=config)
    return bytes(lowered.to_executorch().buffer), len(inputs)


def _ethos_u_program(request: ExportRequest, accelerator: Accelerator) -> tuple[bytes, int]:
    """Content of the ``.pte`` file, and the number of calibration samples."""
    import torch
    from executorch.backends.arm.ethosu import EthosUCompileSpec, EthosUPartitioner
    from executorch.backends.arm.quantizer import (
        EthosUQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    spec = EthosUCompileSpec(
        accelerator, system_config=SYSTEM_CONFIGS[accelerator], memory_mode=MEMORY_MODE
    )
    quantizer = EthosUQuantizer(spec)
    quantizer.set_global(get_symmetric_quantization_config())
    inputs = _inputs(request, channels_last=False)
    quantized = quantized_statically(request.model, inputs, quantizer)
    edge = to_edge_transform_and_lower(
        torch.export.export(quantized, (inputs[:1],)),
        partitioner=[EthosUPartitioner(spec)],
        compile_config=EdgeCompileConfig(_check_ir_validity=False),
    )
    return bytes(edge.to_executorch().buffer), len(inputs)


def _inputs(request: ExportRequest, *, channels_last: bool) -> torch.Tensor:
    import torch

    inputs = torch.from_numpy(calibration_samples(request).copy())
    if channels_last and inputs.ndim == _IMAGE_RANK:
        return inputs.to(memory_format=torch.channels_last)
    return inputs


def _channels_last(spec: TensorSpec) -> TensorSpec:
    """An image as it lies in memory, whatever ExecuTorch calls its sizes."""
    if len(spec.shape) != _IMAGE_RANK:
        return spec
    n, channels, height, width = spec.shape
    shape = [n, height, width, channels]
    return spec.model_copy(update={"shape": shape, "layout": "NHWC"})


def _cortex_m_preflight(found: Preflight) -> Preflight:
    """What is outside CMSIS-NN: the inspector knows no accelerated kernels but delegates."""
    accelerated = {name for name in found.undelegated if name.startswith(_CORTEX_M)}
    outside = {name: n for name, n in found.undelegated.items() if name not in accelerated}
    notes = [_NOT_RUN]
    if outside:
        notes.append(f"on portable kernels, not CMSIS-NN: {', '.join(sorted(outside))}")
    return _with(found, sum(found.undelegated[name] for name in accelerated), outside, notes)


def _ethos_u_preflight(found: Preflight) -> Preflight:
    notes = [_NOT_RUN, "what the NPU takes is one delegate, made by Vela"]
    if found.undelegated:
        notes.append(f"on the CPU, portable kernels: {', '.join(sorted(found.undelegated))}")
    return _with(found, found.delegated, found.undelegated, notes)


def _with(found: Preflight, delegated: int, outside: dict[str, int], notes: list[str]) -> Preflight:
    update: dict[str, Any] = {"delegated": delegated, "undelegated": outside, "notes": notes}
    return found.model_copy(update=update)
