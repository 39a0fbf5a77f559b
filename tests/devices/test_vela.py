"""Vela as a device: it estimates, and says what it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.catalog import find_targets
from edgekd.devices.not_run import NotRunDevice
from edgekd.devices.vela import VelaDevice
from edgekd.errors import BadInput, Unavailable
from edgekd.export.tflite import TfliteExporter
from edgekd.measure.vela import SYSTEM_CONFIGS, accelerator_named
from edgekd.target import Target
from tests.conftest import MLPERF_TINY
from tests.export.networks import SHAPES, export, network

pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install edgekd[ethos]")

needs_files = pytest.mark.skipif(
    not MLPERF_TINY.is_dir(), reason=f"the MLPerf Tiny models are not in {MLPERF_TINY}"
)
TARGETS = tuple(SYSTEM_CONFIGS)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mlp")
    return export(TfliteExporter(), network("mlp"), SHAPES["mlp"], "int8", out).path


@pytest.fixture
def target() -> Target:
    [found] = find_targets(["ethos-u55-128"])
    return found


def test_describe_reads_the_file(artifact: Path, target: Target) -> None:
    signature = VelaDevice().describe(artifact, target)
    assert [tensor.shape for tensor in signature.inputs] == [[1, 64]]
    assert [tensor.shape for tensor in signature.outputs] == [[1, 10]]
    assert signature.inputs[0].dtype == "int8"


def test_it_has_no_outputs(artifact: Path, target: Target) -> None:
    with pytest.raises(Unavailable, match="runs nothing"):
        VelaDevice().run_outputs(artifact, target, [np.zeros((1, 64), np.float32)])


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_is_estimated(artifact: Path, name: str) -> None:
    [target] = find_targets([name])
    figures = VelaDevice().measure(artifact, target)
    assert target.kind == "estimate"
    assert figures.reasons == []
    assert figures.cycles is not None
    assert figures.cycles > 64 * 32 / 512
    assert figures.latency_ms is None
    assert SYSTEM_CONFIGS[accelerator_named(name)] in figures.assumptions[0]
    assert figures.memory.model_bytes == artifact.stat().st_size
    assert figures.memory.ram_bytes is not None
    assert figures.memory.ram_bytes >= 64
    assert figures.memory.flash_bytes is not None


@needs_files
def test_a_model_of_mlperf_tiny(target: Target) -> None:
    figures = VelaDevice().measure(MLPERF_TINY / "vww_int8.tflite", target)
    assert figures.reasons == []
    assert figures.memory.arena_bytes == 74_480


def test_cycles_that_leave_out_the_cpu_do_not_count(target: Target, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4)).eval()
    exported = export(TfliteExporter(), model, (16,), "int8", tmp_path)
    [reason] = VelaDevice().measure(exported.path, target).reasons
    assert "GELU" in reason


def test_an_unknown_accelerator_is_refused(artifact: Path, target: Target) -> None:
    other = target.model_copy(update={"runtime": "ethos-u55-1"})
    with pytest.raises(BadInput, match="ethos-u55-128"):
        VelaDevice().measure(artifact, other)


def test_what_is_not_run_has_a_size_and_no_figures(artifact: Path) -> None:
    [target] = find_targets(["executorch-cortex-m"])
    figures = NotRunDevice().measure(artifact, target)
    [reason] = figures.reasons
    assert reason.startswith("exported, not run")
    assert figures.memory.model_bytes == artifact.stat().st_size
    assert figures.cycles is None
    assert figures.latency_ms is None
    with pytest.raises(Unavailable, match="not run"):
        NotRunDevice().run_outputs(artifact, target, [])
    with pytest.raises(BadInput, match="no such file"):
        NotRunDevice().measure(artifact.parent / "none", target)
