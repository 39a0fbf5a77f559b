"""What is said of a model in its metadata: from a bundle, from options, or from both."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from edgekd.errors import BadInput
from edgekd.export.contract import Bundle, Preprocessing
from edgekd.export.model_description import ModelDescription, Normalization, is_image

PREPROCESSING_FILE = "preprocessing.json"
_ANOMALY_LABELS = ["normal", "anomaly"]
_RECONSTRUCTION = "The input again: the mean squared difference is the anomaly score."
_WHITE = 255
_MAX_LABELS_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Given:
    """What a user says of a model.

    Attributes:
        name: of the model; default: what the bundle or the file is called.
        description: what it does.
        author: who made it.
        labels: UTF-8 file with one label a line, in the order of the outputs.
        mean: subtracted from a pixel between 0 and 255; one value, or one for each channel.
        std: what that is divided by; as many values.
    """

    name: str | None = None
    description: str | None = None
    author: str | None = None
    labels: Path | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def describe_file(model: Path, given: Given) -> ModelDescription:
    """Describe a file that edgekd never made.

    Raises:
        BadInput: the labels cannot be read, or mean and std are wrong.
    """
    return ModelDescription(
        name=given.name or model.stem,
        description=given.description or "",
        author=given.author,
        labels=_labels(given),
        normalization=_normalization(given),
    )


def describe_bundle(bundle: Bundle, given: Given, where: str) -> ModelDescription:
    """Describe an exported artifact.

    Args:
        bundle: says all that it knows.
        given: says the rest.
        where: the artifact, for messages.

    Raises:
        BadInput: both say it, or what is given is wrong.
    """
    if bundle.labels and given.labels is not None:
        raise BadInput("the bundle names the labels", where=where, mend="leave out --labels")
    if bundle.preprocessing is not None and (given.mean or given.std):
        raise BadInput(
            "the bundle says how inputs are normalised",
            where=where,
            mend="leave out --mean and --std",
        )
    about = ModelDescription(
        name=given.name or f"{bundle.name} {bundle.rung}",
        description=given.description or f"{bundle.name}, {bundle.rung}: {bundle.scheme}.",
        author=given.author,
        labels=tuple(bundle.labels) or _labels(given),
        normalization=_normalization(given),
    )
    reconstructs = _reconstructs(bundle)
    if reconstructs:
        about = replace(about, labels=(), output=_RECONSTRUCTION)
    if bundle.preprocessing is None:
        return about
    pixels = None if reconstructs else _of_pixels(bundle.preprocessing, bundle)
    if pixels is not None:
        return replace(about, normalization=pixels)
    return replace(
        about,
        input=_input_text(bundle.preprocessing),
        input_files={PREPROCESSING_FILE: _as_json(bundle.preprocessing)},
    )


def _of_pixels(preprocessing: Preprocessing, bundle: Bundle) -> Normalization | None:
    """Mean and std of a pixel between 0 and 255; ``None`` where the input is no image.

    A stored value times ``scale`` lies between 0 and 1, whatever range the data had: so does a
    pixel divided by 255.
    """
    channels = preprocessing.axis == "channel" and preprocessing.front_end is None
    if not channels or len(bundle.inputs) != 1 or not is_image(bundle.inputs[0].shape):
        return None
    mean, std = preprocessing.mean, preprocessing.std
    return Normalization(
        tuple(_WHITE * value for value in mean), tuple(_WHITE * value for value in std)
    )


def _input_text(preprocessing: Preprocessing) -> str:
    if preprocessing.front_end is None:
        return f"Numbers, (value * scale - mean) / std with those of {PREPROCESSING_FILE}."
    kind = preprocessing.front_end.get("kind", "features")
    return f"Audio as {kind}, computed and normalised as {PREPROCESSING_FILE} says."


def _as_json(preprocessing: Preprocessing) -> bytes:
    return (json.dumps(preprocessing.model_dump(mode="json"), indent=2) + "\n").encode()


def _reconstructs(bundle: Bundle) -> bool:
    """Whether the model gives back its input, and is to detect anomalies by the difference."""
    shapes = [tensor.shape for tensor in (*bundle.inputs, *bundle.outputs)]
    return bundle.labels == _ANOMALY_LABELS and len(shapes) == 2 and shapes[0] == shapes[1]


def _normalization(given: Given) -> Normalization | None:
    if not given.mean and not given.std:
        return None
    if len(given.mean) != len(given.std):
        raise BadInput(
            f"{len(given.mean)} values of --mean and {len(given.std)} of --std",
            mend="give each as many as the other",
        )
    if any(0 < value < 1 for value in given.std):
        raise BadInput(
            f"--std {min(given.std):g} is not of pixels between 0 and {_WHITE}",
            mend=f"multiply --mean and --std by {_WHITE}",
        )
    return Normalization(given.mean, given.std)


def _labels(given: Given) -> tuple[str, ...]:
    if given.labels is None:
        return ()
    where = str(given.labels)
    try:
        if given.labels.stat().st_size > _MAX_LABELS_BYTES:
            raise BadInput("is too large for a file of labels", where=where)
        return tuple(given.labels.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"cannot be read: {error}", where=where, mend="UTF-8, a label a line"
        ) from error
