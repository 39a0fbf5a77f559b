"""``.onnx`` teachers give what their source gives, and reach no file outside their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edgekd.errors import BadInput, RunFailed
from edgekd.networks import count_parameters
from edgekd.recipe import Teacher
from edgekd.teachers.onnx_file import files_of, open_teacher

SPEC = Teacher(kind="onnx", path="teacher.onnx")
WEIGHTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
FEATURES = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    ).eval()


def exported(path: Path, *, batch: int | None) -> nn.Sequential:
    source = network()
    dynamic = ({0: torch.export.Dim("batch")},) if batch is None else None
    example = torch.zeros(batch or 2, 3, 8, 8)
    program = torch.onnx.export(
        source, (example,), dynamo=True, dynamic_shapes=dynamic, verbose=False
    )
    assert program is not None
    program.save(path)
    return source


def written(
    path: Path,
    nodes: list[Any],
    *,
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    outputs: dict[str, list[Any]] | None = None,
    constants: list[onnx.TensorProto] | None = None,
) -> Path:
    """A small model of nodes: ``x [N, 6]`` to ``y [N, 3]`` unless said otherwise."""
    inputs = inputs or {"x": (TensorProto.FLOAT, ["N", 6])}
    outputs = outputs or {"y": ["N", 3]}
    constants = constants if constants is not None else [numpy_helper.from_array(WEIGHTS, "w")]
    graph = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    path.write_bytes(model.SerializeToString())
    return path


def product() -> Any:
    return helper.make_node("MatMul", ["x", "w"], ["y"])


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_equals_torch(tmp_path: Path, batch: int | None) -> None:
    path = tmp_path / "teacher.onnx"
    source = exported(path, batch=batch)
    teacher = open_teacher(path, SPEC)
    inputs = torch.randn(6, 3, 8, 8)
    expected = source(inputs).detach().numpy()
    logits = teacher.logits(inputs.numpy())
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert teacher.input_shape == (batch, 3, 8, 8)
    assert teacher.parameters == count_parameters(source)
    assert teacher.size_bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert teacher.class_names is None


def test_the_scores_are_told_from_other_outputs(tmp_path: Path) -> None:
    nodes = [product(), helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=0)]
    constants = [
        numpy_helper.from_array(WEIGHTS, "w"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    outputs = {"s": ["N"], "y": ["N", 3]}
    path = written(tmp_path / "a.onnx", nodes, outputs=outputs, constants=constants)
    teacher = open_teacher(path, SPEC)
    np.testing.assert_allclose(teacher.logits(FEATURES), FEATURES @ WEIGHTS, atol=1e-5)
    assert teacher.parameters == 18


def test_half_precision_and_doubles_are_cast(tmp_path: Path) -> None:
    for kind in (TensorProto.FLOAT16, TensorProto.DOUBLE):
        nodes = [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT)]
        nodes += [helper.make_node("MatMul", ["c", "w"], ["y"])]
        path = written(tmp_path / "a.onnx", nodes, inputs={"x": (kind, ["N", 6])})
        logits = open_teacher(path, SPEC).logits(FEATURES)
        np.testing.assert_allclose(logits, FEATURES @ WEIGHTS, atol=1e-2)


def test_probabilities_become_logits(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["l"]), helper.make_node("Softmax", "l", "y")]
    path = written(tmp_path / "a.onnx", nodes)
    with pytest.raises(BadInput, match=r"set teacher\.outputs: probabilities"):
        open_teacher(path, SPEC).logits(FEATURES)
    spec = Teacher(kind="onnx", path="a", outputs="probabilities", classes=["a", "b", "c"])
    teacher = open_teacher(path, spec)
    expected = torch.from_numpy(FEATURES @ WEIGHTS).log_softmax(1).numpy()
    np.testing.assert_allclose(teacher.logits(FEATURES), expected, atol=1e-4)
    assert teacher.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ({"x": (1, ["N", 6]), "z": (1, ["N"])}, r"takes 2 inputs \('x', 'z'\)"),
        ({"x": (TensorProto.UINT8, ["N", 6])}, r"its input 'x' is a tensor\(uint8\)"),
    ],
)
def test_inputs_of_another_kind(tmp_path: Path, inputs: Any, what: str) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("MatMul", ["c", "w"], ["y"])]
    path = written(tmp_path / "a.onnx", nodes, inputs=inputs)
    with pytest.raises(BadInput, match=what):
        open_teacher(path, SPEC)


def test_no_or_several_scores(tmp_path: Path) -> None:
    nodes = [product(), helper.make_node("Relu", ["y"], ["z"])]
    path = written(tmp_path / "a.onnx", nodes, outputs={"y": ["N", 3], "z": ["N", 3]})
    with pytest.raises(BadInput, match=r"2 of its outputs are scores .*'y of rank 2', 'z of rank"):
        open_teacher(path, SPEC)
    nodes = [product(), helper.make_node("Unsqueeze", ["y", "axis"], ["z"])]
    constants = [
        numpy_helper.from_array(WEIGHTS, "w"),
        numpy_helper.from_array(np.array([2]), "axis"),
    ]
    outputs = {"z": ["N", 3, 1]}
    path = written(tmp_path / "b.onnx", nodes, outputs=outputs, constants=constants)
    with pytest.raises(BadInput, match="0 of its outputs are scores"):
        open_teacher(path, SPEC)


def test_inputs_that_do_not_fit(tmp_path: Path) -> None:
    teacher = open_teacher(written(tmp_path / "a.onnx", [product()]), SPEC)
    for shape in ((2, 7), (2, 6, 1)):
        with pytest.raises(BadInput, match=r"takes inputs of shape \[N, 6\], not \[N, "):
            teacher.logits(np.zeros(shape, np.float32))
    with pytest.raises(BadInput, match="there are no inputs"):
        teacher.logits(np.zeros((0, 6), np.float32))


def test_outputs_that_do_not_fit(tmp_path: Path) -> None:
    spec = Teacher(kind="onnx", path="a", classes=["a", "b"])
    path = written(tmp_path / "a.onnx", [product()])
    with pytest.raises(BadInput, match=r"gives 3 outputs, but teacher\.classes names 2"):
        open_teacher(path, spec).logits(FEATURES)
    path = written(tmp_path / "b.onnx", [helper.make_node("Log", ["x"], ["y"])], constants=[])
    with pytest.raises(RunFailed, match="NaN or infinity"):
        open_teacher(path, SPEC).logits(FEATURES)


def external(path: Path, location: str, content: bytes | None) -> Path:
    """A model whose weights are in another file."""
    tensor = numpy_helper.from_array(WEIGHTS, "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    if content is not None:
        (path.parent / location).write_bytes(content)
    return written(path, [product()], constants=[tensor])


def test_weights_beside_the_model(tmp_path: Path) -> None:
    path = external(tmp_path / "a.onnx", "weights.bin", WEIGHTS.tobytes())
    teacher = open_teacher(path, SPEC)
    np.testing.assert_allclose(teacher.logits(FEATURES), FEATURES @ WEIGHTS, atol=1e-5)
    assert teacher.size_bytes == path.stat().st_size + 72
    assert files_of(path) == [path, tmp_path / "weights.bin"]


@pytest.mark.parametrize("location", ["../secret", "{folder}/secret"])
def test_weights_outside_the_folder(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "inside").mkdir()
    location = location.format(folder=tmp_path)
    path = external(tmp_path / "inside" / "a.onnx", location, None)
    with pytest.raises(BadInput, match="keeps weights outside its folder"):
        open_teacher(path, SPEC)


def test_weights_behind_a_link_or_missing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "inside").mkdir()
    path = external(tmp_path / "inside" / "a.onnx", "weights", None)
    with pytest.raises(BadInput, match="lacks its file of weights 'weights'"):
        open_teacher(path, SPEC)
    (tmp_path / "inside" / "weights").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="keeps weights outside its folder"):
        open_teacher(path, SPEC)


def test_weights_inside_a_branch_are_looked_at_too(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(WEIGHTS, "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret"
    result = helper.make_tensor_value_info("b", TensorProto.FLOAT, ["N", 3])
    body = [helper.make_node("Constant", [], ["v"], value=tensor)]
    body += [helper.make_node("MatMul", ["x", "v"], ["b"])]
    branch = helper.make_graph(body, "branch", [], [result])
    nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)]
    constants = [numpy_helper.from_array(np.array(True), "yes")]
    path = written(tmp_path / "a.onnx", nodes, constants=constants)
    with pytest.raises(BadInput, match="keeps weights outside its folder"):
        files_of(path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_damaged(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "a.onnx", [product()])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput) as caught:
        open_teacher(path, SPEC)
    assert "\n" not in str(caught.value)
    path.write_text("this is no model")
    with pytest.raises(BadInput):
        open_teacher(path, SPEC)


def test_an_unknown_operator(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [helper.make_node("Mystery", ["x"], ["y"], domain="own")])
    with pytest.raises(BadInput, match="ONNX Runtime cannot load it: "):
        open_teacher(path, SPEC)
