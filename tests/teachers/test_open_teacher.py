"""Teachers of other frameworks are opened by kind, and known by what loading them reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekd.errors import BadInput
from edgekd.recipe import Teacher
from edgekd.teachers import fingerprint, open_teacher


def model(path: Path) -> Path:
    """``y = x w`` with its weights in ``weights.bin`` beside it."""
    weights = np.eye(4, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "teacher",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(weights, "w")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_opened_by_kind(tmp_path: Path) -> None:
    path = model(tmp_path / "teacher.onnx")
    teacher = open_teacher(Teacher(kind="onnx", path=str(path)), path)
    features = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(teacher.logits(features), features, atol=1e-6)
    with pytest.raises(BadInput, match="LiteRT cannot load it"):
        open_teacher(Teacher(kind="tflite", path=str(path)), path)


def test_what_is_no_file_of_a_runtime(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"teacher\.kind: recorded is no file that a runtime opens"):
        open_teacher(Teacher(kind="recorded", path="a"), tmp_path)
    for kind in ("onnx", "tflite", "keras"):
        with pytest.raises(BadInput, match="there is no such file"):
            open_teacher(Teacher(kind=kind, path="a"), tmp_path / "absent")


def test_a_fingerprint_follows_every_file_that_is_read(tmp_path: Path) -> None:
    path = model(tmp_path / "teacher.onnx")
    spec = Teacher(kind="onnx", path=str(path))
    before = fingerprint(spec, str(path))
    (tmp_path / "notes.txt").write_text("read by nobody")
    assert fingerprint(spec, str(path)) == before
    (tmp_path / "weights.bin").write_bytes(np.ones(16, np.float32).tobytes())
    assert fingerprint(spec, str(path)) != before
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(BadInput, match="lacks its file of weights"):
        fingerprint(spec, str(path))


def test_the_fingerprint_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    spec = Teacher(kind="keras", path=str(folder))
    before = fingerprint(spec, str(folder))
    assert fingerprint(spec, str(folder)) == before
    (folder / "variables" / "variables.index").write_bytes(b"other")
    assert fingerprint(spec, str(folder)) != before
    with pytest.raises(BadInput, match="there is no such file"):
        fingerprint(spec, str(tmp_path / "absent"))


def test_a_fingerprint_of_an_id() -> None:
    spec = Teacher(kind="hugging-face", path="some/model", revision="v1")
    assert fingerprint(spec, "some/model") == "some/model@v1"
