"""ONNX files, run in ONNX Runtime and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.onnx import OnnxExporter
from edgekd.export.onnx_preflight import inspect_onnx
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

# Measured: 136, 73, 38, 38, 38 and 39 dB.
SMALLEST_SQNR: dict[tuple[str, Precision], float] = {
    ("28x28", "fp32"): 110,
    ("28x28", "fp16"): 60,
    ("28x28", "int8"): 30,
    ("28x28", "int4"): 30,
    ("8x8", "int8-qat"): 30,
    ("8x8", "int4"): 30,
    ("mlp", "int8"): 25,
    ("mlp", "int4"): 15,
}
EVERY_FILE = pytest.mark.parametrize(("name", "precision"), SMALLEST_SQNR)
LAYERS = ("Conv", "Gemm")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export each network at each precision once."""
    made: dict[tuple[str, Precision], ExportedModel] = {}
    folder = tmp_path_factory.mktemp("onnx")

    def get(name: str, precision: Precision) -> ExportedModel:
        if (name, precision) not in made:
            made[name, precision] = export(
                OnnxExporter(),
                prepared(name, precision),
                SHAPES[name],
                precision,
                folder / f"{name}-{precision}",
            )
        return made[name, precision]

    return get


def run(model: ExportedModel, inputs: Array, optimised: bool = True) -> Array:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        str(model.path), options, providers=["CPUExecutionProvider"]
    )
    (spec,) = model.inputs
    outputs = [session.run(None, {spec.name: sample[None]})[0] for sample in inputs]
    return np.concatenate(outputs)


def weights_of(path: Path) -> list[npt.NDArray[np.int64]]:
    """Stored integers of each layer's weights, the layers in order."""
    graph = onnx.load(path).graph
    initializers = {item.name: item for item in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    weights = []
    for node in graph.node:
        if node.op_type in LAYERS:
            name = producers[node.input[1]].input[0]
            if name in producers:
                assert producers[name].op_type == "Cast"
                name = producers[name].input[0]
                assert initializers[name].data_type == onnx.TensorProto.INT4
            weights.append(numpy_helper.to_array(initializers[name]).astype(np.int64))
    return weights


@pytest.mark.parametrize("optimised", [True, False], ids=["optimised", "plain"])
@EVERY_FILE
def test_files_give_the_numbers_of_torch(
    exported: Any, name: str, precision: Precision, optimised: bool
) -> None:
    model = exported(name, precision)
    inputs = samples(SHAPES[name], 16, seed=2)
    outputs = run(model, inputs, optimised)
    assert outputs.dtype == np.float32
    expected = torch_outputs(prepared(name, precision), inputs)
    assert sqnr_db(expected, outputs) > SMALLEST_SQNR[name, precision]


@EVERY_FILE
def test_files_are_one_lean_nchw_file_with_float_ends(
    exported: Any, name: str, precision: Precision
) -> None:
    model = exported(name, precision)
    assert [path.name for path in model.path.parent.iterdir()] == ["model.onnx"]
    for spec in (*model.inputs, *model.outputs):
        assert (spec.dtype, spec.scale, spec.zero_point) == ("float32", None, None)
    assert model.inputs[0].shape == [1, *SHAPES[name]]
    assert model.inputs[0].layout == ("NC" if name == "mlp" else "NCHW")
    proto = onnx.load(model.path)
    onnx.checker.check_model(proto)
    opset = {item.domain: item.version for item in proto.opset_import}[""]
    assert opset == (21 if precision == "int4" else 20)
    assert "BatchNormalization" not in model.preflight.operators
    # torch.onnx writes the source lines of the exporting machine into each node.
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)


def test_files_shrink_with_the_precision(exported: Any) -> None:
    order: tuple[Precision, ...] = ("fp32", "int8", "int4")
    sizes = [exported("28x28", precision).path.stat().st_size for precision in order]
    assert sizes == sorted(set(sizes), reverse=True)
    assert exported("28x28", "fp16").path.stat().st_size < sizes[0]


@pytest.mark.parametrize(
    ("name", "precision"), [("28x28", "int4"), ("8x8", "int8-qat"), ("8x8", "int4")]
)
def test_the_grid_of_quantization_aware_training_is_kept_exactly(
    exported: Any, name: str, precision: Precision
) -> None:
    expected = grid_values(prepared(name, precision), LARGEST_INTEGER[precision])
    found = weights_of(exported(name, precision).path)
    assert len(found) == len(expected) == 3
    for values, integers_of_torch in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values, integers_of_torch)


@pytest.mark.parametrize(("name", "precision"), [("28x28", "int8"), ("28x28", "int4")])
def test_quantized_convolutions_run_in_integers(
    exported: Any, name: str, precision: Precision
) -> None:
    preflight = exported(name, precision).preflight
    assert preflight.float_fallbacks == {}
    assert preflight.undelegated == {}
    # Two convolutions, pooling, reshape, linear: the activations are part of the kernels.
    assert preflight.delegated == 5
    assert preflight.transposes == 2
    assert any("adds 2 layout changes" in note for note in preflight.notes)


def test_float16_is_widened_on_this_processor_and_says_so(exported: Any) -> None:
    preflight = exported("28x28", "fp16").preflight
    assert preflight.float_fallbacks == {"AveragePool": 1, "Conv": 2, "Gemm": 1}
    assert any("widens them to float32" in note for note in preflight.notes)
    assert exported("28x28", "fp32").preflight.float_fallbacks == {}


def test_linear_layers_become_grouped_int4(exported: Any) -> None:
    model = exported("mlp", "int4")
    assert model.preflight.operators["MatMulNBits"] == 2
    assert model.preflight.float_fallbacks == {"Relu": 1}
    proto = onnx.load(model.path)
    for node in proto.graph.node:
        if node.op_type == "MatMulNBits":
            attributes = {item.name: item.i for item in node.attribute}
            assert (attributes["bits"], attributes["block_size"]) == (4, 32)
            assert attributes["accuracy_level"] == 4


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_dead_channel_keeps_its_bias(precision: Precision, tmp_path: Path) -> None:
    model = with_dead_channels()
    exported = export(OnnxExporter(), model, (1, 8, 8), precision, tmp_path)
    inputs = samples((1, 8, 8), 16, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(exported, inputs)) > 30


class Mixed(nn.Module):
    """An operator between the layers that has no integer kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.linear = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = torch.cos(self.convolution(images))
        result: torch.Tensor = self.linear(features.flatten(1))
        return result


def test_what_stays_in_float_is_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Mixed().eval()
    exported = export(OnnxExporter(), model, (2, 8, 8), "int8", tmp_path)
    assert exported.preflight.float_fallbacks == {"Cos": 1}
    assert exported.preflight.undelegated["Cos"] == 1
    inputs = samples((2, 8, 8), 16, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(exported, inputs)) > 25


class Singular(nn.Module):
    def forward(self, matrices: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.svd(matrices)[1]
        return values.flatten(1)


def test_an_operator_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"aten\._linalg_svd") as caught:
        export(OnnxExporter(), Singular().eval(), (1, 8, 8), "fp32", tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_int4_without_a_layer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no linear layer"):
        export(OnnxExporter(), nn.ReLU().eval(), (64,), "int4", tmp_path)


@pytest.mark.parametrize(
    ("calibration", "part"),
    [
        (None, "needs calibration samples"),
        (np.zeros((0, 64), np.float32), "needs calibration samples"),
        (np.zeros((4, 63), np.float32), "do not fit"),
        (np.full((4, 64), np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_bad_calibration_samples_are_refused(
    calibration: Array | None, part: str, tmp_path: Path
) -> None:
    request = ExportRequest(network("mlp"), (64,), "int8", tmp_path, calibration)
    with pytest.raises(BadInput, match=part):
        OnnxExporter().export(request)


def test_the_same_request_gives_the_same_bytes(exported: Any, tmp_path: Path) -> None:
    again = export(OnnxExporter(), prepared("8x8", "int4"), SHAPES["8x8"], "int4", tmp_path)
    assert again.path.read_bytes() == exported("8x8", "int4").path.read_bytes()
    assert again.tools["onnxruntime"] == onnxruntime.__version__


def flipped(content: bytes, seed: int) -> bytes:
    generator = np.random.default_rng(seed)
    damaged = bytearray(content)
    for position in generator.integers(0, len(content), 32):
        damaged[position] ^= 0xFF
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not a model at all",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"Conv", b"Corn"),
        lambda content: flipped(content, seed=0),
        lambda content: flipped(content, seed=1),
    ],
)
def test_malformed_files_are_one_line_of_bad_input(
    exported: Any, damage: Any, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(damage(exported("8x8", "int4").path.read_bytes()))
    with pytest.raises(BadInput) as caught:
        inspect_onnx(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_with_its_weights_elsewhere_is_refused(exported: Any, tmp_path: Path) -> None:
    path = tmp_path / "split.onnx"
    onnx.save(
        onnx.load(exported("28x28", "fp32").path),
        path,
        save_as_external_data=True,
        size_threshold=0,
    )
    with pytest.raises(BadInput, match="keeps weights in other files"):
        inspect_onnx(path)


@pytest.mark.parametrize(
    ("shape", "kind", "part"),
    [
        (["batch", "height"], onnx.TensorProto.FLOAT, "no fixed size"),
        (["batch", 4], onnx.TensorProto.DOUBLE, "cannot be fed"),
    ],
)
def test_inputs_that_cannot_be_fed_are_refused(
    shape: list[Any], kind: int, part: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=part):
        inspect_onnx(negation(tmp_path, shape, kind))


def test_a_file_that_edgekd_never_made_is_inspected(exported: Any, tmp_path: Path) -> None:
    model = exported("8x8", "int8-qat")
    assert inspect_onnx(model.path) == (model.inputs, model.outputs, model.preflight)
    inputs, outputs, preflight = inspect_onnx(
        negation(tmp_path, ["batch", 4], onnx.TensorProto.FLOAT)
    )
    assert [spec.shape for spec in (*inputs, *outputs)] == [[1, 4], [1, 4]]
    assert preflight.operators == {"Neg": 1}
    assert preflight.delegated == 1


def negation(folder: Path, shape: list[Any], kind: int) -> Path:
    """A file of one operator."""
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["y"])],
        "negation",
        [make("x", kind, shape)],
        [make("y", kind, shape)],
    )
    path = folder / "negation.onnx"
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path
