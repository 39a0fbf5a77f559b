"""What runs inside the tool environment ``tflite-support``; it imports nothing of edgekd.

``tflite_support`` itself is never imported: it pulls the audio tasks, which want PortAudio.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorflow_lite_support.metadata import metadata_schema_py_generated as schema
from tensorflow_lite_support.metadata.python.metadata import MetadataDisplayer
from tensorflow_lite_support.metadata.python.metadata_writers import (
    image_classifier,
    metadata_info,
    metadata_writer,
    writer_utils,
)

_LARGEST_FLOAT32 = 3.4028234663852886e38

Request = dict[str, Any]


def main(request: Request) -> Any:
    """Do one of the tasks below; JSON in, JSON out."""
    return {"write": write, "read": read, "classify": classify}[request["task"]](request)


def write(request: Request) -> None:
    """Leave the metadata for a model (a flatbuffer ``M001``) in the file ``metadata``.

    The model may be an outline: its tensors are all that is looked at.
    """
    model = bytearray(Path(request["model"]).read_bytes())
    writer = _image_writer(model, request) if request["image"] else _tensor_writer(model, request)
    metadata = MetadataDisplayer.with_model_buffer(writer.populate()).get_metadata_buffer()
    Path(request["metadata"]).write_bytes(metadata)


def read(request: Request) -> dict[str, Any]:
    """The metadata of a model as JSON text, and the names of the packed files."""
    displayer = MetadataDisplayer.with_model_file(request["model"])
    return {
        "metadata": displayer.get_metadata_json(),
        "files": displayer.get_packed_associated_file_list(),
    }


def classify(request: Request) -> list[tuple[int, str, float]]:
    """Index, label and score of each class that the Task Library finds in an image.

    The image is ``.npy`` uint8 ``[height, width, 3]``.
    """
    import numpy as np
    from tensorflow_lite_support.python.task.vision.core.tensor_image import TensorImage
    from tensorflow_lite_support.python.task.vision.image_classifier import ImageClassifier

    # TensorImage points into the array and does not keep it alive.
    pixels = np.load(request["image"], allow_pickle=False)
    classifier = ImageClassifier.create_from_file(request["model"])
    [head] = classifier.classify(TensorImage.create_from_array(pixels)).classifications
    return [(found.index, found.category_name, found.score) for found in head.categories]


class _UnboundedScores(metadata_info.ClassificationTensorMd):  # type: ignore[misc]
    """Scores of which none is to be left out: by default the Task Library drops those below 0."""

    def create_metadata(self) -> Any:
        """The output's metadata with a threshold that every score reaches."""
        metadata = super().create_metadata()
        unit = schema.ProcessUnitT()
        unit.optionsType = schema.ProcessUnitOptions.ScoreThresholdingOptions
        unit.options = schema.ScoreThresholdingOptionsT()
        unit.options.globalScoreThreshold = -_LARGEST_FLOAT32
        metadata.processUnits = [*(metadata.processUnits or []), unit]
        return metadata


def _image_writer(model: bytearray, request: Request) -> Any:
    [tensor] = request["inputs"]
    [scores] = request["outputs"]
    return image_classifier.MetadataWriter.create_from_metadata_info(
        model,
        _general(request),
        metadata_info.InputImageTensorMd(
            name=tensor["name"],
            description=tensor["description"],
            norm_mean=request["image"]["mean"],
            norm_std=request["image"]["std"],
            color_space_type=getattr(schema.ColorSpaceType, request["image"]["color_space"]),
            tensor_type=writer_utils.get_input_tensor_types(model)[0],
        ),
        _output(scores),
    )


def _tensor_writer(model: bytearray, request: Request) -> Any:
    inputs = [
        metadata_info.TensorMd(
            name=tensor["name"],
            description=tensor["description"],
            associated_files=[metadata_info.AssociatedFileMd(path) for path in tensor["files"]],
        )
        for tensor in request["inputs"]
    ]
    packed = [path for tensor in request["inputs"] for path in tensor["files"]]
    packed += [tensor["labels"] for tensor in request["outputs"] if tensor["labels"]]
    return metadata_writer.MetadataWriter.create_from_metadata_info(
        model, _general(request), inputs, [_output(one) for one in request["outputs"]], packed
    )


def _general(request: Request) -> Any:
    return metadata_info.GeneralMd(
        name=request["name"], description=request["description"], author=request["author"]
    )


def _output(tensor: Request) -> Any:
    labels = [tensor["labels"]] if tensor["labels"] else []
    kind = metadata_info.ClassificationTensorMd if tensor["bounded"] else _UnboundedScores
    described = kind(
        name=tensor["name"],
        description=tensor["description"],
        label_files=[metadata_info.LabelFileMd(file_path=path) for path in labels],
    )
    # The writer claims 0 to 1 for any float output: true of probabilities, not of logits.
    if tensor["range"]:
        described.min_values, described.max_values = ([value] for value in tensor["range"])
    return described
