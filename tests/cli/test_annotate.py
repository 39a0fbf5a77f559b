"""``edgekd annotate`` and ``edgekd setup --tool`` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run_edgekd
from tests.export.mean_colour import LABELS, mean_colour


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "any.tflite"
    path.write_bytes(mean_colour())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    return path


def test_a_file_is_annotated_and_the_findings_are_printed(model: Path, tmp_path: Path) -> None:
    result = run_edgekd(
        *("annotate", "--model", model, "--labels", tmp_path / "labels.txt"),
        *("--mean", "1,2,3", "--std", "64,64,64", "--out", tmp_path / "out.tflite"),
    )
    assert result.returncode == 0, result.stderr
    path, writer, litert, task_library = result.stdout.splitlines()
    assert Path(path).is_file()
    assert "image classifier; packed files: labels.txt" in writer
    assert "to the bit" in litert
    assert task_library.startswith("Task Library: takes it; scores within ")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "give a FOLDER with bundle.json, or a file with --model"),
        (["--model", "{model}", "--mean", "one"], "--mean 'one' are no numbers"),
        (["--model", "{model}", "--mean", "1", "--std", "64"], "needs labels (--labels FILE)"),
        (["--model", "{folder}/labels.txt"], "is not a TFLite file"),
        (["{folder}"], "holds no bundle.json"),
    ],
)
def test_what_is_wrong_is_one_line(
    model: Path, tmp_path: Path, arguments: list[str], part: str
) -> None:
    filled = [text.format(model=model, folder=tmp_path) for text in arguments]
    result = run_edgekd("annotate", *filled)
    assert result.returncode == 2
    assert part in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_tool_is_set_up_by_name() -> None:
    result = run_edgekd("setup", "--tool", "tflite-support")
    assert (result.returncode, result.stdout) == (0, "tflite-support: ready\n")
    wrong = run_edgekd("setup", "--tool", "tflite")
    assert wrong.returncode == 2
    assert "known: optimum-executorch, tflite-support" in wrong.stderr
