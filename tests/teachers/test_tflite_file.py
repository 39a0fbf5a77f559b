"""``.tflite`` teachers give what their source gives, quantized or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from edgekd.errors import BadInput
from edgekd.networks import count_parameters
from edgekd.recipe import Teacher
from edgekd.teachers.tflite_file import open_teacher
from edgekd.third_party import quiet
from tests.conftest import MLPERF_TINY

SPEC = Teacher(kind="tflite", path="teacher.tflite")
PROBABILITIES = Teacher(kind="tflite", path="teacher.tflite", outputs="probabilities")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).eval()


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet():
        import litert_torch

        path = tmp_path_factory.mktemp("tflite") / "teacher.tflite"
        litert_torch.convert(network(), (torch.zeros(1, 1, 8, 8),)).export(str(path))
    return path


def mlperf(name: str) -> Path:
    path = MLPERF_TINY / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"the reference model is not here: {path}")
    return path


def test_equals_torch(converted: Path) -> None:
    source, teacher = network(), open_teacher(converted, SPEC)
    inputs = torch.randn(5, 1, 8, 8)
    expected = source(inputs).detach().numpy()
    np.testing.assert_allclose(teacher.logits(inputs.numpy()), expected, atol=1e-4)
    assert teacher.input_shape == (1, 1, 8, 8)
    assert teacher.parameters == count_parameters(source)
    assert teacher.size_bytes == converted.stat().st_size


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("kws_int8", (None, 49, 10, 1), 22_604),
        ("ic_int8", (None, 32, 32, 3), 77_706),
        ("ad_int8", (None, 640), 265_864),
    ],
)
def test_reference_models(name: str, shape: tuple[int | None, ...], parameters: int) -> None:
    teacher = open_teacher(mlperf(name), SPEC)
    assert teacher.input_shape == shape
    assert teacher.parameters == parameters


def test_quantized_inputs_and_outputs() -> None:
    """By hand: its input has scale 1 and zero point -128, its output 1/256 and -128."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3))
    interpreter = Interpreter(model_path=str(mlperf("ic_int8")))
    interpreter.allocate_tensors()
    expected = []
    for image in pixels:
        stored = (image - 128).astype(np.int8)[None]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stored)
        interpreter.invoke()
        scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        expected.append((scores.astype(np.float64) + 128) / 256)
    # What was rounded to 0 stands for a quarter of a step.
    wanted = np.log(np.maximum(expected, 1 / 1024))
    logits = open_teacher(mlperf("ic_int8"), PROBABILITIES).logits(pixels.astype(np.float32))
    np.testing.assert_allclose(logits, wanted, atol=1e-5)


def test_a_quantized_model_agrees_with_its_float_original() -> None:
    inputs = np.random.default_rng(0).uniform(0, 255, (32, 32, 32, 3)).astype(np.float32)
    original = open_teacher(mlperf("ic_float32"), PROBABILITIES).logits(inputs)
    quantized = open_teacher(mlperf("ic_int8"), PROBABILITIES).logits(inputs)
    np.testing.assert_allclose(np.exp(original).sum(1), 1, atol=1e-4)
    assert np.abs(np.exp(quantized) - np.exp(original)).mean() < 0.03
    assert (quantized.argmax(1) == original.argmax(1)).mean() > 0.8


@pytest.mark.parametrize("name", ["ic_float32", "ic_int8"])
def test_a_batch_gives_what_its_samples_give(name: str) -> None:
    inputs = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    path = mlperf(name)
    whole = open_teacher(path, PROBABILITIES).logits(inputs)
    teacher = open_teacher(path, PROBABILITIES)
    single = np.concatenate([teacher.logits(inputs[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(whole, single, atol=1e-4)


@pytest.mark.parametrize("name", ["kws_float32", "kws_int8"])
def test_probabilities_are_not_taken_for_logits(name: str) -> None:
    inputs = np.random.default_rng(0).normal(size=(9, 49, 10, 1)).astype(np.float32)
    with pytest.raises(BadInput, match=r"set teacher\.outputs: probabilities"):
        open_teacher(mlperf(name), SPEC).logits(inputs)


def test_inputs_that_do_not_fit(converted: Path) -> None:
    with pytest.raises(BadInput, match=r"takes inputs of shape \[N, 1, 8, 8\], not \[N, 8, 8, 1\]"):
        open_teacher(converted, SPEC).logits(np.zeros((2, 8, 8, 1), np.float32))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_truncated(converted: Path, tmp_path: Path, share: float) -> None:
    path, content = tmp_path / "a.tflite", converted.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput, match="LiteRT cannot load it"):
        open_teacher(path, SPEC)


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_text("this is no model, but a text that is long enough to look like one")
    with pytest.raises(BadInput, match="LiteRT cannot load it"):
        open_teacher(path, SPEC)
