"""What goes wrong is one line on standard error and the right exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ONE_JOB, ROOT, run_edgekd, small_run
from tests.full_disk import run_beside

STUDENTS = (ROOT / "models" / "digits" / "students.py").read_text(encoding="utf-8")


def own_recipe(tmp_path: Path, data: str, students: str = STUDENTS) -> Path:
    (tmp_path / "students.py").write_text(students, encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"seeds: [0]\n{data}\n"
        "teacher: {network: teacher, steps: 5, batch_size: 8}\n"
        "student: {network: small_student}\n"
        "distill: {steps: 50, batch_size: 8, learning_rates: [0.01]}\n",
        encoding="utf-8",
    )
    return path


DIGITS = "data: {source: digits, split: {validation: 100, test: 100}}"
IMAGES = (
    "data: {source: image_folder, path: images, image_size: [8, 8],"
    " split: {validation: 4, test: 4}}"
)


def make_images(folder: Path, classes: int, each: int) -> None:
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(classes):
        (folder / str(number)).mkdir(parents=True)
        for index in range(each):
            pixels = draw.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / str(number) / f"{index}.png")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "mnits"], ["there is no recipe 'mnits'", "did you mean 'mnist'?"]),
        (["run", "digits", "--targets", "host-litrt"], ["did you mean 'host-litert'?"]),
        (["run", "digits", "--set", "distill.stps=2"], ["--set distill.stps", "'steps'"]),
        (["run", "digits", "--set", "distill.steps=x"], ["--set distill.steps", "got 'x'"]),
        (["run", "digits", "--set", "data.source=cifar"], ["no data source 'cifar'"]),
        (["run", "digits", "--set", "student.network=nothing"], ["no function 'nothing'"]),
        (["run"], ["Missing argument"]),
        (["frobnicate"], ["No such command"]),
        (["bench"], ["give a RECIPE"]),
        (["bench", "--model", "x.tflite"], ["--target"]),
        (["bench", "--model", "x.tflite", "--target", "host-litert"], ["x.tflite: there is no"]),
        (["export", "--model", "x.pt2", "--target", "host-onnx"], ["x.pt2: there is no"]),
        (["report", "nowhere"], ["cannot be read"]),
    ],
)
def test_wrong_usage(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    if arguments[:2] == ["run", "digits"]:
        arguments = [*arguments, "--out", str(tmp_path / "run")]
    result = run_edgekd(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    last_line(result, *parts)


def last_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The last line names the trouble; lines before it are progress; nothing is half-written."""
    *progress, line = result.stderr.strip().splitlines()
    assert line.startswith("edgekd: "), result.stderr
    for part in parts:
        assert part in line, result.stderr
    assert all(entry.startswith("[") for entry in progress), result.stderr


def nothing_half_written(run: Path) -> None:
    assert not (run / "report.json").exists()
    if (run / ".scratch").exists():
        # A failed stage leaves its scratch folder at most; the next run clears it first.
        assert not any((run / name).exists() for name in ("rungs", "artifacts"))


def test_an_image_that_is_not_an_image(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 10, 6)
    (tmp_path / "images" / "3" / "bad.png").write_text("not an image")
    result = run_edgekd(
        "distill", own_recipe(tmp_path, IMAGES), "--out", tmp_path / "run", *ONE_JOB
    )
    assert result.returncode == 2
    last_line(result, "bad.png: is not an image")
    nothing_half_written(tmp_path / "run")


def test_an_empty_class(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 10, 6)
    (tmp_path / "images" / "zebra").mkdir()
    result = run_edgekd(
        "distill", own_recipe(tmp_path, IMAGES), "--out", tmp_path / "run", *ONE_JOB
    )
    assert result.returncode == 2
    last_line(result, "the class 'zebra' has no images")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_class_count_that_differs(tmp_path: Path, role: str) -> None:
    result = run_edgekd(*small_run(tmp_path / "run", "--set", f"{role}.arguments.classes=9"))
    assert result.returncode == 2
    last_line(result, f"the {role} gives 9 outputs, but the data has 10 classes")
    nothing_half_written(tmp_path / "run")


def test_a_loss_that_is_not_a_number(tmp_path: Path) -> None:
    students = STUDENTS.replace("nn.Flatten(),", "nn.Flatten(), Boom(),") + (
        "\n\nclass Boom(nn.Module):\n"
        "    def forward(self, inputs):\n"
        "        return inputs * float('inf') if self.training else inputs\n"
    )
    result = run_edgekd(
        "distill", own_recipe(tmp_path, DIGITS, students), "--out", tmp_path / "r", *ONE_JOB
    )
    assert result.returncode == 1
    last_line(result, "the loss is nan at step", "lower the learning rate")
    nothing_half_written(tmp_path / "r")


def test_a_network_that_cannot_be_built(tmp_path: Path) -> None:
    recipe = own_recipe(tmp_path, DIGITS, "import nothing_of_that_name\n")
    result = run_edgekd("distill", recipe, "--out", tmp_path / "run", *ONE_JOB)
    assert result.returncode == 2
    last_line(result, "students.py", "ModuleNotFoundError")


def test_weights_that_are_a_pickle_are_refused(tmp_path: Path) -> None:
    import pickle

    recipe = own_recipe(tmp_path, DIGITS)
    (tmp_path / "evil.safetensors").write_bytes(pickle.dumps({"x": 1}))
    result = run_edgekd(
        *("distill", recipe, "--out", tmp_path / "run", *ONE_JOB),
        *("--set", "teacher.weights=evil.safetensors"),
    )
    assert result.returncode == 2
    last_line(result, "evil.safetensors: is not a whole checkpoint of torch or safetensors")


def test_a_folder_that_cannot_be_written() -> None:
    result = run_edgekd("distill", "digits", "--out", "/proc/edgekd")
    assert result.returncode == 2
    last_line(result, "/proc/edgekd: cannot be written", "--out")


def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-m", "edgekd", *small_run(disk / "run")]
    result = run_beside({disk: 200}, [command], seconds=300)
    assert result.returncode == 1, result.stderr
    last_line(result, "no space left on the disk (free some and run again)")


def test_debug_shows_the_traceback() -> None:
    result = run_edgekd("--debug", "run", "mnits")
    assert "Traceback" in result.stderr
    assert result.returncode == 2


def test_a_closed_pipe_is_no_error() -> None:
    result = subprocess.run(
        f"{sys.executable} -m edgekd targets | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        check=False,
    )
    assert "Traceback" not in result.stderr
