"""Files for Cortex-M and Ethos-U: lowered here, run nowhere, so their content is what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportedModel, Exporter
from edgekd.export.executorch_cortex_m import CortexMExporter, EthosUExporter
from edgekd.records import Precision
from tests.export.networks import SHAPES, export, network

pytest.importorskip("tosa_serializer", reason="tosa-tools is not installed: edgekd[ethos]")
pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install edgekd[ethos]")

CORTEX_M, ETHOS_U = CortexMExporter("cortex-m4"), EthosUExporter("ethos-u55-128")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export once for each exporter, network and precision."""
    made: dict[tuple[Exporter, str, Precision], ExportedModel] = {}

    def get(exporter: Any, name: str, precision: Precision = "int8") -> ExportedModel:
        key = (exporter, name, precision)
        if key not in made:
            out = tmp_path_factory.mktemp("pte")
            made[key] = export(exporter, network(name), SHAPES[name], precision, out)
        return made[key]

    return get


def test_a_convolutional_network_is_all_cmsis_nn(exported: Any) -> None:
    preflight = exported(CORTEX_M, "8x8").preflight
    kernels = {name.removeprefix("cortex_m::") for name in preflight.operators}
    assert {"quantized_conv2d", "quantized_depthwise_conv2d", "quantized_linear"} <= kernels
    assert set(preflight.undelegated) <= {"dim_order_ops::_clone_dim_order"}
    assert preflight.delegated == sum(preflight.operators.values()) - len(preflight.undelegated)
    assert preflight.float_fallbacks == {}


def test_images_for_cortex_m_lie_as_nhwc(exported: Any) -> None:
    [image] = exported(CORTEX_M, "8x8").inputs
    assert (image.layout, image.shape) == ("NHWC", [1, 8, 8, 3])
    [vector] = exported(CORTEX_M, "mlp").inputs
    assert (vector.layout, vector.shape) == ("NC", [1, 64])


def test_the_core_decides_the_scratch(exported: Any) -> None:
    # Kernels for Helium want more of it than those for the DSP extension.
    small = exported(CORTEX_M, "8x8").path.read_bytes()
    assert small != exported(CortexMExporter("cortex-m55"), "8x8").path.read_bytes()


@pytest.mark.parametrize("name", ["8x8", "mlp"])
@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u85-256"])
def test_the_npu_takes_the_whole_graph(name: str, accelerator: Any, exported: Any) -> None:
    made = exported(EthosUExporter(accelerator), name)
    assert made.preflight.operators["EthosUBackend"] == 1
    assert made.preflight.delegated == 1
    assert all("quantize" in operator for operator in made.preflight.undelegated)
    assert b"EthosUBackend" in made.path.read_bytes()
    assert "ethos-u-vela" in made.tools


@pytest.mark.parametrize("exporter", [CORTEX_M, ETHOS_U], ids=["cortex-m", "ethos-u"])
def test_they_say_that_they_are_not_run(exporter: Any, exported: Any) -> None:
    made = exported(exporter, "mlp")
    assert made.preflight.notes[0].startswith("exported, not run")
    assert "int8 weights per channel" in made.scheme
    assert "64 samples" in made.scheme


def test_weights_on_a_grid_are_taken_too(exported: Any) -> None:
    assert exported(CORTEX_M, "mlp", "int8-qat").path.stat().st_size < 8192


@pytest.mark.parametrize("exporter", [CORTEX_M, ETHOS_U], ids=["cortex-m", "ethos-u"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int4"])
def test_other_precisions_are_not_to_be_had(
    exporter: Any, precision: Precision, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=f"in int8, not {precision}"):
        export(exporter, network("mlp"), SHAPES["mlp"], precision, tmp_path)


def test_an_unknown_core_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cortex-m99.*cortex-m55"):
        export(CortexMExporter("cortex-m99"), network("mlp"), SHAPES["mlp"], "int8", tmp_path)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    export(ETHOS_U, network("mlp"), SHAPES["mlp"], "int8", tmp_path)
    assert capfd.readouterr().out == ""
