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
result as well.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.payloads import write_golden
from edgekd.devices.adb.problems import ApplicationMissing, CommandFailed, TimeLimit, shown
from edgekd.devices.adb.result import MAX_RESULT_BYTES, AppResult, Engine, parse_result
from edgekd.devices.adb.runner import Launch
from edgekd.devices.adb.staging import STAGING, check_hash, clear_staging, stage
from edgekd.devices.contract import Array, TensorInfo
from edgekd.errors import RunFailed
from edgekd.files import sha256_of

ACTIVITY = ".BenchmarkActivity"
# Inside the app's folder of files.
FOLDER = "edgekd-bench"
GOLDEN = "golden.safetensors"
_RESULTS = f"files/{FOLDER}/results"


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
    def _model(self) -> str:
        return f"model{self.artifact.suffix}"

    def place(self, stored: Sequence[Array]) -> None:
        """See :meth:`runner.Runner.place`."""
        if not self._placed:
            self._open_folder()
            clear_staging(self.adb)
            self._deliver(self.artifact, self._model)
            self._placed = True
        with tempfile.TemporaryDirectory(prefix="edgekd-adb-") as folder:
            golden = Path(folder) / GOLDEN
            write_golden(golden, self.inputs, stored)
            self._deliver(golden, GOLDEN)

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
            self._as_app("rm", "-rf", f"files/{FOLDER}")

    def _open_folder(self) -> None:
        try:
            self._as_app("rm", "-rf", f"files/{FOLDER}")
            self._opened = True
            self._as_app("mkdir", "-p", _RESULTS)
        except CommandFailed as error:
            raise ApplicationMissing(
                f"the app {self.package} cannot be used: {error.what}",
                where=self.adb.serial,
                mend="install its debuggable build; see android-demo",
            ) from error

    def _as_app(self, *words: str) -> str:
        return self.adb.run("run-as", self.package, *words)

    def _deliver(self, local: Path, name: str) -> None:
        staged = stage(self.adb, local, name, copies=2)
        inside = f"files/{FOLDER}/{name}"
        self._as_app("cp", staged, inside)
        self.adb.run("rm", "-f", staged)
        check_hash(self.adb, ["run-as", self.package, "sha256sum", inside], local)

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
        line = f"EDGEKD_DONE {run_id}"
        # Blocks on the phone: to ask again and again would take time from the model.
        log = shlex.join(["logcat", "-v", "raw", "-m", "1", "-e", f"^{line}$"])
        waited = 0.0
        while True:
            seconds = min(self.patience_seconds, self.run_seconds - waited)
            done = self._logged(log, line, seconds)
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

    def _logged(self, log: str, line: str, seconds: float) -> bool:
        try:
            answer = self.adb.shell(log, seconds=seconds)
        except TimeLimit:
            return False
        if line not in (one.strip() for one in answer.text.splitlines()):
            raise RunFailed(f"the phone's log cannot be read: {answer.complaint}")
        return True

    def _read(self, run_id: str) -> bytes | None:
        path = f"{_RESULTS}/{run_id}.json"
        if self.adb.shell(f"run-as {self.package} ls {path}").status != 0:
            return None
        words = ("run-as", self.package, "cat", path)
        return self.adb.exec_out(*words, most_bytes=MAX_RESULT_BYTES)
