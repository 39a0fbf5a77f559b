"""The zoo's networks beside their references, and exported in every format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from edgekd.compress.folding import fold_batch_norm
from edgekd.devices.runtimes import open_runtime
from edgekd.errors import BadInput
from edgekd.export import find_exporter
from edgekd.export.contract import ExportRequest
from edgekd.networks import build_network, count_macs, count_parameters, network_file
from edgekd.recipe import Network
from edgekd.records import Format
from edgekd.teachers.weights import load_state
from tests.conftest import MLPERF_TINY as REFERENCES
from tests.conftest import ROOT

SHAPES = {
    "ds_cnn": (1, 49, 10),
    "resnet8": (3, 32, 32),
    "mobilenet_v1": (3, 96, 96),
    "autoencoder": (640,),
    "cifar_resnet": (3, 32, 32),
}
# Parameters with batch norms folded, and multiply-accumulates, of the reference models.
MLPERF_TINY = {
    "ds_cnn": (22_604, 2_656_768),
    "resnet8": (77_706, 12_501_632),
    "mobilenet_v1": (210_850, 7_489_664),
    "autoencoder": (265_864, 264_192),
}
FILES = [
    ("ds_cnn", "kws_float32"),
    ("ds_cnn", "kws_int8"),
    ("resnet8", "ic_float32"),
    ("resnet8", "ic_int8"),
    ("mobilenet_v1", "vww_int8"),
    ("autoencoder", "ad_int8"),
]
# The published counts, which the names of the checkpoints stand for: 0.27 M and so on.
CIFAR_RESNETS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
NARROW: dict[str, dict[str, Any]] = {
    "ds_cnn": {"width": 8},
    "resnet8": {"width": 4},
    "mobilenet_v1": {"width": 0.125},
    "autoencoder": {"hidden": 16},
    "cifar_resnet": {"depth": 8, "width": 4},
}
RUNTIMES: dict[Format, str] = {"tflite": "litert", "executorch": "executorch", "onnx": "onnx"}
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Of TFLite's weights to torch's.
PERMUTATIONS = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}

Array = npt.NDArray[np.float32]


class Layer(NamedTuple):
    """A layer with weights, in torch's layout."""

    weight: tuple[int, ...]
    bias: int
    stride: tuple[int, ...]
    output: tuple[int, ...]


def network(name: str, **arguments: Any) -> nn.Module:
    """The network as a recipe beside the zoo names it, its batch norms as if trained."""
    file = "cifar_resnet.py" if name == "cifar_resnet" else "mlperf_tiny.py"
    spec = Network(network=f"../zoo/{file}:{name}", arguments=arguments)
    torch.manual_seed(0)
    made = build_network(spec, network_file(spec, ROOT / "models" / "mnist"))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.get_buffer("running_mean"), -0.5, 0.5)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2)
    return made.eval()


def samples(name: str, n: int = 8) -> Array:
    return np.random.default_rng(0).standard_normal((n, *SHAPES[name]), dtype=np.float32)


def torch_outputs(model: nn.Module, inputs: Array) -> Array:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(inputs)).numpy(), np.float32)


def run_file(path: Path, runtime: str, inputs: Array) -> Array:
    """Outputs of a float file for NCHW or flat inputs, one at a time."""
    model = open_runtime(runtime, 1).load(path, reference=False)
    if runtime == "litert" and inputs.ndim == 4:
        inputs = inputs.transpose(0, 2, 3, 1)
    outputs = []
    for sample in inputs:
        model.prepare([np.ascontiguousarray(sample[None])])
        model.invoke()
        outputs.append(model.results()[0])
    return np.concatenate(outputs)


def layers_of(model: nn.Module, shape: tuple[int, ...]) -> list[tuple[nn.Module, Layer]]:
    """Layers in the order in which they run."""
    found: list[tuple[nn.Module, Layer]] = []

    def note(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        stride = module.stride if isinstance(module, nn.Conv2d) else ()
        weight, bias = module.get_parameter("weight"), module.get_parameter("bias")
        layer = Layer(tuple(weight.shape), bias.numel(), stride, tuple(output.shape[1:]))
        found.append((module, layer))

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note)
    torch_outputs(model, np.zeros((1, *shape), np.float32))
    return found


def reference_layers(path: Path) -> Iterator[tuple[Layer, Any, Any]]:
    """Each layer of a TFLite file, and the stored weights and biases of a file of floats."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (graph,) = model.subgraphs
    kinds = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if kind not in LAYERS:
            continue
        weight, bias = (graph.tensors[index] for index in operator.inputs[1:])
        options, output = operator.builtinOptions, graph.tensors[operator.outputs[0]].shape
        axes = PERMUTATIONS.get(kind, (0, 1))
        convolution = len(axes) == 4
        if convolution:
            assert options.padding == schema.Padding.SAME
        yield (
            Layer(
                tuple(int(weight.shape[axis]) for axis in axes),
                int(bias.shape[0]),
                (options.strideH, options.strideW) if convolution else (),
                tuple(int(size) for size in (output[-1], *output[1:-1])),
            ),
            stored(model, weight).transpose(axes),
            stored(model, bias),
        )


def stored(model: Any, tensor: Any) -> npt.NDArray[np.float32]:
    """Values of a constant; weights may be int8 with a scale."""
    content = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    if tensor.type == schema.TensorType.FLOAT32:
        return content.view(np.float32).reshape(tensor.shape).copy()
    if tensor.type == schema.TensorType.INT8:
        scale = np.float32(tensor.quantization.scale[0])
        return content.view(np.int8).reshape(tensor.shape) * scale
    return content.view(np.int32).astype(np.float32)


@pytest.fixture
def references() -> Path:
    """The folder of the trained MLPerf Tiny models."""
    if not REFERENCES.is_dir():
        pytest.skip(f"the MLPerf Tiny models are not in {REFERENCES}")
    return REFERENCES


@pytest.mark.parametrize("name", MLPERF_TINY)
def test_parameters_and_macs_are_those_of_mlperf_tiny(name: str) -> None:
    model = fold_batch_norm(network(name))
    assert (
        count_parameters(model),
        count_macs(model, np.zeros((1, *SHAPES[name]), np.float32)),
    ) == MLPERF_TINY[name]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_every_layer_is_that_of_the_reference(references: Path, name: str, file: str) -> None:
    model = fold_batch_norm(network(name))
    expected = [layer for layer, *_ in reference_layers(references / f"{file}.tflite")]
    assert [layer for _, layer in layers_of(model, SHAPES[name])] == expected
    parameters = sum(int(np.prod(layer.weight)) + layer.bias for layer in expected)
    macs = sum(int(np.prod((*layer.weight, *layer.output[1:]))) for layer in expected)
    assert (parameters, macs) == MLPERF_TINY[name]


@pytest.mark.parametrize(
    ("name", "file", "tolerance"),
    # The weights of the first are int8, so that LiteRT rounds activations to int8 too.
    [("ds_cnn", "kws_float32", 0.05), ("resnet8", "ic_float32", 1e-5)],
)
def test_with_the_weights_of_the_reference_it_gives_its_outputs(
    references: Path, name: str, file: str, tolerance: float
) -> None:
    path = references / f"{file}.tflite"
    model = fold_batch_norm(network(name))
    own = [module for module, _ in layers_of(model, SHAPES[name])]
    for module, (_, weight, bias) in zip(own, reference_layers(path), strict=True):
        module.get_parameter("weight").data = torch.from_numpy(np.ascontiguousarray(weight))
        module.get_parameter("bias").data = torch.from_numpy(bias)
    inputs = 20 * samples(name, 32)
    probabilities = run_file(path, "litert", inputs)
    logits = torch.from_numpy(torch_outputs(model, inputs))
    np.testing.assert_allclose(logits.softmax(1).numpy(), probabilities, atol=tolerance)
    assert len(set(probabilities.argmax(1))) > 1


@settings(max_examples=8, deadline=None)
@given(width=st.integers(1, 40), blocks=st.integers(1, 6), classes=st.integers(2, 40))
def test_ds_cnn_scales(width: int, blocks: int, classes: int) -> None:
    model = fold_batch_norm(network("ds_cnn", width=width, blocks=blocks, classes=classes))
    stem, block = 41 * width, 10 * width + width * (width + 1)
    assert count_parameters(model) == stem + blocks * block + classes * (width + 1)
    assert torch_outputs(model, samples("ds_cnn", 2)).shape == (2, classes)


@pytest.mark.parametrize("name", NARROW)
def test_width_scales(name: str) -> None:
    narrow = network(name, **NARROW[name])
    assert torch_outputs(narrow, samples(name)).std() > 0
    wider = {key: 2 * value for key, value in NARROW[name].items() if key != "depth"}
    wide = network(name, **{**NARROW[name], **wider})
    macs = [count_macs(model, np.zeros((1, *SHAPES[name]), np.float32)) for model in (narrow, wide)]
    assert 1.9 < macs[1] / macs[0] <= 4


def test_channels_of_the_input_are_free() -> None:
    for name in ("resnet8", "mobilenet_v1", "cifar_resnet"):
        model = network(name, **NARROW[name], channels=1)
        assert torch_outputs(model, samples(name)[:, :1]).shape[0] == 8


@pytest.mark.parametrize(("depth", "parameters"), CIFAR_RESNETS.items())
def test_cifar_resnets_have_the_published_parameters(depth: int, parameters: int) -> None:
    model = network("cifar_resnet", depth=depth)
    assert count_parameters(model) == parameters
    assert sum(p.ndim > 1 for p in model.parameters()) == depth
    # A 1x1 convolution, a weight and a bias of a batch norm, twice.
    projected = network("cifar_resnet", depth=depth, shortcut="projection")
    assert count_parameters(projected) == parameters + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_a_padded_shortcut_is_option_a() -> None:
    block = network("cifar_resnet", width=4).get_submodule("layer2.0.downsample")
    inputs = torch.randn(2, 4, 7, 9)
    with torch.no_grad():
        expected = functional.pad(inputs[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        assert torch.equal(block(inputs), expected)


@pytest.mark.parametrize("arguments", [{"depth": 21}, {"depth": 2}, {"shortcut": "none"}])
def test_what_no_cifar_resnet_is(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"cifar_resnet\.py.*(6n \+ 2|'pad' or 'projection')"):
        network("cifar_resnet", **arguments)


def _published_names(shortcut: str, last: str) -> set[str]:
    """Names of the tensors of a ResNet-20 checkpoint, as its authors' code makes them."""
    blocks = [f"layer{stage}.{block}." for stage in (1, 2, 3) for block in (0, 1, 2)]
    places = [("", "1"), *((block, number) for block in blocks for number in "12")]
    norms = [f"{place}bn{number}" for place, number in places]
    convolutions = [f"{place}conv{number}" for place, number in places]
    if shortcut == "projection":
        convolutions += ["layer2.0.downsample.0", "layer3.0.downsample.0"]
        norms += ["layer2.0.downsample.1", "layer3.0.downsample.1"]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {
        *(f"{convolution}.weight" for convolution in convolutions),
        *(f"{name}.{leaf}" for name in norms for leaf in norm),
        *(f"{last}.weight", f"{last}.bias"),
    }


@pytest.mark.parametrize(("shortcut", "last"), [("pad", "linear"), ("projection", "fc")])
def test_a_public_checkpoint_fits(tmp_path: Path, shortcut: str, last: str) -> None:
    trained = network("cifar_resnet", shortcut=shortcut)
    state = trained.state_dict()
    assert set(state) == _published_names(shortcut, last)
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": wrapped, "best_prec1": 91.7}, tmp_path / "resnet20.th")
    with torch.no_grad():
        loaded = network("cifar_resnet", shortcut=shortcut)
        for parameter in loaded.parameters():
            parameter.zero_()
    load_state(loaded, tmp_path / "resnet20.th")
    inputs = samples("cifar_resnet", 2)
    np.testing.assert_array_equal(torch_outputs(loaded, inputs), torch_outputs(trained, inputs))
    assert torch_outputs(trained, inputs).std() > 0


@pytest.mark.parametrize("format_", RUNTIMES)
@pytest.mark.parametrize("name", NARROW)
def test_every_format_gives_the_numbers_of_torch(
    tmp_path: Path, name: str, format_: Format
) -> None:
    model = network(name, **NARROW[name])
    request = ExportRequest(fold_batch_norm(model), SHAPES[name], "fp32", tmp_path)
    exported = find_exporter(format_).export(request)
    assert exported.preflight.undelegated == {}
    if format_ == "tflite" and name in ("ds_cnn", "resnet8", "mobilenet_v1", "autoencoder"):
        assert set(exported.preflight.operators) <= {*LAYERS, "MEAN", "ADD"}
    inputs = samples(name)
    expected = torch_outputs(model, inputs)
    outputs = run_file(exported.path, RUNTIMES[format_], inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * np.abs(expected).max())
