"""Measure any artifact on a target."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekd.catalog import find_targets
from edgekd.data.npz import load as load_npz
from edgekd.devices import find_device
from edgekd.devices.adb.device import AdbDevice
from edgekd.devices.adb.phones import each_phone
from edgekd.devices.host import HostDevice
from edgekd.devices.runtimes import RUNTIMES
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, RunFailed, Unavailable
from edgekd.export import find_inspector
from edgekd.export.bundle_file import read_bundle
from edgekd.export.c import SOURCE_MODEL
from edgekd.export.token_limits import token_limits
from edgekd.files import content_hash
from edgekd.measure.parity import Stage, how_far, parity_chain
from edgekd.pipeline.actions.measure import Speed
from edgekd.pipeline.assemble import check_budget, estimated
from edgekd.pipeline.foreign.export import export_tflite_file, write_foreign_bundle
from edgekd.recipe import Data, Split
from edgekd.records import Library, MeasuredAccuracy, Measurement, Parity, Precision, Preflight
from edgekd.target import Target

if TYPE_CHECKING:
    from edgekd.devices.contract import Array, Device, Signature

PARITY_SAMPLES = 32


@dataclass(frozen=True)
class _Artifact:
    """What is measured: the file as the device takes it, and what was said of it on export."""

    given: Path
    path: Path
    target: Target
    preflight: Preflight
    library: Library | None = None


def bench_file(
    model: Path, target_name: str, data: Path | None, seed: int, *, resume: bool = False
) -> list[Measurement]:
    """Measure any artifact on a target: one record for each phone and kind of figure.

    Without labelled data there is no accuracy; parity is then on seeded random inputs, against the
    runtime's reference kernels on this machine, or, where another machine runs the artifact,
    against the same runtime on this one. For the format C a ``.tflite`` file is generated first.

    Args:
        model: the file.
        target_name: a target, or the path of one's own.
        data: ``.npz`` with inputs and labels.
        seed: of the random inputs, and of the samples where the target takes not all.
        resume: on a phone, go on from a measurement that was cut short.

    Raises:
        BadInput: the file is missing, or not of the target's format.
    """
    [target] = find_targets([target_name])
    if not model.exists():
        raise BadInput("there is no such file", where=str(model))
    measurements = []
    for one in each_phone(target):
        with _artifact(model, one) as artifact:
            measurements += _measurements(artifact, data, seed, resume=resume)
    return measurements


@contextmanager
def _artifact(model: Path, target: Target) -> Iterator[_Artifact]:
    if target.format != "c":
        yield _Artifact(model, model, target, find_inspector(target.format)(model)[2])
        return
    if model.suffix != ".tflite":
        bundle = read_bundle(model.parent)
        if bundle is None or bundle.model != model.name:
            raise BadInput(
                "is no exported library", where=str(model), mend="give model.c beside bundle.json"
            )
        yield _Artifact(model, model, target, bundle.preflight, bundle.library)
        return
    with tempfile.TemporaryDirectory(prefix="edgekd-bench-") as folder:
        exported = export_tflite_file(model, target, Path(folder))
        write_foreign_bundle(Path(folder), model.stem, "int8", target, exported)
        yield _Artifact(model, exported.path, target, exported.preflight, exported.library)


def _device(target: Target, *, resume: bool) -> Device:
    if target.device == "adb":
        return AdbDevice(resume=resume)
    return find_device(target.device)


def _measurements(
    artifact: _Artifact, data: Path | None, seed: int, *, resume: bool
) -> list[Measurement]:
    path, target = artifact.path, artifact.target
    device = _device(target, resume=resume)
    try:
        signature = device.describe(path, target)
        inputs = random_inputs(signature.inputs, PARITY_SAMPLES, seed, _limits(artifact))
        precision = _precision_of(signature)
    except Unavailable:
        # Nothing here runs it.
        inputs, precision = [], "int8"
    accuracy, reasons = (None, []) if data is None else _accuracy(path, target, data, seed)
    parity, differences = _reference_parity(path, target, inputs, precision)
    figures = device.measure(path, target, inputs)
    reasons = list(dict.fromkeys([*reasons, *differences, *figures.reasons]))
    speed = Speed(
        reasons=reasons,
        latency_ms=figures.latency_ms,
        instructions=figures.instructions,
        cycles=figures.cycles,
        memory=figures.memory,
    )
    measured = Measurement(
        rung=artifact.given.stem,
        target=target.name,
        format=target.format,
        precision=precision,
        device=target.device,
        artifact=artifact.given.name,
        sha256=content_hash(artifact.given),
        kind=target.kind,
        valid=not reasons,
        reasons=reasons,
        accuracy=accuracy,
        parity=parity,
        latency_ms=figures.latency_ms,
        load_ms=figures.load_ms,
        instructions=figures.instructions,
        instruction_counts=figures.instruction_counts,
        cycles=figures.cycles,
        memory=figures.memory,
        budget=check_budget(target.budget, speed),
        preflight=artifact.preflight,
        library=artifact.library,
        profile=figures.profile,
        assumptions=figures.assumptions,
        device_facts=figures.device_facts,
    )
    if figures.estimate is None:
        return [measured]
    return [measured, estimated(measured, figures.estimate, target.budget)]


def _limits(artifact: _Artifact) -> list[int | None]:
    """How large the numbers of tokens may be, where the inputs are such."""
    if artifact.target.format == "c":
        return token_limits(artifact.path.with_name(SOURCE_MODEL), "tflite")
    return token_limits(artifact.path, artifact.target.format)


def _precision_of(signature: Signature) -> Precision:
    """What can be told of a file by its inputs alone, or by its outputs where it takes tokens."""
    dtypes = [tensor.dtype for tensor in signature.inputs]
    if all(dtype in ("int32", "int64") for dtype in dtypes):
        dtypes = [tensor.dtype for tensor in signature.outputs]
    if any(dtype in ("int8", "uint8") for dtype in dtypes):
        return "int8"
    return "fp16" if "float16" in dtypes else "fp32"


def _accuracy(
    model: Path, target: Target, data: Path, seed: int
) -> tuple[MeasuredAccuracy | None, list[str]]:
    """Accuracy over the labelled samples, or over as many of them as the target takes."""
    spec = Data(source="npz", path=str(data), split=Split(validation=1, test=1))
    samples = load_npz(spec)
    labelled = np.flatnonzero(samples.labels >= 0)
    rows, limit = labelled, target.accuracy_samples
    if limit is not None and limit < len(labelled):
        rows = np.sort(np.random.default_rng(seed).permutation(labelled)[:limit])
    inputs = samples.inputs[rows]
    if inputs.dtype != np.int32:  # which are numbers of tokens
        inputs = inputs.astype(np.float32) * np.float32(samples.scale)
    try:
        outputs = find_device(target.device).run_outputs(model, target, [inputs])[0]
    except RunFailed as error:
        # Another phone of the queue, and what can still be measured on this one, are not lost.
        return None, [f"accuracy: {error}"]
    right = outputs.argmax(axis=1) == samples.labels[rows]
    drawn_from = len(labelled) if len(rows) < len(labelled) else None
    return MeasuredAccuracy(value=float(right.mean()), n=len(rows), sampled_from=drawn_from), []


def _reference_parity(
    model: Path, target: Target, inputs: list[Array], precision: Precision
) -> tuple[Parity | None, list[str]]:
    """The artifact on its device against the same runtime, or its reference, on this machine."""
    device = find_device(target.device)
    generated = target.format == "c"
    here = isinstance(device, HostDevice)
    runtime = "litert" if generated else target.runtime
    if not inputs or runtime not in RUNTIMES:
        return None, []
    file = model.with_name(SOURCE_MODEL) if generated else model
    host = target.model_copy(update={"runtime": runtime})
    try:
        with_reference = generated or here
        reference = HostDevice().run_outputs(file, host, inputs, reference=with_reference)[0]
        found = device.run_outputs(model, target, inputs)[0]
    except Unavailable:
        return None, []
    except RunFailed as error:
        return None, [str(error)]
    quantized = precision == "int8"
    steps = [
        Stage(
            f"{runtime}-reference" if with_reference else f"host-{runtime}", reference, quantized
        ),
        Stage(target.name, found, quantized, exact=generated),
    ]
    parity = parity_chain(steps)
    if generated and parity.steps[-1].diverged:
        return parity, [f"parity: {how_far(parity)}"]
    return parity, []
