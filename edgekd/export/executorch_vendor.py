"""Exports a torch model to ExecuTorch for an NPU whose compiler only its vendor hands out.

None of these SDKs was at hand when this was written: the calls are those of the Python parts in the
executorch 1.4.1 wheel (``backends/{qualcomm,mediatek,samsung,nxp}``) and their examples, and no
file of theirs was ever made or run here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, Unavailable
from edgekd.export.calibration import calibration_samples
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch_delegates import inspect_program
from edgekd.export.executorch_lowering import (
    example_input,
    lowered,
    lowering,
    quantized_statically,
    write_program,
)
from edgekd.export.wording import input_and_output
from edgekd.records import Precision
from edgekd.target import Target, VendorSdk
from edgekd.third_party import reason, require, versions
from edgekd.vendor_sdk import missing_sdk

if TYPE_CHECKING:
    import torch
    from torchao.quantization.pt2e.quantizer import Quantizer

_TOOLS = ("torch", "torchao", "executorch")
_FLOAT: tuple[Precision, ...] = ("fp16",)
_INTEGER: tuple[Precision, ...] = ("int8", "int8-qat")
_SCHEMES = {
    False: "float16 arithmetic, {io}",
    True: "int8 weights and activations by the vendor's quantizer, {io}",
}


@dataclass(frozen=True)
class _Vendor:
    """One vendor's backend.

    Attributes:
        precisions: what its NPU computes in.
        program: content of the ``.pte`` file of a request, for an SoC.
    """

    precisions: tuple[Precision, ...]
    program: Callable[[ExportRequest, str], bytes]


class VendorExporter:
    """Writes ``model.pte`` for a batch of one; images are NCHW.

    Args:
        target: its runtime is the vendor and the SoC, as in ``qnn-sm8650``; it names its SDK.
    """

    def __init__(self, target: Target) -> None:
        vendor, _, self._soc = target.runtime.partition("-")
        if vendor not in _VENDORS or not self._soc or target.sdk is None:
            known = ", ".join(_VENDORS)
            raise BadInput(
                f"the runtime {target.runtime!r} is no vendor and SoC",
                where=target.name,
                mend=f"known vendors: {known}; as in qnn-sm8650, with the SDK's name",
            )
        self._vendor, self._sdk = _VENDORS[vendor], target.sdk

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; from float weights.

        Raises:
            Unavailable: the vendor's SDK is not installed, or its NPU has no such precision.
        """
        if request.precision not in self._vendor.precisions:
            known = ", ".join(self._vendor.precisions)
            raise Unavailable(f"this NPU computes in {known}, not {request.precision}")
        # Before anything of the vendor's is imported: QNN's package downloads the SDK it misses.
        missing = missing_sdk(self._sdk)
        if missing is not None:
            raise Unavailable(missing)
        require("executorch", "torchao", "executorch.exir")
        with lowering(f"ExecuTorch's backend for {self._sdk.name}"):
            try:
                content = self._vendor.program(request, self._soc)
            except ImportError as error:
                raise _missing(self._sdk, reason(error)) from error
        path = write_program(content, request)
        inputs, outputs, found = inspect_program(path)
        notes = ["exported, not run", *found.notes]
        preflight = found.model_copy(update={"notes": notes})
        scheme = _SCHEMES[request.precision in _INTEGER].format(io=input_and_output(request))
        return ExportedModel(path, inputs, outputs, scheme, preflight, versions(*_TOOLS))


def _missing(sdk: VendorSdk, why: str) -> Unavailable:
    return Unavailable(f"needs the vendor's SDK {sdk.name}: {why}", mend=f"see {sdk.where}")


def _module(request: ExportRequest, quantizer: Callable[[], Quantizer]) -> torch.nn.Module:
    """The model, quantized where the request is for integers."""
    import torch

    if request.precision not in _INTEGER:
        return request.model
    inputs = torch.from_numpy(calibration_samples(request).copy())
    return quantized_statically(request.model, inputs, quantizer())


def _qnn(request: ExportRequest, soc: str) -> bytes:
    """Qualcomm's Hexagon NPU. Source: ``backends/qualcomm/export_utils.py``."""
    from executorch.backends.qualcomm.quantizer.quantizer import QnnQuantizer, QuantDtype
    from executorch.backends.qualcomm.serialization.qc_schema import QcomChipset
    from executorch.backends.qualcomm.utils import utils
    from executorch.exir import ExecutorchBackendConfig
    from torchao.quantization.pt2e import MinMaxObserver

    chip = _one_of(QcomChipset.__members__, soc.upper())

    def quantizer() -> Any:
        made = QnnQuantizer(soc_model=chip)
        made.set_default_quant_config(
            QuantDtype.use_8a8w, is_linear_per_channel=True, act_observer=MinMaxObserver
        )
        return made

    options = utils.generate_htp_compiler_spec(use_fp16=request.precision == "fp16")
    edge = utils.to_edge_transform_and_lower_to_qnn(
        _module(request, quantizer),
        (example_input(request),),
        utils.generate_qnn_executorch_compiler_spec(soc_model=chip, backend_options=options),
    )
    config = ExecutorchBackendConfig(segment_alignment=utils.get_qnn_context_binary_alignment())
    return bytes(edge.to_executorch(config=config).buffer)


def _mediatek(request: ExportRequest, soc: str) -> bytes:
    """MediaTek's NPU. Source: ``backends/mediatek/preprocess.py``, ``quantizer/quantizer.py``."""
    from executorch.backends.mediatek import NeuropilotPartitioner, NeuropilotQuantizer
    from executorch.exir.backend.backend_details import CompileSpec

    partitioner = NeuropilotPartitioner([CompileSpec("platform-config", soc.encode())])
    # Its quantizer begins with int8 weights per channel and int8 activations.
    module = _module(request, NeuropilotQuantizer)
    return lowered(module, example_input(request), partitioner)


def _samsung(request: ExportRequest, soc: str) -> bytes:
    """Samsung's Exynos NPU. Source: ``backends/samsung/utils/export_utils.py``."""
    from executorch.backends.samsung.partition.enn_partitioner import EnnPartitioner
    from executorch.backends.samsung.quantizer import EnnQuantizer
    from executorch.backends.samsung.serialization import compile_options
    from executorch.backends.samsung.utils.export_utils import (
        get_edge_compile_config,
        get_enn_pass_list,
    )

    _one_of(compile_options.SamsungChipset.__members__, soc.upper())
    specs = [compile_options.gen_samsung_backend_compile_spec(soc)]
    return lowered(
        # Its quantizer begins with int8 weights per channel and int8 activations.
        _module(request, EnnQuantizer),
        example_input(request),
        EnnPartitioner(specs),
        get_edge_compile_config(),
        get_enn_pass_list(),
    )


def _nxp(request: ExportRequest, soc: str) -> bytes:
    """NXP's eIQ Neutron NPU. Source: ``backends/nxp/tests/executorch_pipeline.py``."""
    from executorch.backends.nxp.backend.neutron_target_spec import NeutronTargetSpec
    from executorch.backends.nxp.edge_passes.neutron_edge_pass_manager import NeutronEdgePassManager
    from executorch.backends.nxp.neutron_partitioner import NeutronPartitioner
    from executorch.backends.nxp.nxp_backend import (
        core_aten_ops_exception_list,
        generate_neutron_compile_spec,
    )
    from executorch.backends.nxp.quantizer.neutron_quantizer import NeutronQuantizer
    from executorch.exir import EdgeCompileConfig

    spec = NeutronTargetSpec(soc)
    module = _module(request, lambda: NeutronQuantizer(spec))
    config = EdgeCompileConfig(
        _check_ir_validity=False, _core_aten_ops_exception_list=core_aten_ops_exception_list
    )
    partitioner = NeutronPartitioner(generate_neutron_compile_spec(soc), spec)
    return lowered(module, example_input(request), partitioner, config, NeutronEdgePassManager())


def _one_of(members: Any, name: str) -> Any:
    """The member of an enumeration.

    Raises:
        BadInput: there is none of this name; the message lists those there are.
    """
    if name not in members:
        raise BadInput(f"there is no SoC {name.lower()}", mend=f"known: {', '.join(members)}")
    return members[name]


_VENDORS = {
    "qnn": _Vendor((*_FLOAT, *_INTEGER), _qnn),
    "mediatek": _Vendor((*_FLOAT, *_INTEGER), _mediatek),
    "samsung": _Vendor((*_FLOAT, *_INTEGER), _samsung),
    "nxp": _Vendor(_INTEGER, _nxp),
}
