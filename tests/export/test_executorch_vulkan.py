"""Files for Android GPUs: lowered here, run nowhere, so their content is what counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgekd.catalog import find_targets
from edgekd.compress import quantize
from edgekd.errors import BadInput, Unavailable
from edgekd.export import exporter_for, find_inspector, takes_quantized
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.executorch_vulkan import VulkanExporter
from edgekd.records import Precision
from tests.export.networks import SHAPES, network, samples


def vulkan(
    model: nn.Module, shape: tuple[int, ...], precision: Precision, out: Path
) -> ExportedModel:
    inputs = samples(shape, 8, seed=1)
    quantized = quantize(model, precision, inputs) if precision == "int8" else None
    request = ExportRequest(model, shape, precision, out, inputs, quantized)
    return VulkanExporter().export(request)


@pytest.fixture(scope="module", autouse=True)
def _patterns_are_built_once() -> Iterator[None]:
    """The backend builds the graphs it looks for twice in each lowering: four fifths of its time.

    They depend on nothing. Its own ``lru_cache`` misses: the registry holds what that wraps.
    """
    from executorch.backends.vulkan.patterns import fusable_patterns

    with pytest.MonkeyPatch.context() as patch:
        for entry in fusable_patterns.values():
            if entry.get_graphs_fn is not None:
                patch.setattr(entry, "get_graphs_fn", cache(entry.get_graphs_fn))
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export once for each network and precision."""
    made: dict[tuple[str, Precision], ExportedModel] = {}

    def get(name: str, precision: Precision) -> ExportedModel:
        if (name, precision) not in made:
            out = tmp_path_factory.mktemp("pte")
            made[name, precision] = vulkan(network(name), SHAPES[name], precision, out)
        return made[name, precision]

    return get


@pytest.mark.parametrize("name", ["8x8", "mlp"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_gpu_takes_the_whole_graph(name: str, precision: Precision, exported: Any) -> None:
    made = exported(name, precision)
    assert made.preflight.undelegated == {}
    assert made.preflight.delegated == sum(made.preflight.operators.values()) >= 3
    assert made.preflight.notes[0].startswith("exported, not run")
    assert [made.inputs[0].dtype, made.outputs[0].dtype] == ["float32", "float32"]
    assert made.inputs[0].shape == [1, *SHAPES[name]]


def test_int8_layers_are_int8_and_the_rest_is_named(exported: Any) -> None:
    preflight = exported("8x8", "int8").preflight
    kinds = {"et_vk::q8ta_conv2d", "et_vk::q8ta_conv2d_dw", "et_vk::q8ta_linear_gemv"}
    assert kinds <= set(preflight.operators)
    assert preflight.float_fallbacks == {"aten::avg_pool2d": 1}
    assert any("aten::avg_pool2d" in note for note in preflight.notes)
    assert exported("mlp", "int8").preflight.float_fallbacks == {}


def test_a_linear_layer_that_falls_back_to_float_is_named(tmp_path: Path) -> None:
    # 33 inputs do not divide by 4, which the delegate's int8 layer wants.
    model = nn.Sequential(nn.Linear(32, 33), nn.ReLU(), nn.Linear(33, 8)).eval()
    made = vulkan(model, (32,), "int8", tmp_path)
    assert made.preflight.float_fallbacks == {"aten::linear": 1}
    assert made.preflight.undelegated == {}


def test_fp16_and_int8_are_smaller(exported: Any) -> None:
    fp32, int8 = (exported("mlp", p).path.stat().st_size for p in ("fp32", "int8"))
    fp16 = exported("mlp", "fp16").path.stat().st_size
    weights = 64 * 32 + 32 * 10
    assert fp32 - fp16 == pytest.approx(2 * weights, rel=0.1)
    assert fp32 - int8 == pytest.approx(3 * weights, rel=0.4)


def test_an_operator_that_falls_out_is_named(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.asinh(self.layer(x))

    made = vulkan(Odd().eval(), (8,), "fp32", tmp_path)
    assert made.preflight.undelegated == {"aten::asinh": 1}
    assert "aten::linear" in made.preflight.operators
    assert any("aten::asinh" in note for note in made.preflight.notes)


def test_int4_is_not_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no int4 convolution"):
        vulkan(network("mlp"), SHAPES["mlp"], "int4", tmp_path)


# The graph comes first; weights follow it and are not read.
@pytest.mark.parametrize("end", [0.05, 0.1, 0.15])
def test_a_damaged_file_is_one_line(end: float, exported: Any, tmp_path: Path) -> None:
    content = exported("mlp", "fp32").path.read_bytes()
    file = tmp_path / "model.pte"
    file.write_bytes(content[: int(len(content) * end)])
    with pytest.raises(BadInput, match=r"damaged|cut off|outside"):
        find_inspector("executorch")(file)


def test_the_delegate_s_own_graph_may_be_damaged(exported: Any, tmp_path: Path) -> None:
    content = exported("mlp", "fp32").path.read_bytes()
    file = tmp_path / "model.pte"
    file.write_bytes(content.replace(b"VH00", b"XX00"))
    with pytest.raises(BadInput, match="damaged Vulkan delegate"):
        find_inspector("executorch")(file)


def test_the_target_leads_here() -> None:
    [target] = find_targets(["android-vulkan"])
    assert isinstance(exporter_for(target), VulkanExporter)
    assert takes_quantized(target)
    assert (target.device, target.kind) == ("not-run", "estimate")
