"""The whole way: ``edgekd bench``, the real adb client, and the app's own code for an answer.

Behind the client is the stand-in for a phone. Where a phone would start the app, it starts the
app's benchmark on this machine's JVM, with Android's own runtimes: one process for each start.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgekd.devices.adb.application import GOLDEN, ApplicationRunner
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.devices.adb.result import Engine
from edgekd.devices.adb.runner import Launch, started
from edgekd.devices.contract import TensorInfo
from edgekd.errors import RunFailed
from edgekd.export.contract import Exporter, ExportRequest
from edgekd.files import sha256_of
from edgekd.records import Measurement
from tests.android.exported_digits import exported_digits
from tests.android.host_runtime import (
    fbjni_jar,
    litert_jar,
    native_libraries,
    programs_jar,
    run_benchmark,
)
from tests.conftest import ROOT
from tests.devices.adb.peer import Phone, PhoneState
from tests.devices.adb.peer.application import Launch as Start
from tests.devices.adb.peer.client import call_adb, connect
from tests.devices.adb.peer.server import private_server
from tests.devices.adb.peer.state import Package

PACKAGE = "dev.edgekd.demo"
FOLDER = "edgekd-bench"
SHAPE = (1, 28, 28)
# Of the shipped targets, which take three repetitions.
ITERATIONS, WARMUP = 1000, 50
ENGINES: dict[str, Engine] = {"onnx": "onnx", "pte": "executorch", "tflite": "litert"}
Tamper = Callable[[Start], None]


@dataclass
class App:
    """The app's benchmark as the stand-in starts it.

    Attributes:
        tamper: what happens to a start before the app sees it.
        said: what it logged, a line for each start.
    """

    tamper: Tamper

    def __post_init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, start: Start) -> None:
        self.tamper(start)
        extras = {
            name: value for name, value in start.extras.items() if isinstance(value, str | int)
        }
        self.said.append(run_benchmark(extras, start.files))
        start.log(self.said[-1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server of adb, and all that the app's start needs, compiled."""
    native_libraries(), programs_jar(), fbjni_jar(), litert_jar()
    with private_server(tmp_path_factory.mktemp("adb")) as environment:
        yield environment


@pytest.fixture
def app() -> App:
    return App(_as_asked)


@pytest.fixture
def phone(
    server: dict[str, str], app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Phone]:
    """A phone with the app, connected."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    state = PhoneState(packages={PACKAGE: Package()})
    phone = Phone(tmp_path / "phone", state=state, benchmark=app)
    connect(phone)
    yield phone
    call_adb("disconnect")
    phone.stop()
    assert not phone.not_understood
    assert not phone.application.problems


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """One small classifier of digits, exported as edgekd exports: ``onnx`` or ``pte``.

    ``tflite`` takes long: it comes from a run, for int8 inputs of 8 x 8 pixels.
    """
    from tests.export.networks import SHAPES, network

    made: dict[str, Path] = {}

    def export(ending: str) -> Path:
        if ending == "tflite" and ending not in made:
            model = exported_digits() / "artifacts/host-litert/distilled-int8/model.tflite"
            made[ending] = tmp_path_factory.mktemp(ending) / "digits.tflite"
            shutil.copyfile(model, made[ending])
        if ending not in made:
            assert SHAPES["28x28"] == SHAPE
            folder = tmp_path_factory.mktemp(ending)
            request = ExportRequest(network("28x28"), SHAPE, "fp32", folder)
            made[ending] = (
                _exporter(ending).export(request).path.rename(folder / f"digits.{ending}")
            )
        return made[ending]

    return export


def _exporter(ending: str) -> Exporter:
    from edgekd.export.executorch import ExecutorchExporter
    from edgekd.export.onnx import OnnxExporter

    return OnnxExporter() if ending == "onnx" else ExecutorchExporter()


@pytest.mark.parametrize(
    ("ending", "runtime", "asked", "told_version", "used"),
    [
        ("onnx", "onnx", "delegate: xnnpack", "1.29.0", "xnnpack"),
        ("pte", "executorch", "", None, "XnnpackBackend"),
        ("tflite", "litert", "", version("ai-edge-litert"), "xnnpack"),
    ],
)
def test_bench_gives_the_record_of_what_the_app_did(
    phone: Phone,
    app: App,
    digits: Callable[[str], Path],
    tmp_path: Path,
    ending: Literal["onnx", "pte", "tflite"],
    runtime: str,
    asked: str,
    told_version: str | None,
    used: str,
) -> None:
    model, target = digits(ending), f"android-arm64-{runtime}"
    before = phone.state.left_set()
    done = _bench(model, target, asked, tmp_path)
    assert done.returncode == 0, done.stderr
    [record] = json.loads(done.stdout)["measurements"]
    found = Measurement.model_validate(record)

    passes = [start.text("pass") for start in phone.application.launches]
    assert passes == ["outputs", "latency", "memory"]
    run_ids = [start.text("run_id") for start in phone.application.launches]
    assert app.said == [f"EDGEKD_DONE {run_id}" for run_id in run_ids]
    assert phone.state.left_set() == before
    assert not list(phone.path("/data").rglob(f"*{FOLDER}*"))

    # A stand-in's record is never valid, whatever else it says.
    assert not found.valid
    assert STAND_IN_REASON in found.reasons
    assert found.kind == "device"
    facts = found.device_facts
    assert facts is not None
    assert facts.stand_in
    assert (facts.runtime_version, facts.delegate) == (told_version, used)

    assert found.parity is not None
    assert found.parity.against == f"host-{runtime}"
    assert found.parity.max_abs < 1e-4
    assert found.latency_ms is not None
    assert found.latency_ms.n == ITERATIONS
    assert found.latency_ms.warmup == WARMUP
    assert found.latency_ms.p50 > 0
    assert found.load_ms is not None
    assert found.load_ms.cold > 0
    assert found.load_ms.warm
    assert found.memory.pss_bytes
    assert found.memory.peak_rss_bytes
    assert found.memory.ram_bytes is not None
    assert found.memory.model_bytes == model.stat().st_size


def _bench(model: Path, target: str, asked: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """As a user runs it, with the shipped target but for one repetition, and what is asked."""
    shipped = (ROOT / "targets" / f"{target}.yaml").read_text(encoding="utf-8")
    named = f"application: {PACKAGE}"
    assert named in shipped
    settings = ", ".join(part for part in (named, "repetitions: 1", asked) if part)
    own = folder / "targets"
    own.mkdir()
    (own / f"{target}.yaml").write_text(shipped.replace(named, settings), encoding="utf-8")
    # A cache of its own; the pieces that the app is built of lie in that of this process.
    variables = {"XDG_CACHE_HOME": str(folder / "cache"), "EDGEKD_TARGETS": str(own)}
    return subprocess.run(
        [
            *(sys.executable, "-m", "edgekd", "bench", "--json"),
            *("--model", str(model), "--target", target),
        ],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        check=False,
    )


def _as_asked(start: Start) -> None:
    """The phone is as it should be."""


def _other_engine(start: Start) -> None:
    start.extras["engine"] = "tensorrt"


def _cut_short(start: Start) -> None:
    model = start.files / start.text("model")
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])


def _cut_short_unnoticed(start: Start) -> None:
    _cut_short(start)
    start.extras["sha256"] = sha256_of(start.files / start.text("model"))


def _nan_in_golden(start: Start) -> None:
    golden = start.files / start.text("golden")
    tensors = load_file(golden)
    tensors["input_0"][1, 0, 3, 4] = np.nan
    save_file(tensors, golden)


@pytest.mark.parametrize(
    ("ending", "tamper", "delegate", "told"),
    [
        ("onnx", _other_engine, None, "the app says: request: extra engine is 'tensorrt'"),
        ("onnx", _cut_short, None, "the app says: hash: model.onnx has the hash"),
        ("onnx", _cut_short_unnoticed, None, "the app says: model: "),
        ("pte", _cut_short_unnoticed, None, "the app says: model: "),
        ("tflite", _cut_short_unnoticed, None, "the app says: model: "),
        ("pte", _nan_in_golden, None, "the app says: inputs: golden samples: input_0 holds NaN"),
        # This machine has none: nothing else may take its place.
        ("onnx", _as_asked, "nnapi", "the app says: engine: "),
        ("tflite", _as_asked, "gpu", "the app says: engine: "),
        ("pte", _as_asked, "xnnpack", "the app says: request: "),
    ],
)
def test_the_line_of_an_error_gives_the_apps_reason(
    phone: Phone,
    app: App,
    digits: Callable[[str], Path],
    ending: str,
    tamper: Tamper,
    delegate: str | None,
    told: str,
) -> None:
    app.tamper = tamper
    inputs = [TensorInfo(name="x", shape=[1, *SHAPE], dtype="float32")]
    runner = ApplicationRunner(
        Adb(phone.serial),
        PACKAGE,
        ENGINES[ending],
        digits(ending),
        inputs,
        run_seconds=120,
        patience_seconds=15,
    )
    runner.place([np.ones((2, *SHAPE), np.float32)])
    with pytest.raises(RunFailed) as raised:
        started(runner, Launch("outputs", 1, warmup=0, iterations=0, delegate=delegate))
    assert told in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert phone.path(f"/data/data/{PACKAGE}/files/{FOLDER}/{GOLDEN}").exists()
    runner.remove()
