"""What the app's engines say of models and inputs that they cannot run: always a typed problem.

Many cases share a process: it must outlive each of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.android.exported_digits import exported_digits
from tests.android.host_runtime import Answer, Machine, ModelJob, run_models
from tests.android.small_models import (
    SHAPE,
    executorch_copies,
    onnx_huge_output,
    onnx_large_input,
    onnx_of_texts,
    samples_of,
    tflite_copies,
)

Array = npt.NDArray[Any]
# Length, identifier and header of an ExecuTorch program; see extended_header.h.
HEADER_BYTES = 40
CUTS = 40
ENGINES = ["onnx", "executorch", "litert"]


@pytest.fixture(scope="module")
def models() -> dict[str, Path]:
    artifacts = exported_digits() / "artifacts"
    return {
        "onnx": artifacts / "host-onnx" / "distilled-int8" / "model.onnx",
        "executorch": artifacts / "host-executorch" / "distilled-int8" / "model.pte",
        "litert": artifacts / "host-litert" / "distilled-int8" / "model.tflite",
    }


@pytest.fixture
def digit(engine: str) -> Array:
    """As the engine's model stores it."""
    litert = engine == "litert"
    return np.zeros((1, 8, 8, 1), np.int8) if litert else np.zeros((1, 1, 8, 8), np.float32)


def _cuts(content: bytes) -> Iterator[bytes]:
    places = np.linspace(0, len(content) - 1, CUTS).astype(int)
    yield from (content[: int(place)] for place in places)


def _flips(content: bytes, size: int) -> Iterator[bytes]:
    """One bit of the first bytes, each in turn."""
    for bit in range(8 * size):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def _run_files(engine: str, contents: Iterator[bytes], digit: Array, folder: Path) -> list[Answer]:
    jobs = []
    for index, content in enumerate(contents):
        model = folder / f"{index}.model"
        model.write_bytes(content)
        jobs.append(ModelJob(engine, model, inputs=[digit]))
    return run_models(jobs, folder / "jobs")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cut_model_is_refused(
    engine: str, models: dict[str, Path], digit: Array, tmp_path: Path
) -> None:
    content = models[engine].read_bytes()
    answers = _run_files(engine, _cuts(content), digit, tmp_path)
    assert {answer.reason for answer in answers} == {"model"}
    assert all("model" in (answer.message or "") for answer in answers)


def test_a_cut_program_without_segments_ends_no_process(tmp_path: Path) -> None:
    """Such a program does not say how long it is; at its end there may be padding."""
    content = executorch_copies(tmp_path / "copies.pte", ("float32",)).read_bytes()
    sample = samples_of("float32", 1)
    answers = _run_files("executorch", _cuts(content), sample, tmp_path)
    reasons = [answer.reason for answer in answers]
    assert set(reasons[:-1]) == {"model"}
    assert reasons[-1] in ("model", None)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_damaged_header_ends_no_process(
    engine: str, models: dict[str, Path], digit: Array, tmp_path: Path
) -> None:
    content = models[engine].read_bytes()
    answers = _run_files(engine, _flips(content, HEADER_BYTES), digit, tmp_path)
    reasons = [answer.reason for answer in answers]
    # A version or a name may be another one, and some bits mean nothing.
    assert set(reasons) <= {"model", "engine", None}
    assert reasons.count("model") > len(reasons) // 2


@pytest.mark.parametrize("engine", ["executorch"])
def test_a_program_that_claims_to_be_larger_than_its_file_is_refused(
    models: dict[str, Path], engine: str, digit: Array, tmp_path: Path
) -> None:
    """Its segments take less than no room, and its first table lies behind the end."""
    content = bytearray(models["executorch"].read_bytes())
    start = 1 << 40
    content[16:40] = struct.pack("<QQq", start, start, len(content) - start)
    content[:4] = struct.pack("<I", len(content) + 64)
    [answer] = _run_files(engine, iter([bytes(content)]), digit, tmp_path)
    assert (answer.reason, "damaged or cut" in (answer.message or "")) == ("model", True)


def test_a_model_of_another_runtime_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    pairs = [
        ("onnx", models["executorch"]),
        ("executorch", models["onnx"]),
        ("litert", models["onnx"]),
        ("litert", models["executorch"]),
        ("onnx", models["litert"]),
        ("executorch", models["litert"]),
    ]
    answers = run_models([ModelJob(*pair) for pair in pairs], tmp_path / "jobs")
    assert [answer.reason for answer in answers] == ["model"] * len(pairs)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_file_is_refused(engine: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    files = [tmp_path / "none", tmp_path, empty]
    answers = run_models([ModelJob(engine, file) for file in files], tmp_path / "jobs")
    assert [answer.reason for answer in answers] == ["model"] * len(files)


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_that_do_not_fit_are_refused(
    engine: str, models: dict[str, Path], digit: Array, tmp_path: Path
) -> None:
    wrong: list[list[Array]] = [
        [digit[:, :, :4]],
        [digit[:, 0]],
        [digit.astype(np.float64)],
        [digit.astype(np.uint8)],
        [digit, digit],
    ]
    jobs = [ModelJob(engine, models[engine], inputs=inputs) for inputs in [*wrong, [digit]]]
    answers = run_models(jobs, tmp_path / "jobs")
    # The last one fits: what went before has left nothing behind.
    assert [answer.reason for answer in answers] == ["inputs"] * len(wrong) + [None]


def test_a_dtype_that_a_runtime_does_not_take_is_refused(tmp_path: Path) -> None:
    program = executorch_copies(tmp_path / "booleans.pte", ("bool",))
    half = tmp_path / "half.tflite"
    half.write_bytes(tflite_copies(("float16",)))
    jobs = [
        ModelJob("onnx", onnx_of_texts(tmp_path / "texts.onnx")),
        ModelJob("litert", half),
        ModelJob("executorch", program, inputs=[samples_of("bool", 1)]),
        ModelJob("executorch", program, inputs=[np.zeros((1, *SHAPE), np.int16)]),
    ]
    answers = run_models(jobs, tmp_path / "jobs")
    assert [answer.reason for answer in answers] == ["model", "model", "inputs", "inputs"]


def test_options_that_make_no_sense_are_refused(models: dict[str, Path], tmp_path: Path) -> None:
    wrong = [(0, None), (65, None), (1, "XNNPACK"), (1, "npu")]
    jobs = [
        ModelJob(engine, model, threads, delegate)
        for engine, model in models.items()
        for threads, delegate in wrong
    ]
    # Its operators were bound at export.
    jobs.append(ModelJob("executorch", models["executorch"], delegate="xnnpack"))
    answers = run_models(jobs, tmp_path / "jobs")
    assert {answer.reason for answer in answers} == {"request"}


def test_a_delegate_that_is_not_here_is_no_silent_fallback(
    models: dict[str, Path], tmp_path: Path
) -> None:
    pairs = [("onnx", "nnapi"), ("litert", "gpu")]
    jobs = [ModelJob(engine, models[engine], delegate=delegate) for engine, delegate in pairs]
    answers = run_models(jobs, tmp_path / "jobs")
    assert [answer.reason for answer in answers] == ["engine", "engine"]


@pytest.mark.parametrize("lacking", ["libraries", "classes"])
def test_a_runtime_that_is_not_here_is_told(
    lacking: str, models: dict[str, Path], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    jobs = [ModelJob(engine, model) for engine, model in models.items() for _ in range(2)]
    machine = Machine(libraries=empty) if lacking == "libraries" else Machine(runtimes=False)
    answers = run_models(jobs, tmp_path / "jobs", machine)
    assert [answer.reason for answer in answers] == ["engine"] * len(jobs)


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    numbers, one = 2**22, np.ones((1, 1), np.float32)
    large, small = tmp_path / "large.tflite", tmp_path / "small.tflite"
    large.write_bytes(tflite_copies(("float32",), (numbers,)))
    small.write_bytes(tflite_copies(("float32",), (1,)))
    jobs = [
        ModelJob("litert", large),
        ModelJob("litert", small, inputs=[one]),
        ModelJob("onnx", onnx_large_input(tmp_path / "input.onnx", numbers)),
        ModelJob("onnx", onnx_huge_output(tmp_path / "output.onnx"), inputs=[one]),
        ModelJob("onnx", onnx_large_input(tmp_path / "small.onnx", 64)),
    ]
    answers = run_models(jobs, tmp_path / "jobs", Machine(buffer_bytes=numbers))
    assert [answer.reason for answer in answers] == ["memory", None, "memory", "memory", None]
