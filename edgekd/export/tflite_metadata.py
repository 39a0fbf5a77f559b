"""TFLite metadata, by tflite-support's own writers: labels, normalisation, descriptions.

The writers live in a tool environment. They see an outline of the model, and what they say of it is
put into the file with today's schema: theirs is of 2023, and drops what is newer, such as weights
that are quantized in groups or kept behind the graph.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from edgekd.errors import BadInput, RunFailed
from edgekd.export.contract import TensorSpec
from edgekd.export.model_description import (
    COLOR_SPACES,
    ModelDescription,
    Normalization,
    check_description,
)
from edgekd.export.tflite_packing import (
    has_metadata,
    outline,
    packed,
    packed_files,
    parse_model,
    producer_of_output,
)
from edgekd.export.tflite_preflight import inspect_tflite
from edgekd.tool_environments import find_tool, run_script

TOOL = "tflite-support"
LABELS_FILE = "labels.txt"
_SCRIPT = Path(__file__).with_name("tflite_support_script.py")
_METADATA_FILE = "metadata"
_OUTLINE_FILE = "outline.tflite"
_SCORES = "Score of each label, the larger the likelier; not a probability."
# By the operator that makes them.
_SCORES_BETWEEN_0_AND_1 = {
    "SOFTMAX": "Probability of each label; they add up to 1.",
    "LOGISTIC": "Score of each label between 0 and 1, each on its own.",
}

Writer = Literal["image classifier", "tensors"]
Classes = list[tuple[int, str, float]]


@dataclass(frozen=True)
class WrittenMetadata:
    """What was written and read back.

    Attributes:
        writer: tflite-support's image classifier writer, or its general one.
        files: names of the packed files.
        inputs: of the model.
        outputs: of the model.
    """

    writer: Writer
    files: tuple[str, ...]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class _Options(BaseModel):
    mean: list[float] = []
    std: list[float] = []


class _Unit(BaseModel):
    options: _Options


class _Tensor(BaseModel):
    name: str
    description: str = ""
    process_units: list[_Unit] = []


class _Graph(BaseModel):
    inputs: list[_Tensor] = Field(alias="input_tensor_metadata")
    outputs: list[_Tensor] = Field(alias="output_tensor_metadata")


class _Shown(BaseModel):
    """What tflite-support shows of a file's metadata, as far as it is compared."""

    name: str
    description: str
    author: str | None = None
    subgraph_metadata: list[_Graph] = Field(min_length=1, max_length=1)


def write_metadata(
    model: Path, about: ModelDescription, out: Path, *, replace: bool = False
) -> WrittenMetadata:
    """Write a copy of a TFLite file with metadata, and read it back.

    Args:
        model: is not changed.
        about: what is said of it.
        out: the copy; it need not exist.
        replace: leave out the metadata and the packed files that the model has.

    Raises:
        BadInput: it is no TFLite file, has metadata already, or the description does not fit it;
            or the tool is not to be had for this platform.
        MissingPackage: LiteRT or pip is not installed.
        RunFailed: the tool environment or its writers failed, or what was read back is not what
            was to be written.
    """
    # First, for it refuses what LiteRT would load for minutes.
    parsed = parse_model(model)
    inputs, outputs, _ = inspect_tflite(model)
    check_description(about, inputs, outputs, str(model))
    if has_metadata(model, parsed) and not replace:
        raise BadInput("has metadata already", where=str(model), mend="--replace leaves it out")
    files = dict(about.input_files) if about.normalization is None else {}
    if about.labels:
        files[LABELS_FILE] = "".join(f"{label}\n" for label in about.labels).encode()
    with tempfile.TemporaryDirectory(prefix="edgekd-metadata-") as name:
        folder = Path(name)
        (folder / _OUTLINE_FILE).write_bytes(outline(parsed))
        for file_name, content in files.items():
            (folder / file_name).write_bytes(content)
        request = _request(about, inputs, outputs, producer_of_output(parsed), folder)
        run_script(find_tool(TOOL), _SCRIPT, request)
        metadata = (folder / _METADATA_FILE).read_bytes()
    out.write_bytes(packed(parsed, metadata, files))
    _check_read_back(out, request, about.normalization, files)
    writer: Writer = "tensors" if about.normalization is None else "image classifier"
    return WrittenMetadata(writer, tuple(files), inputs, outputs)


def classify_in_task_library(model: Path, image: npt.NDArray[np.uint8]) -> Classes:
    """Index, label and score of each class, from the Task Library's own image classifier.

    Args:
        model: with metadata.
        image: uint8 ``[height, width, 3]``.

    Raises:
        RunFailed: the Task Library refuses the model; the message is its own.
    """
    with tempfile.TemporaryDirectory(prefix="edgekd-metadata-") as name:
        path = Path(name) / "image.npy"
        np.save(path, image)
        request = {"task": "classify", "model": str(model.resolve()), "image": str(path)}
        answer = run_script(find_tool(TOOL), _SCRIPT, request)
    try:
        return TypeAdapter(Classes).validate_python(answer)
    except ValidationError as error:
        raise RunFailed("the Task Library gave no classes", where=str(model)) from error


def _request(
    about: ModelDescription,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    producer: str,
    folder: Path,
) -> dict[str, Any]:
    """What the script's ``write`` is asked; files lie in the folder."""
    pixels = about.normalization
    image = None
    if pixels is not None:
        color_space = COLOR_SPACES[inputs[0].shape[3]]
        image = {"mean": pixels.mean, "std": pixels.std, "color_space": color_space}
    described = about.input if image is None else "Image to be classified."
    first_files = [str(folder / name) for name in about.input_files] if image is None else []
    return {
        "task": "write",
        "model": str(folder / _OUTLINE_FILE),
        "metadata": str(folder / _METADATA_FILE),
        "name": about.name,
        "description": about.description,
        "author": about.author,
        "image": image,
        "inputs": [
            {
                "name": "image" if image else tensor.name,
                "description": f"{described} {_stored_as(tensor)}.",
                "files": [] if index else first_files,
            }
            for index, tensor in enumerate(inputs)
        ],
        "outputs": [_output(tensor, about, producer, folder) for tensor in outputs],
    }


def _output(
    tensor: TensorSpec, about: ModelDescription, producer: str, folder: Path
) -> dict[str, Any]:
    stored_as = _stored_as(tensor)
    if not about.labels:
        described = f"{about.output} {stored_as}."
        named = {"name": tensor.name, "description": described}
        return {**named, "labels": None, "bounded": True, "range": None}
    bounded = producer in _SCORES_BETWEEN_0_AND_1
    return {
        "name": "probability" if producer == "SOFTMAX" else "score",
        "description": f"{_SCORES_BETWEEN_0_AND_1.get(producer, _SCORES)} {stored_as}.",
        "labels": str(folder / LABELS_FILE),
        "bounded": bounded,
        # It is that of the stored values: 0 to 1 would be wrong for integers.
        "range": [0.0, 1.0] if bounded and tensor.dtype == "float32" else None,
    }


def _stored_as(tensor: TensorSpec) -> str:
    """Type, shape and quantization in words."""
    text = f"{tensor.dtype} {tensor.shape}"
    if tensor.scale is None:
        return text
    return f"{text}, real = {tensor.scale:.9g} * (stored - {tensor.zero_point})"


def _check_read_back(
    out: Path, request: dict[str, Any], pixels: Normalization | None, files: dict[str, bytes]
) -> None:
    """Compare what tflite-support and a zip reader find in the file with what was asked."""
    answer = run_script(find_tool(TOOL), _SCRIPT, {"task": "read", "model": str(out.resolve())})
    try:
        shown = _Shown.model_validate_json(answer["metadata"])
    except ValidationError as error:
        raise RunFailed("the metadata cannot be read back", where=str(out)) from error
    [graph] = shown.subgraph_metadata
    for found, asked in ((graph.inputs, request["inputs"]), (graph.outputs, request["outputs"])):
        texts = [(tensor.name, tensor.description) for tensor in found]
        _check_same(texts, [(one["name"], one["description"]) for one in asked], "tensors", out)
    for key in ("name", "description", "author"):
        _check_same(getattr(shown, key), request[key], key, out)
    _check_same(sorted(answer["files"]), sorted(files), "packed files", out)
    if files:
        _check_same(packed_files(out), files, "content of the packed files", out)
    if pixels is not None:
        options = graph.inputs[0].process_units[0].options
        # They are stored as float32, and shown with few digits.
        near = np.allclose([*options.mean, *options.std], [*pixels.mean, *pixels.std], rtol=1e-5)
        _check_same(near, True, "normalisation", out)


def _check_same(found: object, asked: object, what: str, out: Path) -> None:
    if found != asked:
        raise RunFailed(f"the {what} read back from the file: not what was asked", where=str(out))
