"""Exports a torch model to TFLite: litert-torch converts, ai-edge-quantizer quantizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekd.errors import BadInput, EdgekdError, RunFailed, Unavailable
from edgekd.export.calibration import calibration_samples
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.tflite_preflight import Inspected, grouped_outside_delegate, inspect_tflite
from edgekd.export.tflite_tables import GROUP_SIZE
from edgekd.export.wording import GROUPED_TABLES, STATIC_TABLES, input_and_output, tables
from edgekd.third_party import quiet, reason, require, versions

if TYPE_CHECKING:
    import numpy.typing as npt

MODEL_FILE = "model.tflite"
TOOLS = ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "ai-edge-quantizer")
_IMAGE_RANK = 3


@dataclass(frozen=True)
class TfliteExporter:
    """Writes ``model.tflite`` for a batch of one; images are NHWC in the file.

    Attributes:
        grouped: whether int4 weights of models without convolutions get a scale for each group of
            inputs, with activations that are quantized at run time; otherwise a scale for each
            channel and integer activations, which is what microcontrollers can compute.
    """

    grouped: bool = True

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        require("tflite", "litert_torch", "ai_edge_quantizer", "ai_edge_litert")
        with quiet():
            content, scheme = _at_precision(_converted(request), request, self.grouped)
        path, (inputs, outputs, preflight) = write_model(content, request.out)
        return ExportedModel(path, inputs, outputs, scheme, preflight, versions(*TOOLS))


def write_model(content: bytes, out: Path) -> tuple[Path, Inspected]:
    """Write ``model.tflite``, and keep it if LiteRT computes it right.

    Args:
        content: of the file.
        out: existing folder.

    Returns:
        The file, and what it holds.

    Raises:
        RunFailed: the folder cannot be written.
        Unavailable: LiteRT would compute the file wrong.
    """
    path = out / MODEL_FILE
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    inspected = inspect_tflite(path)
    if grouped_outside_delegate(inspected[-1]):
        path.unlink()
        raise Unavailable("XNNPACK does not take the int4 layers, and no other kernel is right")
    return path, inspected


def _converted(request: ExportRequest) -> bytes:
    """The model as float32 TFLite."""
    import litert_torch
    import torch

    from edgekd.export.tflite_layout import channels_last

    litert_torch.config.show_progress = False
    shape = tuple(request.sample_shape)
    try:
        if len(shape) == _IMAGE_RANK:
            model = channels_last(request.model, shape)
            shape = (*shape[1:], shape[0])
        else:
            model = request.model
        example = torch.zeros(1, *shape, dtype=getattr(torch, request.dtype))
        converted = litert_torch.convert(model, (example,))
        return bytes(converted.model_content())
    # Tracing and lowering raise whatever the step that fails raises.
    except Exception as error:
        raise BadInput(f"the model cannot be converted to TFLite: {reason(error)}") from error


def _at_precision(model: bytes, request: ExportRequest, grouped: bool) -> tuple[bytes, str]:
    """The model at the request's precision, and the scheme in words."""
    if request.precision == "fp32":
        return model, "float32"
    try:
        return _quantized(model, request, grouped)
    except EdgekdError:
        raise
    # The quantizer's errors derive from ValueError, RuntimeError and KeyError.
    except Exception as error:
        raise BadInput(
            f"the TFLite model cannot be quantized to {request.precision}: {reason(error)}"
        ) from error


def _quantized(model: bytes, request: ExportRequest, grouped: bool) -> tuple[bytes, str]:
    from edgekd.export import tflite_quantize as quantize

    if request.precision == "fp16":
        return quantize.float16_weights(model), "float16 weights, float32 arithmetic"
    if request.precision == "int4" and grouped and not quantize.has_convolutions(model):
        content, left = quantize.grouped_int4(model)
        scheme = (
            f"int4 weights in groups of {GROUP_SIZE} (symmetric, bfloat16 scales), "
            "activations quantized to int8 at run time"
            f"{tables(request, GROUPED_TABLES)}, {input_and_output(request)}"
        )
        others = f"; int8 weights per channel where the inputs do not divide (layers: {left})"
        return content, scheme + (others if left else "")
    samples = calibration_samples(request)
    bits = 4 if request.precision == "int4" else 8
    scheme = (
        f"int{bits} weights per channel (symmetric), int8 activations per tensor (asymmetric, "
        f"min/max over {len(samples)} samples){tables(request, STATIC_TABLES)}, "
        f"{input_and_output(request, 'int8')}"
    )
    return quantize.static_integers(model, _in_file_layout(samples), bits), scheme


def _in_file_layout(
    samples: npt.NDArray[np.float32 | np.int32],
) -> npt.NDArray[np.float32 | np.int32]:
    """NCHW images as NHWC; anything else as it is."""
    if samples.ndim != _IMAGE_RANK + 1:
        return samples
    return np.ascontiguousarray(samples.transpose(0, 2, 3, 1))
