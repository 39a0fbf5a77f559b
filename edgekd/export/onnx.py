"""Exports a torch model to ONNX: torch.onnx converts, ONNX Runtime quantizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.errors import BadInput, EdgekdError, RunFailed
from edgekd.export.calibration import calibration_samples
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.onnx_preflight import inspect_onnx
from edgekd.export.onnx_tables import GROUP_SIZE
from edgekd.export.wording import GROUPED_TABLES, STATIC_TABLES, input_and_output, tables
from edgekd.third_party import quiet, reason, require, versions

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL_FILE = "model.onnx"
OPSET = 20
_TOOLS = ("torch", "onnx", "onnxscript", "onnx-ir", "onnxruntime")


class OnnxExporter:
    """Writes ``model.onnx`` for a batch of one: one file, images NCHW, float32 out."""

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`."""
        require("onnx", "onnx", "onnxscript", "onnxruntime")
        with quiet():
            model, scheme = _at_precision(request)
            content = _lean(model).SerializeToString(deterministic=True)
        path = request.out / MODEL_FILE
        try:
            path.write_bytes(content)
        except OSError as error:
            raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
        inputs, outputs, preflight = inspect_onnx(path)
        return ExportedModel(path, inputs, outputs, scheme, preflight, versions(*_TOOLS))


def _converted(request: ExportRequest, opset: int) -> ModelProto:
    """The model as float32 ONNX, batch normalization folded."""
    import torch

    example = (torch.zeros(1, *request.sample_shape, dtype=getattr(torch, request.dtype)),)
    try:
        program = torch.onnx.export(
            request.model,
            example,
            dynamo=True,
            opset_version=opset,
            input_names=["input"],
            output_names=["logits"],
            external_data=False,
            verbose=False,
        )
    # Tracing and lowering raise whatever the step that fails raises.
    except Exception as error:
        raise BadInput(f"the model cannot be converted to ONNX: {reason(error)}") from error
    if program is None:
        raise BadInput("the model cannot be converted to ONNX: torch.onnx gave no program")
    model = _lean(program.model_proto)
    # torch.onnx leaves a model at another opset where its version converter gives up.
    made = next(item.version for item in model.opset_import if not item.domain)
    if made != opset:
        raise BadInput(f"an operator of the model keeps it from opset {opset}: it stays at {made}")
    return model


def _lean(model: ModelProto) -> ModelProto:
    """Without source lines and paths of the exporting machine, and without inferred shapes.

    Inferred shapes also mislead ONNX Runtime's quantizers once they change the graph.
    """
    import onnx_ir
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    intermediate = onnx_ir.from_proto(model)
    ClearMetadataAndDocStringPass()(intermediate)
    lean: ModelProto = onnx_ir.to_proto(intermediate)
    del lean.graph.value_info[:]
    return lean


def _at_precision(request: ExportRequest) -> tuple[ModelProto, str]:
    """The model at the request's precision, and the scheme in words."""
    from edgekd.export.onnx_quantize import INT4_OPSET

    model = _converted(request, INT4_OPSET if request.precision == "int4" else OPSET)
    if request.precision == "fp32":
        return model, "float32"
    try:
        return _quantized(model, request)
    except EdgekdError:
        raise
    # The quantizers raise ValueError, RuntimeError, AssertionError and bare Exception.
    except Exception as error:
        raise BadInput(
            f"the ONNX model cannot be quantized to {request.precision}: {reason(error)}"
        ) from error


def _quantized(model: ModelProto, request: ExportRequest) -> tuple[ModelProto, str]:
    from edgekd.export import onnx_quantize as quantize

    if request.precision == "fp16":
        words = f"float16 weights and graph, {input_and_output(request)}"
        return quantize.float16_graph(model), words
    if request.precision == "int4" and not quantize.has_convolutions(model):
        scheme = (
            f"int4 weights in groups of {GROUP_SIZE} (symmetric), activations quantized "
            f"to int8 at run time{tables(request, GROUPED_TABLES)}, {input_and_output(request)}"
        )
        return quantize.grouped_int4(model), scheme
    samples = calibration_samples(request)
    activations = (
        f"int8 activations per tensor (asymmetric, min/max over {len(samples)} samples)"
        f"{tables(request, STATIC_TABLES)}, {input_and_output(request)}"
    )
    if request.precision == "int4":
        scheme = f"int4 weights per channel (symmetric, widened to int8 at load), {activations}"
        return quantize.static_int4(model, samples), scheme
    scheme = f"int8 weights per channel (symmetric), {activations}"
    return quantize.static_int8(model, samples), scheme
