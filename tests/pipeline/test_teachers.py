"""Students of teachers from elsewhere, as a user names these in a recipe.

A checkpoint teaches in test_cifar10; every kind of file is read in tests/teachers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.networks import build_network, load_weights, run_network
from edgekd.recipe import Network
from tests.conftest import ROOT, run_edgekd, small_run

Made = tuple[nn.Module, Dataset]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A teacher that a run trained, and the data of that run."""
    folder = tmp_path_factory.mktemp("made")
    result = run_edgekd(*small_run(folder / "run", "--set", "teacher.steps=150"))
    assert result.returncode == 0, result.stderr
    network = build_network(Network(network="teacher"), ROOT / "models/digits/students.py").eval()
    load_weights(network, folder / "run/teacher/network/weights.safetensors")
    return network, load_dataset(folder / "run" / "data")


def onnx(made: Made, folder: Path) -> str:
    path = folder / "teacher.onnx"
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        made[0],
        (torch.zeros(2, 1, 8, 8),),
        path,
        dynamo=True,
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    return f"{{kind: onnx, path: {path}}}"


def tflite(made: Made, folder: Path) -> str:
    import litert_torch

    path = folder / "teacher.tflite"
    litert_torch.convert(made[0], (torch.zeros(1, 1, 8, 8),)).export(str(path))
    return f"{{kind: tflite, path: {path}, inputs: {{layout: NCHW}}}}"


def recorded(made: Made, folder: Path) -> str:
    path = folder / "answers.npz"
    network, dataset = made
    logits = torch.from_numpy(run_network(network, dataset.preprocess(dataset.inputs)))
    probabilities, indices = logits.softmax(1).topk(4)
    np.savez(path, indices=indices.numpy(), top_probabilities=probabilities.numpy())
    return f"{{kind: recorded, path: {path}}}"


@pytest.mark.parametrize("make", [onnx, tflite, recorded], ids=["onnx", "tflite", "recorded"])
def test_a_teacher_from_elsewhere_teaches(
    make: Callable[[Made, Path], str], made: Made, tmp_path: Path
) -> None:
    network, dataset = made
    run = tmp_path / "run"
    result = run_edgekd(*small_run(run, "--set", f"teacher={make(made, tmp_path)}"))
    assert result.returncode == 0, result.stderr
    expected = run_network(network, dataset.part_inputs("test")).argmax(1)
    assert (outputs_of(run).argmax(1) == expected).mean() > 0.995
    facts = json.loads((run / "rungs/distilled-fp32/seed-0/rung.json").read_text())
    assert facts["validation_accuracy"] > 0.2


def test_a_teacher_may_know_more_classes_than_the_data(tmp_path: Path) -> None:
    """Its outputs are picked by name, also where the networks are tried out before training."""
    names = ["blank", *(f"digit {number}" for number in range(10)), "other"]
    mapped = ", ".join(f"digit {number}: '{number}'" for number in range(10))
    torch.manual_seed(0)
    spec = Network(network="teacher", arguments={"classes": 12})
    network = build_network(spec, ROOT / "models/digits/students.py").eval()
    torch.save(network.state_dict(), tmp_path / "teacher.pth")
    teacher = (
        f"teacher={{network: teacher, arguments: {{classes: 12}}, classes: {names},"
        f" class_map: {{{mapped}}}, weights: {tmp_path / 'teacher.pth'}}}"
    )
    run = tmp_path / "run"
    result = run_edgekd(*small_run(run, "--set", teacher))
    assert result.returncode == 0, result.stderr
    inputs = load_dataset(run / "data").part_inputs("test")
    expected = run_network(network, inputs)[:, 1:11]
    np.testing.assert_allclose(outputs_of(run), expected, atol=1e-5)


def test_an_ensemble_is_the_mean_of_its_members(tmp_path: Path) -> None:
    run = tmp_path / "run"
    members = "teacher.ensemble=[{seed: 1}, {seed: 2, weight: 2.0}]"
    result = run_edgekd(*small_run(run, "--set", members))
    assert result.returncode == 0, result.stderr
    parts = [
        torch.from_numpy(outputs_of(run, f"teacher/members/{number}/network")).log_softmax(1)
        for number in range(3)
    ]
    expected = (parts[0] + parts[1] + 2 * parts[2]) / 4
    np.testing.assert_allclose(outputs_of(run), expected.numpy(), atol=1e-5)


def test_a_teacher_that_is_asked_live_says_the_same(tmp_path: Path) -> None:
    """With float32 answers, keeping them changes nothing but the speed."""
    outcomes = []
    for cache in ("true", "false"):
        run = tmp_path / cache
        result = run_edgekd(*small_run(run, "--set", f"distill.cache={cache}"))
        assert result.returncode == 0, result.stderr
        outcomes.append(outputs_of(run, "rungs/distilled-fp32/seed-0"))
    np.testing.assert_allclose(outcomes[0], outcomes[1], atol=0.05)


WRONG: list[tuple[str, Callable[[Path], Any], str]] = [
    ("{kind: onnx, path: FILE}", lambda path: path.write_bytes(b"not a model"), "FILE"),
    ("{kind: recorded, path: FILE}", lambda path: shutil.copy(ROOT / "README.md", path), "FILE"),
    ("{kind: tflite, path: FILE}", lambda path: None, "no such file"),
    ("{kind: onnx}", lambda path: None, "needs the key path"),
    ("{network: teacher, weights: FILE}", lambda path: path.write_bytes(b"x" * 100), "FILE"),
]


@pytest.mark.parametrize(("teacher", "make", "message"), WRONG)
def test_a_wrong_teacher_is_one_line(
    teacher: str, make: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "teacher.bin"
    make(file)
    result = run_edgekd(
        *small_run(tmp_path / "run", "--set", f"teacher={teacher.replace('FILE', str(file))}")
    )
    assert result.returncode in (1, 2)
    lines = [line for line in result.stderr.splitlines() if line.startswith("edgekd:")]
    assert len(lines) == 1
    assert message.replace("FILE", str(file)) in lines[0]
    assert "Traceback" not in result.stderr


def test_a_malicious_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    import pickle

    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    file = tmp_path / "teacher.pth"
    file.write_bytes(pickle.dumps({"state_dict": Malicious()}))
    teacher = f"teacher={{network: teacher, weights: {file}}}"
    result = run_edgekd(*small_run(tmp_path / "run", "--set", teacher))
    assert result.returncode == 2
    assert str(file) in result.stderr
    assert not (tmp_path / "ran").exists()


def outputs_of(run: Path, stage: str = "teacher/network") -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(run / stage / "outputs.safetensors")["test"]
