"""Exports a torch model to a Core ML package for Xcode, through coremltools.

Core ML runs on Apple's systems only: what is written here is read back, and not run.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from edgekd.errors import BadInput, RunFailed
from edgekd.export.contract import ExportedModel, ExportRequest, TensorSpec
from edgekd.export.coreml_program import NOT_RUN, MlProgram, read_ml_program
from edgekd.export.coreml_schemes import CoremlScheme, module_for, scheme_for
from edgekd.export.executorch_lowering import example_input, exported, lowering
from edgekd.files import read_json, write_json
from edgekd.records import Preflight
from edgekd.third_party import require, versions

PACKAGE = "model.mlpackage"
INPUT, OUTPUT = "input", "output"
_TOOLS = ("torch", "torchao", "coremltools")
_MANIFEST, _DATA = "Manifest.json", "Data"
_DATE = "com.github.apple.coremltools.conversion_date"
_DEBUG = "executorch_debug_handle_mapping.json"
_LARGEST_SPECIFICATION = 64 * 1024 * 1024


class CoremlExporter:
    """Writes the folder ``model.mlpackage`` for a batch of one; images are NCHW.

    Input and output are called ``input`` and ``output``; the output is float32. The same model
    gives the same bytes.
    """

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; int8 takes ``request.quantized``."""
        require("executorch", "coremltools", "torchao")
        with lowering("Core ML"):
            scheme = scheme_for(request)
            model = _converted(request, scheme)
            path = request.out / PACKAGE
            _save(model, path)
        inputs, outputs, preflight = inspect_coreml(path)
        return ExportedModel(path, inputs, outputs, scheme.words, preflight, versions(*_TOOLS))


def inspect_coreml(path: Path) -> tuple[list[TensorSpec], list[TensorSpec], Preflight]:
    """Inputs, outputs and preflight of any Core ML package.

    Raises:
        BadInput: it is no package, is damaged, or holds no ML Program that edgekd can feed.
        MissingPackage: coremltools is not installed.
    """
    file = _specification(path)
    try:
        if file.stat().st_size > _LARGEST_SPECIFICATION:
            raise BadInput("is too large for a Core ML specification", where=str(file))
        content = file.read_bytes()
    except OSError as error:
        raise BadInput("cannot be read", where=str(file), mend=str(error.strerror)) from error
    program = read_ml_program(content, str(path))
    return program.inputs, program.outputs, _preflight(program)


def _converted(request: ExportRequest, scheme: CoremlScheme) -> Any:
    import coremltools
    import numpy as np
    from coremltools.optimize import coreml as optimize

    program = exported(module_for(request, scheme), example_input(request))
    model = coremltools.convert(
        program.run_decompositions({}),
        inputs=[
            coremltools.TensorType(
                name=INPUT, shape=(1, *request.sample_shape), dtype=np.dtype(request.dtype).type
            )
        ],
        outputs=[coremltools.TensorType(name=OUTPUT, dtype=np.float32)],
        convert_to="mlprogram",
        compute_precision=scheme.precision,
        minimum_deployment_target=scheme.system,
        skip_model_load=True,
    )
    if scheme.weights is None:
        return model
    settings = optimize.OpLinearQuantizerConfig(**scheme.weights)
    config = optimize.OptimizationConfig(global_config=settings)
    return optimize.linear_quantize_weights(model, config=config)


def _save(model: Any, path: Path) -> None:
    """Write the package, less what differs from one day and one run to the next."""
    model.user_defined_metadata.pop(_DATE, None)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / PACKAGE
        model.save(str(written))
        (written / _DEBUG).unlink(missing_ok=True)
        _rename_items(written / _MANIFEST)
        file = _specification(written)
        file.write_bytes(model.get_spec().SerializeToString(deterministic=True))
        for entry in written.rglob("*"):
            entry.chmod(0o755 if entry.is_dir() else 0o644)
        try:
            shutil.copytree(written, path)
        except (OSError, shutil.Error) as error:
            raise RunFailed(f"cannot be written: {error}", where=str(path)) from error


def _rename_items(manifest: Path) -> None:
    """Give the items of a package identifiers that follow from their paths, not random ones."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    items = content["itemInfoEntries"]
    names = {old: str(uuid5(NAMESPACE_URL, items[old]["path"])) for old in items}
    content["itemInfoEntries"] = {
        names[old]: items[old] for old in sorted(items, key=lambda old: str(items[old]["path"]))
    }
    content["rootModelIdentifier"] = names[content["rootModelIdentifier"]]
    write_json(manifest, content)


def _specification(package: Path) -> Path:
    """The model's specification, which has to lie inside the package."""
    manifest = package / _MANIFEST
    if not manifest.is_file():
        raise BadInput(f"is no Core ML package: it has no {_MANIFEST}", where=str(package))
    content = read_json(manifest)
    try:
        name = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
        file: Path = (package / _DATA / name).resolve()
        inside = file.is_relative_to(package.resolve()) and file.is_file()
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise BadInput("names no model", where=str(manifest)) from error
    if not inside:
        raise BadInput(
            f"names a model that is not in the package: {name[:200]!r}", where=str(manifest)
        )
    return file


def _preflight(program: MlProgram) -> Preflight:
    notes = [
        NOT_RUN,
        f"needs {program.systems}",
        f"layers with weights compute in {' and '.join(program.arithmetic)}",
    ]
    if program.float_fallbacks:
        notes.append(f"not quantized: {', '.join(sorted(program.float_fallbacks))}")
    return Preflight(
        operators=dict(sorted(program.operators.items())),
        delegated=program.operators.total(),
        undelegated={},
        transposes=program.operators["transpose"],
        float_fallbacks=dict(sorted(program.float_fallbacks.items())),
        notes=notes,
    )
