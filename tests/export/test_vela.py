"""Networks of our own, exported to int8 and compiled by Vela."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgekd.errors import BadInput, RunFailed
from edgekd.export.contract import ExportedModel
from edgekd.export.tflite import TfliteExporter
from edgekd.export.vela import compile_vela
from tests.export.networks import SHAPES, export, network

pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install edgekd[ethos]")


class Cosine(nn.Module):
    """Not quantized, and on no NPU."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.cos(values)


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return export(
        TfliteExporter(), network("28x28"), SHAPES["28x28"], "int8", tmp_path_factory.mktemp("cnn")
    )


def test_a_network_of_ours_runs_on_the_npu_alone(
    convolutional: ExportedModel, tmp_path: Path
) -> None:
    result = compile_vela(convolutional.path, tmp_path, "ethos-u55-128")
    assert result.path.read_bytes()[4:8] == b"TFL3"
    assert b"ethos-u" in result.path.read_bytes()
    assert result.path.stat().st_size == result.estimate.compiled_bytes
    assert result.preflight.operators == convolutional.preflight.operators
    assert result.preflight.delegated == sum(result.preflight.operators.values())
    assert result.preflight.undelegated == {}


def test_the_assumptions_are_in_the_notes(convolutional: ExportedModel, tmp_path: Path) -> None:
    result = compile_vela(convolutional.path, tmp_path, "ethos-u85-256")
    [first, *_] = result.preflight.notes
    assert "not run" in first
    for assumption in ("500 MHz", "Ethos_U85_SYS_Flash_High", "Shared_Sram", "Vela "):
        assert assumption in first


def test_operators_on_the_cpu_are_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), Cosine(), nn.Linear(16, 4)).eval()
    exported = export(TfliteExporter(), model, (16,), "int8", tmp_path / "model")
    result = compile_vela(exported.path, tmp_path, "ethos-u55-128")
    assert result.preflight.undelegated == {"COS": 1, "DEQUANTIZE": 1, "QUANTIZE": 1}
    assert result.preflight.delegated == 2
    assert "COS (1)" in result.preflight.notes[-1]


def test_a_float_network_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    exported = export(TfliteExporter(), network("mlp"), SHAPES["mlp"], "fp32", tmp_path / "model")
    with pytest.raises(BadInput, match="no operator can run on the NPU"):
        compile_vela(exported.path, tmp_path, "ethos-u55-128")
    assert not list(tmp_path.glob("*.tflite"))


def test_a_folder_that_is_not_there(convolutional: ExportedModel, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="cannot be written"):
        compile_vela(convolutional.path, tmp_path / "none", "ethos-u55-128")
