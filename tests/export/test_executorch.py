"""ExecuTorch files, run in its runtime and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.compress.folding import fold_batch_norm
from edgekd.compress.grouped import quantize_grouped
from edgekd.compress.static import quantize_static
from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch import ExecutorchExporter
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.records import Precision
from tests.export.networks import SHAPES, Array, network, samples, sqnr_db, torch_outputs

# Measured: 126, 57, 50 and 135 dB.
CASES: list[tuple[str, Precision, float]] = [
    ("28x28", "fp32", 110),
    ("28x28", "fp16", 45),
    ("28x28", "int8", 35),
    ("mlp", "int4", 100),
]


def _quantized(name: str, precision: Precision) -> nn.Module | None:
    if precision == "int8":
        calibration = samples(SHAPES[name], 64, seed=1)
        return quantize_static(fold_batch_norm(network(name)), calibration, 8)
    return quantize_grouped(network(name)) if precision == "int4" else None


def _export(
    model: nn.Module,
    shape: tuple[int, ...],
    precision: Precision,
    out: Path,
    quantized: nn.Module | None = None,
) -> ExportedModel:
    calibration = samples(shape, 4, seed=1)
    return ExecutorchExporter().export(
        ExportRequest(model, shape, precision, out, calibration, quantized)
    )


def run(model: ExportedModel, inputs: Array) -> Array:
    """Outputs of the file, as float32."""
    from executorch.runtime import Runtime

    dtype = torch.float16 if model.inputs[0].dtype == "float16" else torch.float32
    method = Runtime.get().load_program(model.path).load_method("forward")
    assert method is not None
    rows = [method.execute([torch.from_numpy(one[None]).to(dtype)])[0].clone() for one in inputs]
    return torch.cat(rows).float().numpy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export each network at each precision once; gives the artifact and its reference."""
    made: dict[tuple[str, Precision], tuple[ExportedModel, nn.Module]] = {}

    def get(name: str, precision: Precision) -> tuple[ExportedModel, nn.Module]:
        if (name, precision) not in made:
            model, quantized = network(name), _quantized(name, precision)
            out = tmp_path_factory.mktemp(f"{name}-{precision}")
            artifact = _export(model, SHAPES[name], precision, out, quantized)
            made[name, precision] = artifact, quantized or model
        return made[name, precision]

    return get


Exported = Callable[[str, Precision], tuple[ExportedModel, nn.Module]]


@pytest.mark.parametrize(("name", "precision", "smallest"), CASES)
def test_file_computes_what_its_reference_computes(
    exported: Exported, name: str, precision: Precision, smallest: float
) -> None:
    artifact, reference = exported(name, precision)
    inputs = samples(SHAPES[name], 32, seed=2)
    expected, got = torch_outputs(reference, inputs), run(artifact, inputs)
    assert sqnr_db(expected, got) > smallest
    assert (expected.argmax(1) == got.argmax(1)).mean() > 0.96


@pytest.mark.parametrize(("name", "precision"), [case[:2] for case in CASES])
def test_the_delegate_takes_every_operator(
    exported: Exported, name: str, precision: Precision
) -> None:
    artifact, _ = exported(name, precision)
    preflight = artifact.preflight
    assert preflight.undelegated == {}
    assert preflight.delegated == sum(preflight.operators.values())
    assert preflight.transposes == (0 if name == "mlp" else 2)
    assert preflight.operators["XNNFullyConnected"] == (2 if name == "mlp" else 1)


def test_float_pooling_in_an_int8_file_is_named(exported: Exported) -> None:
    assert exported("28x28", "int8")[0].preflight.float_fallbacks == {"XNNAvgPooling2d": 1}
    assert exported("28x28", "fp32")[0].preflight.float_fallbacks == {}
    assert exported("mlp", "int4")[0].preflight.float_fallbacks == {}


def test_files_shrink(exported: Exported) -> None:
    float_size = exported("28x28", "fp32")[0].path.stat().st_size
    assert exported("28x28", "int8")[0].path.stat().st_size < float_size
    weights = 4 * (64 * 32 + 32 * 10)
    assert exported("mlp", "int4")[0].path.stat().st_size < 0.6 * weights


def test_inputs_and_outputs(exported: Exported) -> None:
    artifact, _ = exported("28x28", "int8")
    (fed,), (taken,) = artifact.inputs, artifact.outputs
    assert (fed.name, fed.shape, fed.layout, fed.dtype) == (
        "input_0",
        [1, 1, 28, 28],
        "NCHW",
        "float32",
    )
    assert (taken.shape, taken.layout, taken.dtype, taken.scale) == ([1, 10], "NC", "float32", None)


def test_float16_is_said(exported: Exported) -> None:
    artifact, _ = exported("28x28", "fp16")
    assert artifact.inputs[0].dtype == artifact.outputs[0].dtype == "float16"
    notes = " ".join(artifact.preflight.notes)
    assert "input and output are float16" in notes
    assert "2 convolutions are stored in float32" in notes


def test_schemes_and_tools_are_named(exported: Exported) -> None:
    artifact, _ = exported("mlp", "int4")
    assert "int4 weights in groups of 32" in artifact.scheme
    assert set(artifact.tools) == {"torch", "torchao", "executorch"}
    assert "int8 weights per channel" in exported("28x28", "int8")[0].scheme


def test_int4_convolutions_are_not_available(tmp_path: Path) -> None:
    model = fold_batch_norm(network("28x28"))
    quantized = quantize_static(model, samples(SHAPES["28x28"], 16, seed=1), 4)
    with pytest.raises(Unavailable, match="no int4 convolution") as caught:
        _export(model, SHAPES["28x28"], "int4", tmp_path, quantized)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_integers_need_the_quantized_model(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs the model that torchao quantized"):
        _export(network("mlp"), SHAPES["mlp"], "int8", tmp_path)


class _Apply(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs)


def test_an_operator_outside_the_delegate_is_reported(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 8), _Apply(lambda x: x.cumsum(1)), nn.Linear(8, 3))
    artifact = _export(model, (8,), "fp32", tmp_path)
    assert artifact.preflight.undelegated == {"aten::cumsum": 1}
    assert "100 to 200 times slower" in artifact.preflight.notes[0]
    inputs = samples((8,), 5, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(artifact, inputs)) > 100


def test_pooling_that_counts_its_padding_is_left_as_it_is(tmp_path: Path) -> None:
    pooling = [nn.AvgPool2d(3, padding=1), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten()]
    model = nn.Sequential(nn.Conv2d(3, 4, 1), *pooling)
    artifact = _export(model, (3, 9, 9), "fp32", tmp_path)
    assert artifact.preflight.undelegated.get("aten::avg_pool2d") == 1
    inputs = samples((3, 9, 9), 5, seed=2)
    assert sqnr_db(torch_outputs(model, inputs), run(artifact, inputs)) > 100


def test_model_that_overflows_float16_is_not_available(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 8), _Apply(lambda x: x * 1e3 * 1e3 * 1e3))
    with pytest.raises(Unavailable, match="float16"):
        _export(model, (8,), "fp16", tmp_path)


def test_model_that_cannot_be_exported_is_refused_in_one_line(tmp_path: Path) -> None:
    model = _Apply(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(BadInput, match="cannot be lowered to ExecuTorch") as caught:
        _export(model, (4,), "fp32", tmp_path)
    assert "\n" not in str(caught.value)


def _foreign(model: nn.Module, example: torch.Tensor, path: Path, method: str = "forward") -> Path:
    from executorch.exir import to_edge

    program = to_edge({method: torch.export.export(model, (example,))}).to_executorch()
    path.write_bytes(program.buffer)
    return path


def test_file_without_delegate(tmp_path: Path) -> None:
    path = _foreign(network("8x8"), torch.zeros(1, *SHAPES["8x8"]), tmp_path / "any.pte")
    inputs, outputs, preflight = inspect_executorch(path)
    assert inputs[0].shape == [1, 3, 8, 8]
    assert outputs[0].shape == [1, 10]
    assert preflight.delegated == 0
    assert preflight.undelegated["aten::convolution"] == 2
    assert preflight.operators == preflight.undelegated


def test_file_that_cannot_be_fed_is_refused(tmp_path: Path) -> None:
    double = nn.Identity().double()
    path = _foreign(double, torch.zeros(1, 4, dtype=torch.float64), tmp_path / "double.pte")
    with pytest.raises(BadInput, match="input_0 is of type double"):
        inspect_executorch(path)
    path = _foreign(nn.Linear(4, 2), torch.zeros(1, 4), tmp_path / "other.pte", "encode")
    with pytest.raises(BadInput, match="has no method 'forward'"):
        inspect_executorch(path)


@pytest.mark.parametrize("content", [b"", b"ET12", b"\x00" * 64, b"PK\x03\x04" + b"\x00" * 60])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pte"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is not an ExecuTorch program"):
        inspect_executorch(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        inspect_executorch(tmp_path / "none.pte")


@given(data=st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_file_is_read_or_refused_in_one_line(
    exported: Exported, tmp_path: Path, data: st.DataObject
) -> None:
    content = np.frombuffer(exported("28x28", "int8")[0].path.read_bytes(), np.uint8).copy()
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.pte"
    path.write_bytes(content[: data.draw(st.integers(8, len(content)))].tobytes())
    refusal: BadInput | None = None
    try:
        inputs, outputs, _ = inspect_executorch(path)
    except BadInput as error:
        refusal = error
    if refusal is None:
        assert (len(inputs), len(outputs)) == (1, 1)
    else:
        assert refusal.where == str(path)
        assert "\n" not in str(refusal)
