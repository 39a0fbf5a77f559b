"""Files that edgekd never made: export a ``.pt2``, measure any artifact, render a report again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from edgekd.catalog import find_targets
from edgekd.data.npz import load as load_npz
from edgekd.devices import find_device
from edgekd.devices.host import HostDevice
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, RunFailed, Unavailable
from edgekd.export import find_exporter, find_inspector, takes_quantized
from edgekd.export.contract import Bundle, ExportedModel, ExportRequest
from edgekd.files import read_json, sha256_of, write_json, write_text
from edgekd.measure.parity import Stage, parity_chain
from edgekd.pipeline.actions.measure import Speed
from edgekd.pipeline.assemble import check_budget
from edgekd.recipe import Data, Split
from edgekd.records import (
    MeasuredAccuracy,
    Measurement,
    Parity,
    Precision,
    Preflight,
    Report,
)
from edgekd.target import Target

if TYPE_CHECKING:
    from edgekd.devices.contract import Array

PARITY_SAMPLES = 32


def export_file(
    model: Path, target_name: str, precision: str, out: Path, calibration: Path | None
) -> Path:
    """Export a ``.pt2`` file for a target; the folder appears whole or not at all.

    Returns:
        The folder with the artifact and its ``bundle.json``.

    Raises:
        BadInput: the model, the target or the calibration data is wrong.
        Unavailable: the format cannot hold this precision.
    """
    from edgekd.compress import quantize
    from edgekd.export.program import load_program, sample_shape_of

    [target] = find_targets([target_name])
    asked = _precision(precision)
    program = load_program(model)
    shape = sample_shape_of(program, model)
    network = program.module(check_guards=False)
    samples = None if calibration is None else _calibration(calibration, shape)
    if asked not in ("fp32", "fp16") and samples is None:
        raise BadInput(f"{asked} needs --calibration", mend=".npy float32 inputs, preprocessed")
    quantized = None
    if takes_quantized(target.format) and samples is not None and asked not in ("fp32", "fp16"):
        quantized = quantize(network, asked, samples)
    final = out / target.name / asked
    if final.exists():
        raise BadInput("is there already", where=str(final), mend="remove it or use --out")
    final.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=".scratch-"))
    try:
        request = ExportRequest(network, shape, asked, scratch, samples, quantized)
        exported = find_exporter(target.format).export(request)
        bundle = _bare_bundle(model.stem, asked, target, exported)
        write_json(scratch / "bundle.json", bundle.model_dump(mode="json", by_alias=True))
        scratch.chmod(0o755)
        scratch.rename(final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return final


def bench_file(model: Path, target_name: str, data: Path | None, seed: int) -> Measurement:
    """Measure any artifact on a target.

    Without labelled data there is no accuracy; parity is then against the runtime's reference
    kernels on seeded random inputs.

    Raises:
        BadInput: the file is missing, or not of the target's format.
    """
    [target] = find_targets([target_name])
    if not model.is_file():
        raise BadInput("there is no such file", where=str(model))
    preflight = _inspect(model, target)
    device = find_device(target.device)
    signature = device.describe(model, target)
    inputs = random_inputs(signature.inputs, PARITY_SAMPLES, seed)
    accuracy = None if data is None else _accuracy(model, target, data)
    parity, reasons = _reference_parity(model, target, inputs)
    figures = device.measure(model, target, inputs)
    reasons += figures.reasons
    speed = Speed(reasons=reasons, latency_ms=figures.latency_ms, memory=figures.memory)
    return Measurement(
        rung=model.stem,
        target=target.name,
        format=target.format,
        precision=_precision_of(signature_dtypes=[t.dtype for t in signature.inputs]),
        device=target.device,
        artifact=model.name,
        sha256=sha256_of(model),
        kind=target.kind,
        valid=not reasons,
        reasons=reasons,
        accuracy=accuracy,
        parity=parity,
        latency_ms=figures.latency_ms,
        memory=figures.memory,
        budget=check_budget(target.budget, speed),
        preflight=preflight,
    )


def render_again(folder: Path) -> Report:
    """Write ``report.md`` and ``report.html`` from a run's ``report.json``.

    Raises:
        BadInput: there is no report of this schema.
    """
    from edgekd.report.html import render_html
    from edgekd.report.markdown import render_markdown

    path = folder / "report.json"
    try:
        report = Report.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"is no report of schema 1: {first['msg']}", where=f"{path}: {key}"
        ) from error
    write_text(folder / "report.md", render_markdown(report))
    write_text(folder / "report.html", render_html(report))
    return report


def _bare_bundle(
    name: str, precision: Precision, target: Target, exported: ExportedModel
) -> Bundle:
    """A bundle without what only a recipe knows: labels, preprocessing, golden tensors."""
    return Bundle(
        name=name,
        rung=precision,
        format=target.format,
        precision=precision,
        scheme=exported.scheme,
        model=exported.path.name,
        sha256=sha256_of(exported.path),
        bytes=exported.path.stat().st_size,
        inputs=exported.inputs,
        outputs=exported.outputs,
        labels=[],
        preprocessing=None,
        golden=None,
        golden_sha256=None,
        preflight=exported.preflight,
        tools=exported.tools,
    )


def _precision(text: str) -> Precision:
    allowed = [p for p in get_args(Precision) if p != "int8-qat"]
    if text not in allowed:
        raise BadInput(f"there is no precision {text!r}", mend=f"known: {', '.join(allowed)}")
    return cast(Precision, text)


def _precision_of(signature_dtypes: list[str]) -> Precision:
    """What can be told of a file by its inputs alone."""
    if any(dtype in ("int8", "uint8") for dtype in signature_dtypes):
        return "int8"
    return "fp16" if "float16" in signature_dtypes else "fp32"


def _calibration(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    try:
        samples = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, EOFError) as error:
        raise BadInput("is not a .npy array", where=str(path), mend=str(error)) from error
    if samples.dtype != np.float32 or samples.shape[1:] != shape or not len(samples):
        raise BadInput(
            f"holds {samples.dtype} {list(samples.shape)}",
            where=str(path),
            mend=f"give float32 [N, {', '.join(map(str, shape))}]",
        )
    return np.array(samples)


def _inspect(model: Path, target: Target) -> Preflight:
    return find_inspector(target.format)(model)[2]


def _accuracy(model: Path, target: Target, data: Path) -> MeasuredAccuracy:
    spec = Data(source="npz", path=str(data), split=Split(validation=1, test=1))
    samples = load_npz(spec)
    labelled = samples.labels >= 0
    scaled = samples.inputs[labelled].astype(np.float32) * np.float32(samples.scale)
    outputs = find_device(target.device).run_outputs(model, target, [scaled])[0]
    right = outputs.argmax(axis=1) == samples.labels[labelled]
    return MeasuredAccuracy(value=float(right.mean()), n=len(right))


def _reference_parity(
    model: Path, target: Target, inputs: list[Array]
) -> tuple[Parity | None, list[str]]:
    device = find_device(target.device)
    if not isinstance(device, HostDevice):
        return None, []
    try:
        reference = device.run_outputs(model, target, inputs, reference=True)[0]
        fast = device.run_outputs(model, target, inputs)[0]
    except Unavailable:
        return None, []
    except RunFailed as error:
        return None, [str(error)]
    quantized = _precision_of([str(array.dtype) for array in inputs]) == "int8"
    return parity_chain(
        [
            Stage(f"{target.runtime}-reference", reference, quantized),
            Stage(target.name, fast, quantized),
        ]
    ), []
