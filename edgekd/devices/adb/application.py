"""The benchmark Activity of the app, driven from here.

Model and inputs go to ``/data/local/tmp`` and from there, by ``run-as``, into the app's own
folder. ``run-as`` needs no root, but a debuggable build of the app.

The app is started by ``am start -W -S -n PACKAGE/.BenchmarkActivity`` with these extras:

- ``run_id``: 32 hexadecimal digits, new for each start;
- ``pass``: ``latency`` times single inferences and goes round the samples; ``memory`` reads the
  process's memory after the same without timing; ``outputs`` runs each sample once;
- ``model`` and ``golden``: paths below the app's folder of files. ``golden`` is a safetensors file
  with ``input_0``, ``input_1``, … ``[samples, *shape]`` in the dtypes that the model stores, a
  leading batch of one left out of the shape. Its ``__metadata__`` holds ``input_0.shape``:
  ``1,1,28,28``, the shape with that batch, as not every runtime tells it;
- ``sha256``: of the model; the app loads no other file (reason ``hash``);
- ``engine``, and as numbers ``threads``, ``warmup`` and ``iterations``;
- ``delegate``, only where the target names one: what the engine is asked for. ONNX Runtime: ``cpu``
  (its default), ``xnnpack``, ``nnapi``; LiteRT: ``xnnpack`` (its default), ``cpu``, ``gpu``;
  ExecuTorch: none, the exporter decided. A name that the engine does not have is the reason
  ``request``, one that this phone cannot set up is ``engine``. The result's ``engine.delegate``
  repeats the name only where the runtime really uses it (see :class:`result.EngineUsed`): figures
  of another delegate than the one that was asked for are refused here as a silent fallback.

It writes one JSON object of ``result.schema.json`` to ``edgekd-bench/results/RUN_ID.json`` under
another name first, renames it, and then logs one line, ``EDGEKD_DONE RUN_ID``. An error is such a
result as well. Where it can write none, the line is ``EDGEKD_FAILED RUN_ID why``.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.devices.adb.app_folder import AppFolder
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.payloads import write_golden
from edgekd.devices.adb.problems import TimeLimit, shown
from edgekd.devices.adb.result import MAX_RESULT_BYTES, AppResult, Engine, parse_result
from edgekd.devices.adb.runner import Launch
from edgekd.devices.adb.staging import STAGING, clear_staging
from edgekd.devices.contract import Array, TensorInfo
from edgekd.errors import RunFailed
from edgekd.files import sha256_of

ACTIVITY = ".BenchmarkActivity"
# Inside the app's folder of files.
FOLDER = "edgekd-bench"
GOLDEN = "golden.safetensors"
_RESULTS = f"files/{FOLDER}/results"


def _last_line(run_id: str) -> str:
    """How the line begins that the app logs at its end, as a regular expression."""
    return rf"^EDGEKD_(DONE|FAILED) {run_id}\b"


@dataclass
class ApplicationRunner:
    """Runs one artifact with one engine of the app; see :class:`runner.Runner`.

    Attributes:
        adb: the phone.
        package: of the app.
        engine: of the app.
        artifact: the file here.
        inputs: of the artifact.
        run_seconds: the longest that one start may take.
        patience_seconds: how long the log is waited for before the app is looked after.
    """

    adb: Adb
    package: str
    engine: Engine
    artifact: Path
    inputs: Sequence[TensorInfo]
    run_seconds: float
    patience_seconds: float
    identity: str = field(init=False)
    _opened: bool = field(default=False, init=False)
    _placed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.identity = sha256_of(self.artifact)

    @property
    def _app(self) -> AppFolder:
        return AppFolder(self.adb, self.package)

    @property
    def _model(self) -> str:
        return f"model{self.artifact.suffix}"

    def place(self, stored: Sequence[Array]) -> None:
        """See :meth:`runner.Runner.place`."""
        if not self._placed:
            self._app.clear(f"files/{FOLDER}")
            self._opened = True
            self._app.run("mkdir", "-p", _RESULTS)
            clear_staging(self.adb)
            self._app.deliver(self.artifact, f"files/{FOLDER}/{self._model}")
            self._placed = True
        with tempfile.TemporaryDirectory(prefix="edgekd-adb-") as folder:
            golden = Path(folder) / GOLDEN
            write_golden(golden, self.inputs, stored)
            self._app.deliver(golden, f"files/{FOLDER}/{GOLDEN}")

    def start(self, launch: Launch) -> AppResult:
        """See :meth:`runner.Runner.start`."""
        answer = self.adb.shell(self._intent(launch), seconds=self.adb.call_seconds + 30)
        # A missing Activity is told on standard output or error, with status 0 before Android 12.
        told = f"{answer.text} {answer.stderr}"
        if answer.status != 0 or "Error" in told or "Exception" in told:
            told = told[told.find("Error") :] if "Error" in told else told
            raise RunFailed(f"the app does not start: {shown(told)}", where=self.adb.serial)
        return self._wait(launch.run_id)

    def remove(self) -> None:
        """See :meth:`runner.Runner.remove`."""
        self.adb.run("am", "force-stop", self.package)
        self.adb.run("rm", "-rf", STAGING)
        if self._opened:
            self._app.run("rm", "-rf", f"files/{FOLDER}")

    def _intent(self, launch: Launch) -> str:
        texts = {
            "run_id": launch.run_id,
            "pass": launch.pass_,
            "model": f"{FOLDER}/{self._model}",
            "engine": self.engine,
            "golden": f"{FOLDER}/{GOLDEN}",
            "sha256": self.identity,
        }
        if launch.delegate is not None:
            texts["delegate"] = launch.delegate
        numbers = {
            "threads": launch.threads,
            "warmup": launch.warmup,
            "iterations": launch.iterations,
        }
        words = ["am", "start", "-W", "-S", "-n", f"{self.package}/{ACTIVITY}"]
        words += [word for name, text in texts.items() for word in ("--es", name, text)]
        words += [word for name, number in numbers.items() for word in ("--ei", name, str(number))]
        return shlex.join(words)

    def _wait(self, run_id: str) -> AppResult:
        """The result, once its line is in the log; or without it, where the log lost that line."""
        # Blocks on the phone: to ask again and again would take time from the model.
        log = shlex.join(["logcat", "-v", "raw", "-m", "1", "-e", _last_line(run_id)])
        waited = 0.0
        while True:
            seconds = min(self.patience_seconds, self.run_seconds - waited)
            done = self._logged(log, run_id, seconds)
            waited += seconds
            data = self._read(run_id)
            if data is not None:
                return parse_result(data, run_id)
            if done:
                raise RunFailed("the app says it is done, but left no result")
            if not self.adb.shell(f"pidof {self.package}").text.strip():
                raise RunFailed("the app ended without a result", mend="see adb logcat")
            if waited >= self.run_seconds:
                raise TimeLimit(f"the app did not end within {self.run_seconds:g} s")

    def _logged(self, log: str, run_id: str, seconds: float) -> bool:
        try:
            answer = self.adb.shell(log, seconds=seconds)
        except TimeLimit:
            return False
        found = re.search(_last_line(run_id), answer.text, re.MULTILINE)
        if found is None:
            raise RunFailed(f"the phone's log cannot be read: {answer.complaint}")
        if found[1] == "FAILED":
            why = answer.text[found.end() :].partition("\n")[0]
            raise RunFailed(f"the app cannot write its result: {shown(why)}")
        return True

    def _read(self, run_id: str) -> bytes | None:
        path = f"{_RESULTS}/{run_id}.json"
        if self.adb.shell(f"run-as {self.package} ls {path}").status != 0:
            return None
        words = ("run-as", self.package, "cat", path)
        return self.adb.exec_out(*words, most_bytes=MAX_RESULT_BYTES)
