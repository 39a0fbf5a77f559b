"""Export any ``.pt2`` or full-integer ``.tflite`` file for a target."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

import numpy as np
import numpy.typing as npt

from edgekd.catalog import find_targets
from edgekd.errors import BadInput, RunFailed
from edgekd.export import exporter_for, takes_quantized
from edgekd.export.bundle_file import write_bundle
from edgekd.export.c import SOURCE_MODEL
from edgekd.export.contract import Bundle, ExportedModel, ExportRequest, InputType
from edgekd.files import content_bytes, content_hash
from edgekd.records import Precision
from edgekd.target import Target

_TFLITE = ".tflite"


def export_file(
    model: Path,
    target_name: str,
    precision: str,
    out: Path,
    calibration: Path | None,
    *,
    tflm: bool = False,
) -> Path:
    """Export a file for a target; the folder appears whole or not at all.

    A ``.tflite`` file has its precision already: it becomes C for a microcontroller, or what Vela
    compiles for an Ethos-U.

    Args:
        model: ``.pt2`` or ``.tflite``.
        target_name: a target, or the path of one's own.
        precision: of a ``.pt2`` file.
        out: a folder for the target is made in it.
        calibration: ``.npy`` inputs, float32 or the int32 numbers of tokens, to quantize a ``.pt2``
            file.
        tflm: also write what TensorFlow Lite Micro needs, into ``tflm/``.

    Returns:
        The folder with the artifact and its ``bundle.json``.

    Raises:
        BadInput: the model, the target or the calibration data is wrong.
        Unavailable: the format cannot hold this model at this precision.
    """
    [target] = find_targets([target_name])
    if model.suffix == _TFLITE:
        final = out / target.name
        with whole_folder(final) as scratch:
            exported = export_tflite_file(model, target, scratch)
            write_foreign_bundle(scratch, model.stem, "int8", target, exported)
            write_extras(scratch, target, tflm=tflm)
        return final
    return _export_program(model, target, _precision(precision), out, calibration, tflm)


def export_tflite_file(model: Path, target: Target, out: Path) -> ExportedModel:
    """What a target makes of a full-integer ``.tflite`` file, into an existing folder.

    Raises:
        BadInput: the target takes no such file, or the file is wrong.
        Unavailable: an operator has no kernel.
    """
    if target.microcontroller is not None and target.format == "c":
        from edgekd.export.c.exporter import export_tflite

        return export_tflite(model, target.microcontroller, out, target.budget.ram_bytes)
    if target.device == "vela":
        from edgekd.export.vela import VelaExporter

        return VelaExporter(target.runtime).export_tflite(model, out)
    raise BadInput(
        f"the target {target.name} does not take .tflite files",
        where=str(model),
        mend="choose a microcontroller, such as cortex-m4, or an Ethos-U; or give a .pt2 file",
    )


def write_extras(folder: Path, target: Target, *, tflm: bool) -> None:
    """Images to flash, where the target is a real board; what TensorFlow Lite Micro needs.

    Raises:
        BadInput: TensorFlow Lite Micro lacks an operator, or there is no TFLite file.
        MissingPackage: the cross compiler or tflite-micro is not installed.
        RunFailed: the library does not fit the board.
    """
    if target.device == "serial":
        from edgekd.devices.microcontroller.firmware.flashing import write_images

        write_images(folder, target, folder)
    if tflm:
        from edgekd.export.tflm import write_tflm

        (folder / "tflm").mkdir()
        write_tflm(_tflite_of(folder, target), folder / "tflm")


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``final`` when all went well, and vanishes otherwise.

    Raises:
        BadInput: the folder is there already.
        RunFailed: it cannot be made.
    """
    if final.exists():
        raise BadInput("is there already", where=str(final), mend="remove it or use --out")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=".scratch-"))
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror}",
            where=str(final.parent),
            mend="choose another folder with --out",
        ) from error
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.rename(final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_foreign_bundle(
    folder: Path, name: str, precision: Precision, target: Target, exported: ExportedModel
) -> None:
    """Write a bundle without what only a recipe knows: labels, preprocessing, golden tensors."""
    bundle = Bundle(
        name=name,
        rung=precision,
        format=target.format,
        precision=precision,
        scheme=exported.scheme,
        model=exported.path.name,
        sha256=content_hash(exported.path),
        bytes=content_bytes(exported.path),
        inputs=exported.inputs,
        outputs=exported.outputs,
        labels=[],
        preprocessing=None,
        golden=None,
        golden_sha256=None,
        preflight=exported.preflight,
        tools=exported.tools,
        library=exported.library,
    )
    write_bundle(folder, bundle)


def _export_program(
    model: Path,
    target: Target,
    precision: Precision,
    out: Path,
    calibration: Path | None,
    tflm: bool,
) -> Path:
    from edgekd.compress import quantize
    from edgekd.export.program import input_type_of, load_program, sample_shape_of

    program = load_program(model)
    shape = sample_shape_of(program, model)
    dtype = input_type_of(program, model)
    network = program.module(check_guards=False)
    samples = None if calibration is None else _calibration(calibration, shape, dtype)
    if precision not in ("fp32", "fp16") and samples is None:
        raise BadInput(
            f"{precision} needs --calibration", mend=f".npy {dtype} inputs, preprocessed"
        )
    quantized = None
    if takes_quantized(target) and samples is not None and precision != "fp32":
        quantized = quantize(network, precision, samples) if precision != "fp16" else None
    final = out / target.name / precision
    with whole_folder(final) as scratch:
        request = ExportRequest(
            network,
            shape,
            precision,
            scratch,
            samples,
            quantized,
            target.microcontroller,
            target.budget.ram_bytes,
            dtype,
        )
        exported = exporter_for(target).export(request)
        write_foreign_bundle(scratch, model.stem, precision, target, exported)
        write_extras(scratch, target, tflm=tflm)
    return final


def _tflite_of(folder: Path, target: Target) -> Path:
    """The TFLite file that an export left behind."""
    file = folder / SOURCE_MODEL
    if not file.is_file():
        raise BadInput(
            f"the target {target.name} makes no .tflite file", mend="--format tflm needs one"
        )
    return file


def _precision(text: str) -> Precision:
    allowed = [p for p in get_args(Precision) if p != "int8-qat"]
    if text not in allowed:
        raise BadInput(f"there is no precision {text!r}", mend=f"known: {', '.join(allowed)}")
    return cast(Precision, text)


def _calibration(
    path: Path, shape: tuple[int, ...], dtype: InputType
) -> npt.NDArray[np.float32 | np.int32]:
    try:
        samples = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, EOFError) as error:
        raise BadInput("is not a .npy array", where=str(path), mend=str(error)) from error
    if samples.dtype != np.dtype(dtype) or samples.shape[1:] != shape or not len(samples):
        raise BadInput(
            f"holds {samples.dtype} {list(samples.shape)}",
            where=str(path),
            mend=f"give {dtype} [N, {', '.join(map(str, shape))}]",
        )
    return np.array(samples)
