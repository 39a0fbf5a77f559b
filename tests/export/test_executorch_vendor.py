"""NPUs whose SDK is not here: the refusal is real, the calls are held to the wheel's source."""

from __future__ import annotations

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgekd.catalog import find_targets
from edgekd.errors import BadInput, Unavailable
from edgekd.export import exporter_for, takes_quantized
from edgekd.export.executorch_vendor import VendorExporter
from edgekd.records import Precision
from edgekd.target import Target
from tests.export.networks import SHAPES, export, network

NAMES = {
    "qnn-sm8650": "Qualcomm AI Engine Direct",
    "mediatek-mt6989": "MediaTek NeuroPilot Express",
    "samsung-e9955": "Samsung Exynos AI LiteCore",
    "nxp-imxrt700": "NXP eIQ Neutron SDK",
}
# What the exporter calls, and with which parameters, in files of ``executorch/backends``.
CALLS = [
    ("qualcomm/quantizer/quantizer.py", "QnnQuantizer.__init__", {"soc_model"}),
    (
        "qualcomm/quantizer/quantizer.py",
        "QnnQuantizer.set_default_quant_config",
        {"quant_dtype", "is_linear_per_channel", "act_observer"},
    ),
    ("qualcomm/utils/utils.py", "generate_htp_compiler_spec", {"use_fp16"}),
    (
        "qualcomm/utils/utils.py",
        "generate_qnn_executorch_compiler_spec",
        {"soc_model", "backend_options"},
    ),
    (
        "qualcomm/utils/utils.py",
        "to_edge_transform_and_lower_to_qnn",
        {"module", "inputs", "compiler_specs"},
    ),
    ("qualcomm/utils/utils.py", "get_qnn_context_binary_alignment", set()),
    ("mediatek/partitioner.py", "NeuropilotPartitioner.__init__", {"compile_spec"}),
    ("mediatek/quantizer/quantizer.py", "NeuropilotQuantizer.__init__", {"self"}),
    ("samsung/partition/enn_partitioner.py", "EnnPartitioner.__init__", {"compile_specs"}),
    ("samsung/quantizer/quantizer.py", "EnnQuantizer.__init__", {"self"}),
    (
        "samsung/serialization/compile_options.py",
        "gen_samsung_backend_compile_spec",
        {"chipset"},
    ),
    ("samsung/utils/export_utils.py", "get_edge_compile_config", set()),
    ("samsung/utils/export_utils.py", "get_enn_pass_list", set()),
    ("nxp/backend/neutron_target_spec.py", "NeutronTargetSpec.__init__", {"target"}),
    (
        "nxp/neutron_partitioner.py",
        "NeutronPartitioner.__init__",
        {"compile_spec", "neutron_target_spec"},
    ),
    ("nxp/quantizer/neutron_quantizer.py", "NeutronQuantizer.__init__", {"neutron_target_spec"}),
    ("nxp/nxp_backend.py", "generate_neutron_compile_spec", {"config"}),
    ("nxp/edge_passes/neutron_edge_pass_manager.py", "NeutronEdgePassManager.__init__", {"passes"}),
]


def target_named(name: str) -> Target:
    [target] = find_targets([name])
    return target


def parameters(file: Path, name: str) -> tuple[set[str], set[str]]:
    """All parameters of a function or method, and those it must be given; ``self`` left out."""
    body: list[ast.stmt] = ast.parse(file.read_text(encoding="utf-8")).body
    found: ast.stmt | None = None
    for part in name.split("."):
        found = next(one for one in body if getattr(one, "name", None) == part)
        body = found.body if isinstance(found, ast.ClassDef) else []
    assert isinstance(found, ast.FunctionDef)
    names = [argument.arg for argument in found.args.args]
    needed = names[: len(names) - len(found.args.defaults)]
    return set(names), set(needed) - {"self"}


@pytest.mark.parametrize(("file", "name", "given"), CALLS, ids=[call[1] for call in CALLS])
def test_the_wheel_still_takes_what_is_called(file: str, name: str, given: set[str]) -> None:
    [backends] = find_spec("executorch.backends").submodule_search_locations or []  # type: ignore[union-attr]
    known, needed = parameters(Path(backends) / file, name)
    assert given <= known
    assert needed <= given


@pytest.mark.parametrize("name", NAMES)
def test_without_the_sdk_its_name_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QNN_SDK_ROOT", raising=False)
    target = target_named(name)
    exporter = exporter_for(target)
    assert isinstance(exporter, VendorExporter)
    assert not takes_quantized(target)
    with pytest.raises(Unavailable, match="needs the vendor's SDK") as raised:
        export(exporter, network("mlp"), SHAPES["mlp"], "int8", tmp_path)
    assert NAMES[name] in str(raised.value)
    assert "http" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_qnn_s_package_is_not_touched_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Importing it would start a download.
    monkeypatch.setenv("QNN_SDK_ROOT", str(tmp_path / "missing"))
    exporter = exporter_for(target_named("qnn-sm8650"))
    with pytest.raises(Unavailable, match="QNN_SDK_ROOT"):
        export(exporter, network("mlp"), SHAPES["mlp"], "fp16", tmp_path)
    assert "executorch.backends.qualcomm" not in sys.modules


@pytest.mark.parametrize(
    ("name", "precision"),
    [("nxp-imxrt700", "fp16"), ("qnn-sm8650", "int4"), ("qnn-sm8650", "fp32")],
)
def test_other_precisions_are_not_to_be_had(
    name: str, precision: Precision, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=f"not {precision}"):
        export(exporter_for(target_named(name)), network("mlp"), SHAPES["mlp"], precision, tmp_path)


@pytest.mark.parametrize("runtime", ["qnn", "acme-x1"])
def test_a_runtime_without_vendor_or_soc_is_one_line(runtime: str) -> None:
    target = target_named("qnn-sm8650").model_copy(update={"runtime": runtime})
    with pytest.raises(BadInput, match="no vendor and SoC"):
        exporter_for(target)
