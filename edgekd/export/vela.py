"""Compiles a full-integer TFLite file for an Ethos-U NPU with Arm's Vela."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from edgekd.errors import BadInput, RunFailed, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.tflite import MODEL_FILE, TfliteExporter
from edgekd.export.tflite_preflight import inspect_tflite
from edgekd.measure.vela import Accelerator, VelaEstimate, accelerator_named, estimate_vela
from edgekd.records import Preflight
from edgekd.third_party import versions

COMPILED_FILE = "model_vela.tflite"


@dataclass(frozen=True)
class VelaResult:
    """What Vela made.

    Attributes:
        path: the compiled ``.tflite``: its NPU part is one custom operator ``ethos-u``, which
            TensorFlow Lite Micro hands to Arm's driver.
        estimate: cycles, memory, operators and what they rest on.
        preflight: where each operator of the model runs; the notes hold the assumptions.
    """

    path: Path
    estimate: VelaEstimate
    preflight: Preflight


@dataclass(frozen=True)
class VelaExporter:
    """Writes ``model.tflite``, which can be looked into, and beside it what Vela made of it.

    Attributes:
        accelerator: name of the NPU.
    """

    accelerator: str

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        exported = TfliteExporter().export(request)
        try:
            return self._compiled(exported, request.out)
        except BadInput as error:
            if request.dtype != "int32":
                raise
            # Few networks of texts are for microcontrollers: the others of a run go on.
            raise Unavailable(error.what) from error

    def export_tflite(self, model: Path, out: Path) -> ExportedModel:
        """Likewise for a full-integer file that is there already.

        Raises:
            BadInput, MissingPackage, RunFailed: as :func:`compile_vela`.
        """
        inputs, outputs, preflight = inspect_tflite(model)
        path = out / MODEL_FILE
        try:
            shutil.copyfile(model, path)
        except OSError as error:
            raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
        scheme = "as in the TFLite file"
        return self._compiled(ExportedModel(path, inputs, outputs, scheme, preflight), out)

    def _compiled(self, exported: ExportedModel, out: Path) -> ExportedModel:
        compiled = compile_vela(exported.path, out, accelerator_named(self.accelerator))
        tools = {**exported.tools, **versions("ethos-u-vela")}
        return replace(exported, preflight=compiled.preflight, tools=tools)


def compile_vela(model: Path, out: Path, accelerator: Accelerator) -> VelaResult:
    """Write ``model_vela.tflite`` into an existing folder.

    Raises:
        BadInput: Vela refuses the file, crashes on it, or leaves all of it to the CPU.
        MissingPackage: Vela is not installed.
        RunFailed: Vela does not end, or the folder cannot be written.
    """
    path = out / COMPILED_FILE
    with tempfile.TemporaryDirectory(prefix="edgekd-vela-") as folder:
        compiled, estimate = estimate_vela(model, Path(folder), accelerator)
        try:
            shutil.copyfile(compiled, path)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    return VelaResult(path, estimate, _preflight(estimate))


def _preflight(estimate: VelaEstimate) -> Preflight:
    on_npu, on_cpu = estimate.npu_operators, estimate.cpu_operators
    operators = {
        name: on_npu.get(name, 0) + on_cpu.get(name, 0) for name in sorted({*on_npu, *on_cpu})
    }
    return Preflight(
        operators=operators,
        delegated=sum(on_npu.values()),
        undelegated=on_cpu,
        transposes=operators.get("TRANSPOSE", 0),
        notes=estimate.assumptions,
    )
