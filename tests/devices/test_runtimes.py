"""The runtimes' adapters on graphs with dynamic, integer and several tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekd.devices.host import HostDevice
from edgekd.devices.runtimes import open_runtime
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.target import Target

HOST = HostDevice()
Targets = Callable[..., Target]


def _save(
    nodes: list[onnx.NodeProto],
    tensors: dict[str, tuple[int, list[int | str]]],
    weights: dict[str, npt.NDArray[Any]],
    outputs: list[str],
    path: Path,
) -> Path:
    values = {
        name: helper.make_tensor_value_info(name, kind, shape)
        for name, (kind, shape) in tensors.items()
    }
    graph = helper.make_graph(
        nodes,
        "graph",
        [value for name, value in values.items() if name not in outputs],
        [values[name] for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def text_model(tmp_path: Path) -> Path:
    """Token ids and a mask of dynamic shape to a float vector and the ids of the largest."""
    table = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["embedded"]),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["embedded", "wide_mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "tokens"], ["pooled"], keepdims=0),
        helper.make_node("ArgMax", ["pooled"], ["best"], axis=1, keepdims=0),
    ]
    tensors: dict[str, tuple[int, list[int | str]]] = {
        "ids": (TensorProto.INT64, ["batch", "tokens"]),
        "mask": (TensorProto.FLOAT, ["batch", "tokens"]),
        "pooled": (TensorProto.FLOAT, ["batch", 4]),
        "best": (TensorProto.INT64, ["batch"]),
    }
    weights = {"table": table, "last": np.array([-1]), "tokens": np.array([1])}
    return _save(nodes, tensors, weights, ["pooled", "best"], tmp_path / "text.onnx")


def test_dynamic_dimensions_become_one(host_target: Targets, text_model: Path) -> None:
    signature = HOST.describe(text_model, host_target("onnx"))
    assert [(info.name, info.shape, info.dtype) for info in signature.inputs] == [
        ("ids", [1, 1], "int64"),
        ("mask", [1, 1], "float32"),
    ]


def test_several_inputs_and_outputs_run(host_target: Targets, text_model: Path) -> None:
    target = host_target("onnx")
    samples = random_inputs(HOST.describe(text_model, target).inputs, 5, seed=0)
    pooled, best = HOST.run_outputs(text_model, target, samples)
    assert (pooled.shape, pooled.dtype.name) == ((5, 4), "float32")
    assert (best.shape, best.dtype.name) == ((5,), "int64")
    np.testing.assert_array_equal(best, pooled.argmax(axis=1))


def test_inputs_of_different_lengths_are_refused(host_target: Targets, text_model: Path) -> None:
    inputs: list[npt.NDArray[Any]] = [np.zeros((2, 1), np.int64), np.zeros((3, 1), np.float32)]
    with pytest.raises(BadInput, match=r"same number of samples, not \[2, 3\]"):
        HOST.run_outputs(text_model, host_target("onnx"), inputs)


def test_a_kernel_that_fails_is_one_line(host_target: Targets, text_model: Path) -> None:
    inputs: list[npt.NDArray[Any]] = [np.full((1, 1), 7, np.int64), np.ones((1, 1), np.float32)]
    with pytest.raises(RunFailed, match=r"text\.onnx: the inference failed: .*out of data bounds"):
        HOST.run_outputs(text_model, host_target("onnx"), inputs)


def test_a_tensor_that_is_no_number_is_refused(host_target: Targets, tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["words"], ["same"])]
    words: tuple[int, list[int | str]] = (TensorProto.STRING, [1])
    path = _save(nodes, {"words": words, "same": words}, {}, ["same"], tmp_path / "words.onnx")
    with pytest.raises(BadInput, match=r"'words' is of a type that cannot be run: tensor\(string"):
        HOST.describe(path, host_target("onnx"))


@pytest.mark.parametrize("kind", ["float16", "float64"])
def test_other_floats_are_cast_and_come_back_as_float32(
    host_target: Targets, tmp_path: Path, kind: str
) -> None:
    number = TensorProto.FLOAT16 if kind == "float16" else TensorProto.DOUBLE
    nodes = [helper.make_node("Neg", ["x"], ["y"])]
    vector: tuple[int, list[int | str]] = (number, [1, 3])
    path = _save(nodes, {"x": vector, "y": vector}, {}, ["y"], tmp_path / "half.onnx")
    samples = np.array([[1.5, -2, 0], [4, 5, 6]], np.float32)
    outputs = HOST.run_outputs(path, host_target("onnx"), [samples])
    assert outputs[0].dtype == np.float32
    np.testing.assert_array_equal(outputs[0], -samples)


def test_a_scalar_input_runs(host_target: Targets, tmp_path: Path) -> None:
    scalar: tuple[int, list[int | str]] = (TensorProto.FLOAT, [])
    nodes = [helper.make_node("Neg", ["x"], ["y"])]
    path = _save(nodes, {"x": scalar, "y": scalar}, {}, ["y"], tmp_path / "scalar.onnx")
    outputs = HOST.run_outputs(path, host_target("onnx"), [np.array([1, -2], np.float32)])
    np.testing.assert_array_equal(outputs[0], [-1, 2])


@pytest.mark.parametrize(
    ("runtime", "module", "extra"),
    [
        ("litert", "ai_edge_litert", "tflite"),
        ("onnx", "onnxruntime", "onnx"),
        ("executorch", "executorch.extension.pybindings", "executorch"),
    ],
)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, runtime: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackage, match=rf'pip install "edgekd\[{extra}\]"'):
        open_runtime(runtime, 1)
