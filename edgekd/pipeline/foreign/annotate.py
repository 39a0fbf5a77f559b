"""Give a TFLite file metadata, whether edgekd exported it or not, and prove that it still runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from edgekd.catalog import find_targets
from edgekd.devices.contract import Array, TensorInfo
from edgekd.devices.host import HostDevice
from edgekd.devices.tensors import random_inputs, sample_shape, stored_samples
from edgekd.errors import BadInput, RunFailed
from edgekd.export.bundle_file import BUNDLE_FILE, read_bundle
from edgekd.export.contract import Bundle, TensorSpec
from edgekd.export.model_description import ModelDescription, Normalization
from edgekd.export.tflite_metadata import (
    Writer,
    WrittenMetadata,
    classify_in_task_library,
    write_metadata,
)
from edgekd.files import sha256_of
from edgekd.pipeline.foreign.descriptions import Given, describe_bundle, describe_file

SAMPLES = 8
_RUNTIME = "host-litert"
_SUFFIX = "_metadata.tflite"
# Of the largest score: the Task Library holds a LiteRT of 2023, with other kernels.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class TaskLibrary:
    """What the Task Library's image classifier did with the file.

    Attributes:
        refusal: in its own words; empty where it took the file.
        difference: largest difference of a score from LiteRT's, where it took the file.
    """

    refusal: str
    difference: float | None = None


@dataclass(frozen=True)
class Annotated:
    """A file with metadata.

    Attributes:
        path: of the new file.
        writer: tflite-support's image classifier writer, or its general one.
        files: names of the packed files.
        samples: inputs whose outputs are those of the original to the bit, in LiteRT.
        task_library: what it did with the file; ``None`` for files that are no image classifiers.
    """

    path: Path
    writer: Writer
    files: tuple[str, ...]
    samples: int
    task_library: TaskLibrary | None


def annotate_folder(
    folder: Path, given: Given, out: Path | None = None, *, replace: bool = False
) -> Annotated:
    """Annotate an exported artifact from its ``bundle.json``.

    Args:
        folder: with ``bundle.json`` and a ``.tflite`` file.
        given: what the bundle does not say.
        out: the new file; default: beside the model, ``model_metadata.tflite``.
        replace: leave out metadata that the file has.

    Raises:
        BadInput: no TFLite artifact of edgekd, it was changed since, or the description does not
            fit it.
        RunFailed: the new file does not do what the original does.
    """
    bundle = _bundle(folder)
    model = folder / bundle.model
    if not model.is_file() or sha256_of(model) != bundle.sha256:
        raise BadInput("is missing or was changed since it was exported", where=str(model))
    return _annotate(model, describe_bundle(bundle, given, str(folder)), out, replace)


def annotate_file(
    model: Path, given: Given, out: Path | None = None, *, replace: bool = False
) -> Annotated:
    """Annotate a TFLite file that edgekd never made; see :func:`annotate_folder`."""
    return _annotate(model, describe_file(model, given), out, replace)


def _bundle(folder: Path) -> Bundle:
    try:
        bundle = read_bundle(folder)
    except ValidationError as error:
        where = str(folder / BUNDLE_FILE)
        raise BadInput("is not a bundle of edgekd", where=where) from error
    if bundle is None:
        raise BadInput(
            f"holds no {BUNDLE_FILE}", where=str(folder), mend="or give a file with --model"
        )
    if bundle.format != "tflite" or Path(bundle.model).name != bundle.model:
        raise BadInput("is no TFLite artifact", where=str(folder))
    return bundle


def _annotate(model: Path, about: ModelDescription, out: Path | None, replace: bool) -> Annotated:
    final = out or model.with_name(model.stem + _SUFFIX)
    if final.exists():
        raise BadInput("is there already", where=str(final), mend="remove it or use --out")
    with _folder_beside(final) as folder:
        made = folder / final.name
        written = write_metadata(model, about, made, replace=replace)
        task_library = _verify(model, made, about.normalization, written)
        os.replace(made, final)
    return Annotated(final, written.writer, written.files, SAMPLES, task_library)


@contextmanager
def _folder_beside(final: Path) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=".edgekd-annotate-") as name:
            yield Path(name)
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror}",
            where=str(final),
            mend="free some space or choose another file with --out",
        ) from error


def _verify(
    model: Path, made: Path, pixels: Normalization | None, written: WrittenMetadata
) -> TaskLibrary | None:
    """Run both files on the same inputs, and the new one in the Task Library too."""
    infos = [_info(spec) for spec in written.inputs]
    inputs = random_inputs(infos, SAMPLES, seed=0)
    image = None
    if pixels is not None:
        image = np.random.default_rng(0).integers(0, 256, sample_shape(infos[0]), dtype=np.uint8)
        inputs[0][0] = _stored(image, pixels, infos[0])
    [target] = find_targets([_RUNTIME])
    before = HostDevice().run_outputs(model, target, inputs)
    after = HostDevice().run_outputs(made, target, inputs)
    if [one.tobytes() for one in before] != [one.tobytes() for one in after]:
        raise RunFailed("its outputs would change with the metadata", where=str(model))
    if image is None:
        return None
    return _in_task_library(made, image, after[0][0])


def _in_task_library(made: Path, image: npt.NDArray[np.uint8], scores: Array) -> TaskLibrary:
    try:
        classes = classify_in_task_library(made, image)
    except RunFailed as error:
        return TaskLibrary(refusal=error.what)
    expected = scores.reshape(-1)
    if sorted(index for index, _, _ in classes) != list(range(len(expected))):
        raise RunFailed("the Task Library gives other classes than LiteRT", where=made.name)
    difference = max(abs(score - float(expected[index])) for index, _, score in classes)
    if difference > _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise RunFailed(
            f"the scores of the Task Library differ from LiteRT's by up to {difference:g}",
            where=made.name,
            mend="are mean and std those of the training?",
        )
    return TaskLibrary("", difference)


def _stored(image: npt.NDArray[np.uint8], pixels: Normalization, info: TensorInfo) -> Array:
    """An image as the model takes it."""
    if info.dtype == "uint8":
        return image
    mean, std = (np.asarray(values, np.float32) for values in (pixels.mean, pixels.std))
    [stored] = stored_samples(((image.astype(np.float32) - mean) / std)[None], info)
    return np.asarray(stored)


def _info(spec: TensorSpec) -> TensorInfo:
    return TensorInfo.model_validate(spec.model_dump(exclude={"layout"}))
