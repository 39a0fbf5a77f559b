"""Formats. A new one is a module here and a line in ``_EXPORTERS``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from edgekd.errors import BadInput
from edgekd.records import Format, Preflight

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgekd.export.contract import Exporter, TensorSpec
    from edgekd.target import Target

_EXPORTERS: dict[str, tuple[str, str]] = {
    "tflite": ("edgekd.export.tflite", "TfliteExporter"),
    "executorch": ("edgekd.export.executorch", "ExecutorchExporter"),
    "onnx": ("edgekd.export.onnx", "OnnxExporter"),
    "coreml": ("edgekd.export.coreml", "CoremlExporter"),
    "c": ("edgekd.export.c.exporter", "CExporter"),
}
# Backends of ExecuTorch that lower ahead of time, by the target's runtime.
_DELEGATES: dict[str, tuple[str, str]] = {
    "vulkan": ("edgekd.export.executorch_vulkan", "VulkanExporter"),
    "coreml": ("edgekd.export.executorch_coreml", "CoremlDelegateExporter"),
}

_CORTEX_M = "cortex-m"
_ETHOS_U = "ethos-u"


def find_exporter(format_: Format) -> Exporter:
    """The exporter of a format, imported only now.

    Raises:
        BadInput: edgekd writes no such format.
    """
    if format_ not in _EXPORTERS:
        known = ", ".join(_EXPORTERS)
        raise BadInput(f"there is no exporter for {format_}", mend=f"known: {known}")
    return _made(*_EXPORTERS[format_])


def _made(module: str, name: str) -> Exporter:
    return cast("Exporter", getattr(importlib.import_module(module), name)())


def exporter_for(target: Target) -> Exporter:
    """The exporter of a target: of its format, or of its vendor's own flavour of it.

    Raises:
        BadInput: edgekd writes no such format, or knows no such vendor.
    """
    if target.sdk is not None:
        from edgekd.export.executorch_vendor import VendorExporter

        return VendorExporter(target)
    if target.format == "executorch" and target.runtime in _DELEGATES:
        return _made(*_DELEGATES[target.runtime])
    if target.device == "vela":
        from edgekd.export.vela import VelaExporter

        return VelaExporter(target.runtime)
    if target.format == "executorch" and target.runtime.startswith(_CORTEX_M):
        from edgekd.export.executorch_cortex_m import CortexMExporter

        return CortexMExporter(target.runtime)
    if target.format == "executorch" and target.runtime.startswith(_ETHOS_U):
        from edgekd.export.executorch_cortex_m import EthosUExporter
        from edgekd.measure.vela import accelerator_named

        return EthosUExporter(accelerator_named(target.runtime))
    return find_exporter(target.format)


def takes_quantized(target: Target) -> bool:
    """Whether the exporter starts from the torch model that torchao quantized.

    The other exporters bring their own quantizer and start from the float weights.
    """
    if target.format == "coreml":
        return True
    return target.format == "executorch" and target.runtime in ("executorch", *_DELEGATES)


def find_inspector(
    format_: Format,
) -> Callable[[Path], tuple[list[TensorSpec], list[TensorSpec], Preflight]]:
    """What reads inputs, outputs and operators out of any file of a format.

    Raises:
        BadInput: edgekd knows no such format.
    """
    inspectors = {
        "tflite": ("edgekd.export.tflite_preflight", "inspect_tflite"),
        "executorch": ("edgekd.export.executorch_delegates", "inspect_program"),
        "onnx": ("edgekd.export.onnx_preflight", "inspect_onnx"),
        "coreml": ("edgekd.export.coreml", "inspect_coreml"),
    }
    if format_ not in inspectors:
        raise BadInput(f"files of format {format_} cannot be inspected")
    module, name = inspectors[format_]
    return cast(
        "Callable[[Path], tuple[list[TensorSpec], list[TensorSpec], Preflight]]",
        getattr(importlib.import_module(module), name),
    )
