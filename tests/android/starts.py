"""Starts of the app's core in one JVM, with a runtime of its own, and what they leave.

The program is ``ResultsProgram`` among the tests of ``android-demo/core``, the runtime its
``SumEngine``: it adds numbers, and fails as it is told to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
from safetensors.numpy import save_file

from edgekd.devices.adb.result import SCHEMA_FILE, AppResult, parse_result
from edgekd.devices.contract import TensorInfo
from edgekd.files import sha256_of
from tests.android.small_bundle import bundle_record
from tests.android.toolchain import core_jar, core_tests_jar, pieces

PROGRAM = "dev.edgekd.core.benchmark.ResultsProgram"
RESULTS = "edgekd-bench/results"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
MODELS = {
    "sum": "input=float32 1,4",
    "silent": "",
    "large": "output=int8 1,3000000",
    "two": "input=float32 1,4\ninput=int64 1,2",
    **{
        error: f"throw={where} {error}"
        for error, where in (
            ("OutOfMemoryError", "invoke"),
            ("StackOverflowError", "invoke"),
            ("UnsatisfiedLinkError", "load"),
            ("NoClassDefFoundError", "load"),
            ("IllegalStateException", "invoke"),
            ("InternalError", "prepare"),
            ("AssertionError", "results"),
        )
    },
}
SAMPLES = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
QUANTIZED = TensorInfo(name="x", shape=[1, 4], dtype="int8", scale=0.02, zero_point=-3)


def classpath() -> list[Path]:
    """Of the program."""
    return [core_jar(), core_tests_jar(), pieces().kotlin_runtime]


@dataclass
class Starts:
    """Starts of the app, all in one process.

    Attributes:
        folder: for the list of starts.
        lines: what each logged, by its name.
    """

    folder: Path
    lines: dict[str, str] = field(default_factory=dict)
    _wanted: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, files: Path, **changes: Any) -> None:
        """One more, named for the test; an extra that is ``None`` is left out."""
        extras = {
            "run_id": f"{len(self._wanted):032x}",
            "pass": "latency",
            "model": "sum",
            "golden": "golden",
            "engine": "onnx",
            "threads": 1,
            "warmup": 2,
            "iterations": 3,
            **changes,
        }
        given = {key: value for key, value in extras.items() if value is not None}
        self._wanted[name] = {"files": str(files), "extras": given}

    def listed(self) -> Path:
        """The file that the program reads."""
        path = self.folder / "starts.jsonl"
        path.write_text("".join(f"{json.dumps(one)}\n" for one in self._wanted.values()))
        return path

    def ended(self, output: str) -> None:
        """Keep what was logged: one line for each start."""
        self.lines = dict(zip(self._wanted, output.splitlines(), strict=True))

    def run_id(self, name: str) -> str:
        """Of the start's result."""
        return str(self._wanted[name]["extras"]["run_id"])

    def path(self, name: str) -> Path:
        """Where its result must be."""
        return Path(self._wanted[name]["files"]) / RESULTS / f"{self.run_id(name)}.json"

    def result(self, name: str) -> AppResult:
        """What the harness makes of it."""
        assert self.lines[name] == f"EDGEKD_DONE {self.run_id(name)}"
        return checked(self.path(name).read_bytes(), self.run_id(name))


def checked(data: bytes, run_id: str) -> AppResult:
    """A result that is one by the schema and for the harness."""
    VALIDATOR.validate(json.loads(data))
    return parse_result(data, run_id)


def write_files(files: Path) -> Path:
    """The app's folder of files: models of the program's own runtime, and golden samples."""
    files.mkdir(exist_ok=True)
    for name, lines in MODELS.items():
        (files / name).write_text(f"sum-model\n{lines}")
    (files / "truncated").write_text("sum-mo")
    save_file({"input_0": SAMPLES}, files / "golden", metadata={"input_0.shape": "1,4"})
    ids = np.arange(10).reshape(5, 2)
    save_file({"input_0": SAMPLES, "input_1": ids}, files / "golden-two")
    save_file({"input_0": np.zeros((3, 5), np.float32)}, files / "wide")
    save_file({"input_0": SAMPLES.astype(np.float64)}, files / "double")
    save_file({"input_0": np.full((1, 4), np.nan, np.float32)}, files / "nan")
    save_file({"inputs": SAMPLES}, files / "named")
    (files / "cut").write_bytes((files / "golden").read_bytes()[:-1])
    return files


def write_bundle(folder: Path) -> None:
    """A bundle whose model takes quantized samples."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("sum-model\ninput=int8 1,4")
    save_file({"inputs": SAMPLES, "outputs": SAMPLES}, folder / "golden.safetensors")
    record = bundle_record(
        inputs=[QUANTIZED.model_dump() | {"layout": "NC"}],
        sha256=sha256_of(folder / "model.onnx"),
        bytes=(folder / "model.onnx").stat().st_size,
        golden_sha256=sha256_of(folder / "golden.safetensors"),
    )
    (folder / "bundle.json").write_text(json.dumps(record))
