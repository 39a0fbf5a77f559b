"""Core ML, as a package and inside a ``.pte`` file: read back here, run nowhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgekd.catalog import find_targets
from edgekd.compress import quantize
from edgekd.errors import BadInput
from edgekd.export import exporter_for, find_inspector, takes_quantized
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.coreml import CoremlExporter
from edgekd.export.executorch_coreml import CoremlDelegateExporter
from edgekd.files import files_below
from edgekd.records import Precision
from tests.export.networks import SHAPES, network, samples

PACKAGE, DELEGATE = CoremlExporter(), CoremlDelegateExporter()
IOS: dict[Precision, str] = {"fp32": "iOS 16", "fp16": "iOS 16", "int8": "iOS 17", "int4": "iOS 18"}


def coreml(
    exporter: Any, model: nn.Module, shape: tuple[int, ...], precision: Precision, out: Path
) -> ExportedModel:
    inputs = samples(shape, 8, seed=1)
    quantized = quantize(model, precision, inputs) if precision == "int8" else None
    made: ExportedModel = exporter.export(
        ExportRequest(model, shape, precision, out, inputs, quantized)
    )
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Export once for each exporter, network and precision."""
    made: dict[tuple[Any, str, Precision], ExportedModel] = {}

    def get(exporter: Any, name: str, precision: Precision) -> ExportedModel:
        key = (exporter, name, precision)
        if key not in made:
            out = tmp_path_factory.mktemp("coreml")
            made[key] = coreml(exporter, network(name), SHAPES[name], precision, out)
        return made[key]

    return get


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in (files_below(path) if path.is_dir() else [path]))


@pytest.mark.parametrize("exporter", [PACKAGE, DELEGATE], ids=["package", "pte"])
@pytest.mark.parametrize("name", ["8x8", "mlp"])
@pytest.mark.parametrize("precision", IOS)
def test_core_ml_takes_the_whole_model(
    exporter: Any, name: str, precision: Precision, exported: Any
) -> None:
    made = exported(exporter, name, precision)
    layers = {"conv": 2, "linear": 1} if name == "8x8" else {"linear": 2}
    assert layers.items() <= made.preflight.operators.items()
    assert made.preflight.delegated == sum(made.preflight.operators.values())
    assert made.preflight.undelegated == {}
    assert made.preflight.float_fallbacks == {}
    assert made.preflight.notes[0].startswith("exported, not run")
    assert any(IOS[precision] in note for note in made.preflight.notes)
    [inputs], [outputs] = made.inputs, made.outputs
    assert (inputs.shape, inputs.dtype) == ([1, *SHAPES[name]], "float32")
    assert (outputs.shape, outputs.dtype) == ([1, 10], "float32")
    assert ("quantize" in made.preflight.operators) == (precision == "int8")


def test_a_package_says_its_arithmetic_and_its_names(exported: Any) -> None:
    fp32, fp16 = exported(PACKAGE, "mlp", "fp32"), exported(PACKAGE, "mlp", "fp16")
    assert fp32.preflight.notes[-1] == "layers with weights compute in float32"
    assert fp16.preflight.notes[-1] == "layers with weights compute in float16"
    assert (fp16.inputs[0].name, fp16.outputs[0].name) == ("input", "output")


def test_weights_take_the_bytes_of_their_precision(exported: Any) -> None:
    weights = 64 * 32 + 32 * 10
    files = {p: exported(PACKAGE, "mlp", p).path / "Data/com.apple.CoreML/weights" for p in IOS}
    sizes = {p: size(folder) for p, folder in files.items()}
    # Besides: biases, scales, zero points, and up to 128 bytes about each tensor.
    for stored, bits in zip(sizes.values(), (32, 16, 8, 4), strict=True):
        assert weights * bits / 8 <= stored <= weights * bits / 8 + 1024


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_delegate_carries_no_full_table_of_debug_handles(
    precision: Precision, exported: Any
) -> None:
    # With it, the file is three to four times the package.
    package, delegate = (exported(e, "8x8", precision).path for e in (PACKAGE, DELEGATE))
    assert size(delegate) < 2.5 * size(package)


def test_int8_weights_are_torch_s_own(exported: Any) -> None:
    # A converter that quantized anew would write other integers than the ladder's model has.
    made = exported(PACKAGE, "mlp", "int8")
    weight = network("mlp")[0].get_parameter("weight").detach()
    scale = weight.abs().amax(1, keepdim=True) / 127
    expected = torch.round(weight / scale).to(torch.int8).numpy().tobytes()
    stored = (made.path / "Data/com.apple.CoreML/weights/weight.bin").read_bytes()
    assert expected in stored


def test_the_same_model_gives_the_same_package(exported: Any, tmp_path: Path) -> None:
    first = exported(PACKAGE, "mlp", "fp16").path
    second = coreml(PACKAGE, network("mlp"), SHAPES["mlp"], "fp16", tmp_path).path
    listed = [file.relative_to(first) for file in files_below(first)]
    assert [str(name) for name in listed] == [
        "Data/com.apple.CoreML/model.mlmodel",
        "Data/com.apple.CoreML/weights/weight.bin",
        "Manifest.json",
    ]
    for name in listed:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_groups_of_int4_only_where_every_layer_divides(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10)).eval()
    made = coreml(PACKAGE, model, (64,), "int4", tmp_path)
    assert "per channel" in made.scheme
    # In groups, the second layer would have stayed in float16 without a word.
    assert made.preflight.float_fallbacks == {}


class Odd(nn.Module):
    """Core ML has no inverse hyperbolic sine."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.asinh(self.layer(x))


def test_an_operator_outside_the_delegate_is_named(tmp_path: Path) -> None:
    made = coreml(DELEGATE, Odd().eval(), (8,), "fp16", tmp_path)
    assert made.preflight.undelegated == {"aten::asinh": 1}
    assert made.preflight.operators["linear"] == 1
    assert any("aten::asinh" in note for note in made.preflight.notes)


def test_a_package_cannot_leave_an_operator_out(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="asinh"):
        coreml(PACKAGE, Odd().eval(), (8,), "fp16", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "names no model"),
        ({"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": 3}}}, "names no model"),
        ({"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "../../x"}}}, "not in the"),
        ({"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "/etc/passwd"}}}, "not in"),
        ({"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "a" * 5000}}}, "no model"),
        ({"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "a/" * 900}}}, "not in"),
    ],
)
def test_a_hostile_manifest_is_one_line(content: Any, message: str, tmp_path: Path) -> None:
    package = tmp_path / "model.mlpackage"
    package.mkdir()
    (tmp_path / "x").write_bytes(b"")
    (package / "Manifest.json").write_text(json.dumps(content))
    with pytest.raises(BadInput, match=message) as raised:
        find_inspector("coreml")(package)
    assert len(str(raised.value)) < 500


def test_names_and_types_of_a_hostile_package_are_text(exported: Any, tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    package = tmp_path / "model.mlpackage"
    shutil.copytree(exported(PACKAGE, "mlp", "fp16").path, package)
    file = package / "Data/com.apple.CoreML/model.mlmodel"
    model = Model_pb2.Model.FromString(file.read_bytes())
    model.description.input[0].name = "\x1b[31m\n" + "x" * 1000
    [function] = model.mlProgram.functions.values()
    [block] = function.block_specializations.values()
    for operation in block.operations:
        operation.outputs[0].type.tensorType.dataType = 99
    file.write_bytes(model.SerializeToString())
    inputs, _, preflight = find_inspector("coreml")(package)
    assert inputs[0].name == "?[31m?" + "x" * 74
    assert "layers with weights compute in type 99" in preflight.notes


def test_a_damaged_package_is_one_line(exported: Any, tmp_path: Path) -> None:
    package = tmp_path / "model.mlpackage"
    shutil.copytree(exported(PACKAGE, "mlp", "fp16").path, package)
    file = package / "Data/com.apple.CoreML/model.mlmodel"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(BadInput, match="damaged Core ML model"):
        find_inspector("coreml")(package)


def test_a_damaged_delegate_is_one_line(exported: Any, tmp_path: Path) -> None:
    content = exported(DELEGATE, "mlp", "fp16").path.read_bytes()
    file = tmp_path / "model.pte"
    # Its index lies backwards: "nodes" begins it.
    assert content.count(b'"sedon"') == 1
    file.write_bytes(content.replace(b'"sedon"', b'"sedox"'))
    with pytest.raises(BadInput, match="damaged Core ML delegate"):
        find_inspector("executorch")(file)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ios-coreml", CoremlDelegateExporter), ("ios-coreml-package", CoremlExporter)],
)
def test_the_targets_lead_here(name: str, kind: type) -> None:
    [target] = find_targets([name])
    assert isinstance(exporter_for(target), kind)
    assert takes_quantized(target)
    assert (target.device, target.kind) == ("not-run", "estimate")
