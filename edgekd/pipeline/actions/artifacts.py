"""Stage action that exports one rung for one target: artifact, bundle and golden tensors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.compress import quantize
from edgekd.data.dataset import Dataset, load_dataset
from edgekd.errors import BadInput, Unavailable
from edgekd.export import exporter_for, takes_quantized
from edgekd.export.bundle_file import write_bundle
from edgekd.export.contract import (
    Bundle,
    ExportedModel,
    ExportRequest,
    Preprocessing,
    TextSettings,
)
from edgekd.files import content_bytes, content_hash, read_json, sha256_of, write_json
from edgekd.networks import build_network
from edgekd.pipeline.actions.data_files import TEACHER_TOKENIZER_FILE, TOKENIZER_FILE
from edgekd.pipeline.actions.rung_files import calibration_inputs, load_folded_network, load_outputs
from edgekd.pipeline.actions.teach import teacher_module, trained_teacher
from edgekd.pipeline.cells import UNAVAILABLE
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Network, Teacher
from edgekd.target import Target

if TYPE_CHECKING:
    import torch

GOLDEN_SAMPLES = 16
_GOLDEN = "golden.safetensors"


def export_rung(context: StageContext) -> None:
    """Export, or write down why this format cannot hold this precision."""
    target = Target.model_validate(context.parameters["target"])
    precision = context.parameters["precision"]
    dataset = load_dataset(context.folder("data"))
    is_teacher = context.parameters["teacher"] is not None
    dataset = dataset.as_teacher_sees() if is_teacher else dataset
    folder = context.folder(shipped_seed_folder(context))
    network = _network(context, folder, dataset)
    calibration = calibration_inputs(dataset, context.parameters["calibration_samples"])
    needs_quantized = takes_quantized(target) and precision not in ("fp32", "fp16")
    request = ExportRequest(
        model=network,
        sample_shape=dataset.sample_shape,
        dtype="int32" if dataset.holds_tokens else "float32",
        precision=precision,
        out=context.out,
        calibration=calibration,
        quantized=quantize(network, precision, calibration) if needs_quantized else None,
        microcontroller=target.microcontroller,
        ram_bytes=target.budget.ram_bytes,
    )
    # A teacher from elsewhere may hold what a format cannot: the ladder goes on without that cell.
    listed = (Unavailable, BadInput) if _from_elsewhere(context) else Unavailable
    try:
        exported = exporter_for(target).export(request)
    except listed as error:
        _clear(context.out)
        write_json(context.out / UNAVAILABLE, {"reason": str(error)})
        return
    _write_golden(context.out, dataset, load_outputs(folder).test, exported)
    bundle = _bundle(context, target, dataset, exported)
    write_bundle(context.out, bundle)


def _from_elsewhere(context: StageContext) -> bool:
    teacher = context.parameters["teacher"]
    return teacher is not None and not Teacher.model_validate(teacher).trained_here


def _network(context: StageContext, folder: Path, dataset: Dataset) -> torch.nn.Module:
    """The rung's float32 network, batch normalization folded where it can be."""
    location = context.locations["network"]
    if context.parameters["student"] is not None:
        spec = Network.model_validate(context.parameters["student"])
        return load_folded_network(folder, build_network(spec, Path(location)))
    teacher = Teacher.model_validate(context.parameters["teacher"])
    built = teacher_module(teacher, location, dataset)
    try:
        return load_folded_network(folder, built)
    except BadInput:
        return trained_teacher(teacher, location, folder, dataset)


def shipped_seed_folder(context: StageContext) -> str:
    """The rung's folder at the seed that is exported."""
    seeds: dict[str, str] = context.parameters["seeds"]
    if len(seeds) == 1:
        return next(iter(seeds.values()))
    selection = read_json(context.folder("selection") / "selection.json")
    return seeds[str(selection["seed"])]


def in_layout(inputs: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    """Torch's ``[N, C, H, W]`` in the layout of an artifact."""
    return np.ascontiguousarray(np.moveaxis(inputs, 1, -1)) if layout == "NHWC" else inputs


def _write_golden(
    out: Path, dataset: Dataset, reference: npt.NDArray[np.float32], exported: ExportedModel
) -> None:
    """Golden inputs in the artifact's layout, and what the reference in torch says to them.

    They are the first test samples: nothing is fitted to them.
    """
    from safetensors.numpy import save_file

    inputs = in_layout(dataset.part_inputs("test")[:GOLDEN_SAMPLES], exported.inputs[0].layout)
    outputs = np.ascontiguousarray(reference[:GOLDEN_SAMPLES])
    save_file({"inputs": inputs, "outputs": outputs}, out / _GOLDEN)


def _bundle(
    context: StageContext, target: Target, dataset: Dataset, exported: ExportedModel
) -> Bundle:
    golden = context.out / _GOLDEN
    return Bundle(
        name=context.parameters["recipe"],
        rung=context.parameters["rung"],
        format=target.format,
        precision=context.parameters["precision"],
        scheme=exported.scheme,
        model=exported.path.name,
        sha256=content_hash(exported.path),
        bytes=content_bytes(exported.path),
        inputs=exported.inputs,
        outputs=exported.outputs,
        labels=list(dataset.class_names),
        preprocessing=Preprocessing(
            scale=dataset.scale,
            mean=list(dataset.mean),
            std=list(dataset.std),
            axis="channel" if dataset.axis == 1 else "bin",
            front_end=context.parameters["front_end"],
            text=_text_settings(context, dataset),
        ),
        golden=golden.name,
        golden_sha256=sha256_of(golden),
        preflight=exported.preflight,
        tools=exported.tools,
        library=exported.library,
    )


def _text_settings(context: StageContext, dataset: Dataset) -> TextSettings | None:
    """Puts the tokenizer beside the artifact, so that an application cuts texts alike."""
    if not dataset.holds_tokens:
        return None
    is_teacher = context.parameters["teacher"] is not None
    own = context.folder("data") / TEACHER_TOKENIZER_FILE
    source = own if is_teacher and own.exists() else context.folder("data") / TOKENIZER_FILE
    if not source.exists():
        return None
    tokenizer = context.out / TOKENIZER_FILE
    shutil.copy(source, tokenizer)
    return TextSettings(
        tokenizer=tokenizer.name,
        tokenizer_sha256=sha256_of(tokenizer),
        length=dataset.sample_shape[0],
    )


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
