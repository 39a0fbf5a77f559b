"""The app's engines on models that edgekd exported, against the same runtimes in Python."""

from __future__ import annotations

import base64
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from edgekd.data.dataset import load_dataset
from edgekd.devices.adb.result import AppResult, parse_result
from edgekd.devices.runtime_litert import LitertModel
from edgekd.devices.runtimes import LoadedModel, open_runtime
from edgekd.devices.tensors import stored_samples
from edgekd.files import sha256_of
from tests.android.closing import PROPERTY
from tests.android.exported_digits import exported_digits
from tests.android.host_runtime import STAND_IN, Answer, ModelJob, run_benchmark, run_models
from tests.android.small_models import (
    DTYPES,
    ONNX_DTYPES,
    TFLITE_DTYPES,
    executorch_copies,
    onnx_copies,
    samples_of,
    tflite_copies,
)

Array = npt.NDArray[Any]
Record = Callable[[str, object], None]

# Two builds of one runtime add in another order.
ADDING = 1e-4
FILES = {
    "onnx": "host-onnx/{}/model.onnx",
    "executorch": "host-executorch/{}/model.pte",
    "litert": "host-litert/{}/model.tflite",
}


@dataclass(frozen=True)
class Case:
    """A model in an engine."""

    engine: str
    rung: str
    delegate: str | None = None
    threads: int = 1

    def __str__(self) -> str:
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.engine} {self.rung}, {self.delegate or 'its own delegate'}{threads}"

    def model(self, run: Path) -> Path:
        return run / "artifacts" / FILES[self.engine].format(self.rung)

    def stored(self, run: Path, digits: Array) -> Array:
        """Digits as the model takes them: TFLite stores channels last, and int8 where it can."""
        if self.engine != "litert":
            return digits
        model = _as_usual(self.engine, self.model(run))
        return stored_samples(np.moveaxis(digits, 1, 3), model.signature.inputs[0])


CASES = [
    Case("onnx", "distilled-fp32"),
    Case("onnx", "distilled-int8"),
    Case("onnx", "distilled-fp32", "xnnpack", 2),
    Case("onnx", "distilled-int8", "xnnpack"),
    Case("onnx", "teacher-fp32", "cpu", 2),
    Case("executorch", "distilled-fp32"),
    Case("executorch", "distilled-int8"),
    Case("executorch", "teacher-fp32", threads=2),
    Case("litert", "distilled-fp32"),
    Case("litert", "distilled-int8"),
    Case("litert", "teacher-fp32", "xnnpack", 2),
    Case("litert", "distilled-fp32", "cpu"),
    Case("litert", "distilled-int8", "cpu"),
]


@pytest.fixture(scope="module")
def run() -> Path:
    return exported_digits()


@pytest.fixture(scope="module")
def digits(run: Path) -> Array:
    """The whole test set, preprocessed."""
    return load_dataset(run / "data").part_inputs("test")


@pytest.fixture(scope="module")
def answers(
    run: Path, digits: Array, tmp_path_factory: pytest.TempPathFactory
) -> dict[Case, Answer]:
    jobs = [
        ModelJob(
            case.engine, case.model(run), case.threads, case.delegate, [case.stored(run, digits)]
        )
        for case in CASES
    ]
    found = run_models(jobs, tmp_path_factory.mktemp("engines") / "digits")
    return dict(zip(CASES, found, strict=True))


@pytest.fixture(scope="module")
def expected(run: Path, digits: Array) -> Callable[[Case], Array]:
    """What edgekd's runtime on this machine computes."""
    made: dict[tuple[Path, bool], Array] = {}

    def get(case: Case) -> Array:
        path = case.model(run)
        without = case.engine == "litert" and case.delegate == "cpu"
        if (path, without) not in made:
            model = _without_xnnpack(path) if without else _as_usual(case.engine, path)
            stored = case.stored(run, digits)
            made[path, without] = np.concatenate([_one(model, sample) for sample in stored])
        return made[path, without]

    return get


def _as_usual(engine: str, path: Path) -> LoadedModel:
    return open_runtime(engine, 1).load(path, reference=False)


def _without_xnnpack(path: Path) -> LoadedModel:
    """In LiteRT it makes a difference."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    return LitertModel(interpreter)


def _one(model: LoadedModel, sample: Array) -> Array:
    model.prepare([np.ascontiguousarray(sample[None])])
    model.invoke()
    return np.asarray(model.results()[0])


def _step(outputs: Array) -> float:
    """Between two values that an int8 output can take; it is stored as real values."""
    return float(np.diff(np.unique(np.round(outputs, 5))).min())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_digits_as_in_python(
    case: Case,
    answers: dict[Case, Answer],
    expected: Callable[[Case], Array],
    record_property: Record,
) -> None:
    answer, reference = answers[case], expected(case)
    assert answer.message is None
    found = answer.outputs[0].values
    difference = float(np.abs(found.astype(np.float64) - reference).max())

    by = f", by {STAND_IN}" if case.engine == "litert" else ""
    record_property(
        PROPERTY,
        f"engines: {case}{by}: the top-1 of all {len(reference)} test digits as in Python, largest "
        f"difference {difference:.1e} of outputs up to {np.abs(reference).max():.0f}",
    )
    assert (found.argmax(1) == reference.argmax(1)).all()
    if case.engine == "litert":
        # The same kernels on both sides.
        assert difference == 0
        return
    # A value that lies between two steps of an int8 activation goes either way.
    allowed = ADDING + (_step(reference) if "int8" in case.rung else 0)
    assert difference < allowed


def test_an_engine_tells_what_it_is(answers: dict[Case, Answer], run: Path) -> None:
    onnx = answers[Case("onnx", "distilled-fp32")]
    assert onnx.version is not None
    assert onnx.version[:2] == "1."
    assert onnx.delegate == "cpu"
    assert onnx.inputs == [{"name": "input", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    assert onnx.outputs[0].name == "logits"
    assert answers[Case("onnx", "distilled-int8", "xnnpack")].delegate == "xnnpack"
    executorch = answers[Case("executorch", "distilled-int8")]
    assert executorch.delegate == "XnnpackBackend"
    # Its Java interface tells neither.
    assert (executorch.version, executorch.inputs) == (None, None)
    assert executorch.outputs[0].name == "output_0"
    litert = answers[Case("litert", "distilled-int8")]
    assert (litert.version, litert.delegate) == (version("ai-edge-litert"), "xnnpack")
    assert litert.inputs is not None
    (given,) = litert.inputs
    assert (given["dtype"], given["shape"]) == ("int8", [1, 8, 8, 1])


def test_onnx_takes_every_dtype(tmp_path: Path) -> None:
    inputs = [samples_of(dtype, 3) for dtype in ONNX_DTYPES]
    model = onnx_copies(tmp_path / "copies.onnx", ONNX_DTYPES)
    (answer,) = run_models([ModelJob("onnx", model, inputs=inputs)], tmp_path / "jobs")
    _check_copies(answer, inputs)
    assert answer.inputs is not None
    assert [one["dtype"] for one in answer.inputs] == list(ONNX_DTYPES)


def test_executorch_takes_every_dtype_of_its_java_interface(tmp_path: Path) -> None:
    inputs = [samples_of(dtype, 3) for dtype in DTYPES]
    model = executorch_copies(tmp_path / "copies.pte", DTYPES)
    (answer,) = run_models([ModelJob("executorch", model, inputs=inputs)], tmp_path / "jobs")
    _check_copies(answer, inputs)
    # Nothing was given to a delegate.
    assert answer.delegate is None


def test_litert_takes_every_dtype_of_its_java_interface(tmp_path: Path) -> None:
    inputs = [samples_of(dtype, 3) for dtype in TFLITE_DTYPES]
    model = tmp_path / "copies.tflite"
    model.write_bytes(tflite_copies(TFLITE_DTYPES))
    (answer,) = run_models([ModelJob("litert", model, inputs=inputs)], tmp_path / "jobs")
    _check_copies(answer, inputs)
    assert answer.inputs is not None
    assert [one["dtype"] for one in answer.inputs] == list(TFLITE_DTYPES)


def _check_copies(answer: Answer, inputs: list[Array]) -> None:
    assert answer.message is None
    for output, given in zip(answer.outputs, inputs, strict=True):
        assert output.values.dtype == given.dtype
        np.testing.assert_array_equal(output.values, given)


@pytest.mark.parametrize("case", [CASES[1], CASES[6], CASES[9]], ids=str)
def test_the_benchmark_gives_what_the_engines_give(
    case: Case, answers: dict[Case, Answer], run: Path, digits: Array, tmp_path: Path
) -> None:
    folder = tmp_path / "edgekd-bench"
    folder.mkdir()
    shutil.copyfile(case.model(run), folder / "model")
    golden = np.ascontiguousarray(case.stored(run, digits)[:9])
    shape = ",".join(map(str, (1, *golden.shape[1:])))
    save_file({"input_0": golden}, folder / "golden", {"input_0.shape": shape})
    common = {"engine": case.engine, "model": "edgekd-bench/model", "golden": "edgekd-bench/golden"}

    def measured(pass_: str) -> AppResult:
        extras = {"run_id": uuid.uuid4().hex, "pass": pass_, **common}
        line = run_benchmark({**extras, "threads": 1, "warmup": 2, "iterations": 10}, tmp_path)
        assert line == f"EDGEKD_DONE {extras['run_id']}"
        written = folder / "results" / f"{extras['run_id']}.json"
        return parse_result(written.read_bytes(), str(extras["run_id"]))

    result = measured("outputs")
    assert result.error is None
    assert result.engine is not None
    assert result.engine.delegate == answers[case].delegate
    assert result.model_sha256 == sha256_of(case.model(run))
    (output,) = result.outputs or []
    values = np.frombuffer(base64.b64decode(output.data), output.dtype).reshape(output.shape)
    np.testing.assert_array_equal(values, answers[case].outputs[0].values[:9])

    timed = measured("latency").latency_ms
    assert timed is not None
    assert (timed.n, timed.warmup) == (10, 2)
    memory = measured("memory").memory
    assert memory is not None
    assert memory.peak_rss_bytes is not None
    assert memory.peak_rss_bytes > case.model(run).stat().st_size
