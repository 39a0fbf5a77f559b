"""TFLite files, run in LiteRT and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import nn

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.tflite import TfliteExporter
from edgekd.records import Precision
from tests.export.networks import (
    LARGEST_INTEGER,
    SHAPES,
    Array,
    export,
    grid_values,
    network,
    prepared,
    samples,
    sqnr_db,
    torch_outputs,
    with_dead_channels,
)

DEFAULT, REFERENCE = OpResolverType.AUTO, OpResolverType.BUILTIN_REF
# Measured: 130, 73, 38, 37, 37 and 39 dB.
SMALLEST_SQNR: dict[tuple[str, Precision], float] = {
    ("28x28", "fp32"): 110,
    ("28x28", "fp16"): 60,
    ("28x28", "int8"): 30,
    ("28x28", "int4"): 30,
    ("8x8", "int8-qat"): 30,
    ("8x8", "int4"): 30,
}
CONVOLUTIONAL = pytest.mark.parametrize(("name", "precision"), SMALLEST_SQNR)
ON_GRID = pytest.mark.parametrize(
    ("name", "precision", "pixels"),
    [("28x28", "int4", 9), ("8x8", "int8-qat", 4), ("8x8", "int4", 4)],
)
RESOLVERS = pytest.mark.parametrize("resolver", [DEFAULT, REFERENCE], ids=["xnnpack", "reference"])
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export each network at each precision once."""
    made: dict[tuple[str, Precision], ExportedModel] = {}
    folder = tmp_path_factory.mktemp("tflite")

    def get(name: str, precision: Precision) -> ExportedModel:
        if (name, precision) not in made:
            made[name, precision] = export(
                TfliteExporter(),
                prepared(name, precision),
                SHAPES[name],
                precision,
                folder / f"{name}-{precision}",
            )
        return made[name, precision]

    return get


def run(model: ExportedModel, inputs: Array, resolver: Any = DEFAULT) -> Array:
    """Real outputs of the file for NCHW or flat inputs, quantized as the specs say."""
    interpreter = Interpreter(
        str(model.path), num_threads=1, experimental_op_resolver_type=resolver
    )
    interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    (fed,), (taken,) = model.inputs, model.outputs
    outputs = []
    for sample in inputs:
        array = sample[None].transpose(0, 2, 3, 1) if fed.layout == "NHWC" else sample[None]
        if fed.scale is not None and fed.zero_point is not None:
            stored = np.round(array / fed.scale) + fed.zero_point
            array = np.clip(stored, -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], np.ascontiguousarray(array))
        interpreter.invoke()
        output = interpreter.get_tensor(result["index"])[0].astype(np.float32)
        if taken.scale is not None and taken.zero_point is not None:
            output = (output - taken.zero_point) * taken.scale
        outputs.append(output.astype(np.float32))
    return np.stack(outputs)


def layers_of(path: Path) -> list[tuple[str, Any, npt.NDArray[np.int64], Any]]:
    """Kind, weight tensor, integer weights and output tensor of each layer, in order."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (graph,) = model.subgraphs
    kinds = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    layers = []
    for operator in graph.operators:
        kind = kinds[model.operatorCodes[operator.opcodeIndex].builtinCode]
        if kind in LAYERS:
            tensor = graph.tensors[operator.inputs[1]]
            stored = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
            values = integers(stored, tensor.type).reshape(tensor.shape)
            layers.append((kind, tensor, values, graph.tensors[operator.outputs[0]]))
    return layers


def integers(stored: npt.NDArray[np.uint8], kind: int) -> npt.NDArray[np.int64]:
    if kind == schema.TensorType.INT8:
        return stored.view(np.int8).astype(np.int64)
    assert kind == schema.TensorType.INT4
    nibbles = np.stack([stored & 15, stored >> 4], axis=1).reshape(-1).astype(np.int64)
    return np.where(nibbles > 7, nibbles - 16, nibbles)


def in_torch_layout(
    kind: str, values: npt.NDArray[np.int64], expected: npt.NDArray[np.int64], pixels: int
) -> npt.NDArray[np.int64]:
    if kind == "CONV_2D":
        return values.transpose(0, 3, 1, 2)
    if kind == "DEPTHWISE_CONV_2D":
        return values.transpose(3, 0, 1, 2)
    rows, columns = expected.shape
    by_channel = values.reshape(rows, pixels, columns // pixels).transpose(0, 2, 1)
    return by_channel.reshape(rows, columns)


@RESOLVERS
@CONVOLUTIONAL
def test_convolutional_files_give_the_numbers_of_torch(
    exported: Any, name: str, precision: Precision, resolver: Any
) -> None:
    model = exported(name, precision)
    inputs = samples(SHAPES[name], 16, seed=2)
    outputs = run(model, inputs, resolver)
    expected = torch_outputs(prepared(name, precision), inputs)
    assert sqnr_db(expected, outputs) > SMALLEST_SQNR[name, precision]


@pytest.mark.parametrize(("precision", "smallest"), [("int8", 25), ("int4", 15)])
def test_linear_files_give_the_numbers_of_torch(
    exported: Any, precision: Precision, smallest: float
) -> None:
    model = exported("mlp", precision)
    inputs = samples(SHAPES["mlp"], 16, seed=2)
    assert sqnr_db(torch_outputs(network("mlp"), inputs), run(model, inputs)) > smallest


@CONVOLUTIONAL
def test_images_are_nhwc_without_a_transpose(
    exported: Any, name: str, precision: Precision
) -> None:
    model = exported(name, precision)
    channels, height, width = SHAPES[name]
    assert model.inputs[0].shape == [1, height, width, channels]
    assert model.inputs[0].layout == "NHWC"
    assert model.preflight.transposes == 0
    assert "TRANSPOSE" not in model.preflight.operators
    assert "BATCH_NORM" not in str(model.preflight.operators)
    assert model.preflight.float_fallbacks == {}


@pytest.mark.parametrize(
    ("name", "precision"), [("28x28", "int8"), ("8x8", "int8-qat"), ("28x28", "int4")]
)
def test_static_files_take_and_give_int8(exported: Any, name: str, precision: Precision) -> None:
    model = exported(name, precision)
    for spec in (*model.inputs, *model.outputs):
        assert spec.dtype == "int8"
        assert spec.scale is not None
        assert spec.scale > 0
        assert spec.zero_point is not None


def test_files_shrink_with_the_precision(exported: Any) -> None:
    order: tuple[Precision, ...] = ("fp32", "fp16", "int8", "int4")
    sizes = [exported("28x28", precision).path.stat().st_size for precision in order]
    assert sizes == sorted(set(sizes), reverse=True)


@ON_GRID
def test_the_grid_of_quantization_aware_training_is_kept_exactly(
    exported: Any, name: str, precision: Precision, pixels: int
) -> None:
    expected = grid_values(prepared(name, precision), LARGEST_INTEGER[precision])
    layers = layers_of(exported(name, precision).path)
    assert len(layers) == len(expected) == 3
    for (kind, _, values, _), integers_of_torch in zip(layers, expected, strict=True):
        found = in_torch_layout(kind, values, integers_of_torch, pixels)
        np.testing.assert_array_equal(found, integers_of_torch)


@RESOLVERS
@pytest.mark.parametrize("name", ["28x28", "8x8"])
def test_int4_kernels_compute_what_float_computes(exported: Any, name: str, resolver: Any) -> None:
    """Each layer on its own: what it made of its int8 input, against torch on the same input."""
    model = exported(name, "int4")
    first, second, _, flatten, linear = prepared(name, "int4")
    interpreter = Interpreter(
        str(model.path),
        num_threads=1,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    scale, zero_point = given["quantization"]
    # A calibration sample: nothing is clipped.
    image = np.round(samples(SHAPES[name], 1, seed=1).transpose(0, 2, 3, 1) / scale) + zero_point
    interpreter.set_tensor(given["index"], np.clip(image, -128, 127).astype(np.int8))
    interpreter.invoke()
    nodes = [node for node in interpreter._get_ops_details() if node["op_name"] != "DELEGATE"]
    results = [node["outputs"][0] for node in nodes if node["op_name"] in LAYERS]
    (pooled,) = (node["outputs"][0] for node in nodes if node["op_name"] == "AVERAGE_POOL_2D")
    sources = (given["index"], results[0], pooled)
    modules = (first, second, nn.Sequential(flatten, linear))
    for module, source, result in zip(modules, sources, results, strict=True):
        found, scale = real(interpreter, result)
        with torch.no_grad():
            expected = module(channels_first(real(interpreter, source)[0]))
        steps = np.abs(found - channels_last(expected)) / scale
        # Half a step of the output, and the rounding of the bias to the scale of the products.
        assert steps.max() < 0.8


def real(interpreter: Interpreter, index: int) -> tuple[Array, float]:
    """A stored tensor's real values, and its scale."""
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    scale, zero_point = details[index]["quantization"]
    stored = interpreter.get_tensor(index).astype(np.float32)
    return (stored - np.float32(zero_point)) * np.float32(scale), float(scale)


def channels_first(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def channels_last(tensor: torch.Tensor) -> Array:
    array: Array = tensor.numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_dead_channel_keeps_its_bias(precision: Precision, tmp_path: Path) -> None:
    """An output channel of zero weights has no scale of its own to store its bias at."""
    model = with_dead_channels()
    exported = export(TfliteExporter(), model, (1, 8, 8), precision, tmp_path)
    inputs = samples((1, 8, 8), 16, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(exported, inputs)) > 30


def test_int4_in_groups_uses_bfloat16_scales(exported: Any) -> None:
    model = exported("mlp", "int4")
    torch_layers = [layer for layer in network("mlp") if isinstance(layer, nn.Linear)]
    for (_, tensor, values, _), layer in zip(layers_of(model.path), torch_layers, strict=True):
        assert tensor.quantization.details.blockSize == 32
        weight = layer.weight.detach()
        groups = weight.reshape(weight.shape[0], -1, 32)
        scale = (groups.abs().amax(2, keepdim=True) / 7).bfloat16().float()
        expected = torch.clamp(torch.round(groups / scale), -8, 7).reshape(weight.shape)
        np.testing.assert_array_equal(values, expected.numpy())


def test_grouped_int4_is_flagged_because_the_reference_kernels_are_wrong(exported: Any) -> None:
    model = exported("mlp", "int4")
    assert model.preflight.delegated == 2
    assert any("XNNPACK delegate alone" in note for note in model.preflight.notes)
    inputs = samples(SHAPES["mlp"], 16, seed=2)
    expected = torch_outputs(network("mlp"), inputs)
    assert sqnr_db(expected, run(model, inputs, REFERENCE)) < 10


def test_layers_that_do_not_divide_into_groups_are_named_in_the_scheme(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)).eval()
    exported = export(TfliteExporter(), model, (64,), "int4", tmp_path)
    first, second = (tensor.type for _, tensor, _, _ in layers_of(exported.path))
    assert (first, second) == (schema.TensorType.INT4, schema.TensorType.INT8)
    assert "int8 weights per channel where the inputs do not divide (layers: 1)" in exported.scheme


@pytest.mark.parametrize(
    ("model", "shape", "part"),
    [
        (nn.Sequential(nn.Linear(20, 10)), (20,), "divide by 32"),
        (nn.Sequential(nn.ConvTranspose2d(1, 4, 2, stride=2)), (1, 8, 8), "TRANSPOSE_CONV"),
    ],
    ids=["groups", "transposed convolution"],
)
def test_int4_that_cannot_be_held_is_unavailable(
    model: nn.Module, shape: tuple[int, ...], part: str, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=part):
        export(TfliteExporter(), model.eval(), shape, "int4", tmp_path)
    assert list(tmp_path.iterdir()) == []


class Mixed(nn.Module):
    """A flatten that feeds more than linear layers, and an operator that stays in float."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.linear = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = torch.cos(self.convolution(images)).flatten(1)
        linear: torch.Tensor = self.linear(flat)
        return linear + flat[:, :10]


def test_what_stays_is_counted_and_right(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Mixed().eval()
    exported = export(TfliteExporter(), model, (2, 8, 8), "int8", tmp_path)
    assert exported.preflight.transposes == exported.preflight.operators["TRANSPOSE"] == 1
    assert exported.preflight.float_fallbacks == {"COS": 1}
    inputs = samples((2, 8, 8), 16, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(exported, inputs)) > 25


class Singular(nn.Module):
    def forward(self, matrices: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.svd(matrices)[1]
        return values.flatten(1)


def test_an_operator_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"aten\._linalg_svd"):
        export(TfliteExporter(), Singular().eval(), (1, 8, 8), "fp32", tmp_path)


def test_delegation_is_counted(exported: Any) -> None:
    preflight = exported("28x28", "fp32").preflight
    assert preflight.delegated == sum(preflight.operators.values())
    assert preflight.undelegated == {}
    preflight = exported("28x28", "int4").preflight
    assert {"CONV_2D", "DEPTHWISE_CONV_2D"} <= set(preflight.undelegated)
    assert preflight.delegated + sum(preflight.undelegated.values()) == sum(
        preflight.operators.values()
    )


def test_the_same_request_gives_the_same_bytes_and_leaves_the_model_alone(
    exported: Any, tmp_path: Path
) -> None:
    model = prepared("8x8", "int4")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    again = export(TfliteExporter(), model, SHAPES["8x8"], "int4", tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert again.path.read_bytes() == exported("8x8", "int4").path.read_bytes()
    assert again.tools["litert-torch"]


def test_static_quantization_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs calibration samples"):
        TfliteExporter().export(ExportRequest(network("mlp"), (64,), "int8", tmp_path))
