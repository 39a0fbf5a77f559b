"""Vela's estimates of the MLPerf Tiny models, and what it does with files it cannot take."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput, RunFailed
from edgekd.measure.vela import (
    Accelerator,
    VelaEstimate,
    _figure,
    _summary,
    accelerator_named,
    estimate_vela,
)
from tests.conftest import MLPERF_TINY

pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install edgekd[ethos]")

needs_files = pytest.mark.skipif(
    not MLPERF_TINY.is_dir(), reason=f"the MLPerf Tiny models are not in {MLPERF_TINY}"
)
MODELS = ("kws", "ic", "vww", "ad")
# Cycles of Vela 5.1.0.
CYCLES: dict[Accelerator, tuple[int, int, int, int]] = {
    "ethos-u55-128": (89_708, 207_991, 220_653, 201_184),
    "ethos-u55-256": (58_149, 158_327, 161_255, 201_184),
    "ethos-u65-512": (39_654, 109_146, 110_385, 201_744),
    "ethos-u85-256": (48_117, 125_814, 139_843, 201_344),
}


def estimate(model: str, folder: Path, accelerator: Accelerator) -> VelaEstimate:
    return estimate_vela(MLPERF_TINY / f"{model}_int8.tflite", folder, accelerator)[1]


@needs_files
@pytest.mark.parametrize("accelerator", CYCLES)
@pytest.mark.parametrize("model", MODELS)
def test_mlperf_tiny(model: str, accelerator: Accelerator, tmp_path: Path) -> None:
    found = estimate(model, tmp_path, accelerator)
    if metadata.version("ethos-u-vela") == "5.1.0":
        assert found.cycles == CYCLES[accelerator][MODELS.index(model)]
    assert found.cpu_operators == {}
    assert found.npu_cycles <= found.cycles
    assert found.seconds == pytest.approx(found.cycles / found.clock_hz)
    assert 0 < found.sram_bytes < 128 * 1024
    assert found.flash_bytes < found.compiled_bytes
    assert found.clock_hz == 500_000_000


@needs_files
def test_operators_are_those_of_the_model(tmp_path: Path) -> None:
    found = estimate("kws", tmp_path, "ethos-u55-128")
    assert found.npu_operators == {
        "AVERAGE_POOL_2D": 1,
        "CONV_2D": 5,
        "DEPTHWISE_CONV_2D": 4,
        "FULLY_CONNECTED": 1,
        "RESHAPE": 1,
        "SOFTMAX": 1,
    }
    assert found.macs == 2_664_792


@needs_files
def test_fully_connected_layers_wait_for_flash(tmp_path: Path) -> None:
    # Every weight is used once, and flash gives one byte a cycle (0.5 GB/s at 500 MHz).
    found = estimate("ad", tmp_path, "ethos-u55-128")
    assert found.npu_cycles < found.cycles / 4
    assert found.cycles == pytest.approx(found.flash_bytes, rel=0.01)


@needs_files
def test_float_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no operator can run on the NPU"):
        estimate_vela(MLPERF_TINY / "ic_float32.tflite", tmp_path, "ethos-u55-128")


@needs_files
@pytest.mark.parametrize("kept", [0, 2, 8, 20_000, 53_000])
def test_truncated_files_are_refused(kept: int, tmp_path: Path) -> None:
    model = tmp_path / "truncated"
    model.write_bytes((MLPERF_TINY / "kws_int8.tflite").read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"Vela (refuses|crashes on) it: \S"):
        estimate_vela(model, _empty(tmp_path), "ethos-u55-128")


@needs_files
@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 53_000), st.integers(0, 255)), min_size=1, max_size=30))
def test_damaged_files_are_estimated_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray((MLPERF_TINY / "kws_int8.tflite").read_bytes())
    for at, value in changes:
        content[at] = value
    (folder / "damaged").write_bytes(content)
    try:
        compiled, found = estimate_vela(folder / "damaged", _empty(folder), "ethos-u55-128")
    except BadInput:
        return
    assert found.compiled_bytes == compiled.stat().st_size
    assert found.npu_operators


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        estimate_vela(tmp_path / "none.tflite", _empty(tmp_path), "ethos-u55-128")


def test_accelerators_have_names() -> None:
    assert [accelerator_named(name) for name in get_args(Accelerator)] == list(CYCLES)
    with pytest.raises(BadInput, match="ethos-u55-128"):
        accelerator_named("ethos-u55-512")


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300", "many", None])
def test_figures_are_bounded(value: str | None) -> None:
    summary = {} if value is None else {"cycles_total": value}
    with pytest.raises(RunFailed, match="cycles_total"):
        _figure(summary, "cycles_total")


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n", b"a,b\n1,2\n3,4\n", b"\xff\xfe", b'a\n"' * 99999]
)
def test_summaries_that_are_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    path.write_bytes(content)
    with pytest.raises(RunFailed, match="summary"):
        _summary(path)


def _empty(folder: Path) -> Path:
    made = folder / "vela"
    made.mkdir()
    return made
