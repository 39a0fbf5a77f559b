"""A real phone over adb as a device: what its app, or a program of its own, measured on it.

Latency comes from repetitions, each a fresh start, checked before and after for heat, battery and
screen; memory from a start of its own; outputs from another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from edgekd.devices.adb.application import ApplicationRunner
from edgekd.devices.adb.attempts import attempt
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.figures import figures_of
from edgekd.devices.adb.journal import open_journal
from edgekd.devices.adb.native import NativeRunner
from edgekd.devices.adb.native_build import build_program
from edgekd.devices.adb.payloads import batches, read_outputs
from edgekd.devices.adb.repetitions import Repetitions
from edgekd.devices.adb.result import Engine
from edgekd.devices.adb.runner import Launch, Runner, started
from edgekd.devices.adb.session import Session, android_of, open_session, removed_after
from edgekd.devices.contract import Array, Figures, Signature
from edgekd.devices.host import HostDevice
from edgekd.devices.tensors import random_inputs, stored_inputs
from edgekd.errors import BadInput, RunFailed
from edgekd.files import digest
from edgekd.target import Target

CALL_SECONDS = 30.0
RUN_SECONDS = 900.0
PATIENCE_SECONDS = 15.0
# A few different inputs, so that no branch predictor or cache learns one by heart.
LATENCY_SAMPLES = 8
# The file that a C library was generated from lies beside it.
_SOURCE_MODEL = "model.tflite"


@dataclass(frozen=True)
class AdbDevice:
    """Runs artifacts on a phone; see :class:`edgekd.devices.contract.Device`.

    An artifact of the format ``c`` is run by a static program, any other by the benchmark app.

    Attributes:
        call_seconds: the longest that a short command may take.
        run_seconds: the longest that one start of the model may take.
        patience_seconds: how long the app's log is waited for before the app is looked after.
        resume: go on from the journal of a measurement that was cut short. A run folder always
            does, as it does with all its stages.
        sleep: waits so many seconds.
    """

    call_seconds: float = CALL_SECONDS
    run_seconds: float = RUN_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    resume: bool = True
    sleep: Callable[[float], None] = time.sleep

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Read the file with the same runtime on this machine; see :meth:`Device.describe`."""
        if target.format != "c":
            return HostDevice().describe(artifact, target)
        litert = target.model_copy(update={"runtime": "litert"})
        return HostDevice().describe(artifact.with_name(_SOURCE_MODEL), litert)

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """Run every sample on the phone; see :meth:`contract.Device.run_outputs`."""
        signature = self.describe(artifact, target)
        parts = batches(signature, stored_inputs(signature.inputs, inputs))
        problems: list[str] = []
        found: list[list[Array]] = []
        try:
            with self._session(target, problems) as session:
                adb = session.adb
                runner = self._runner(adb, artifact, target, signature)
                with removed_after(runner, adb, self.sleep, problems):
                    for part in parts:
                        work = partial(_outputs, runner, part, signature, target)
                        found.append(attempt(work, adb, self.sleep))
        except RunFailed as error:
            problems.insert(0, str(error))
            raise RunFailed("; ".join(problems)) from error
        if problems:
            raise RunFailed("; ".join(problems))
        return [np.concatenate(tensors) for tensors in zip(*found, strict=True)]

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Time and memory, as the phone measured them; see :meth:`contract.Device.measure`."""
        signature = self.describe(artifact, target)
        samples = inputs or random_inputs(signature.inputs, LATENCY_SAMPLES, seed=0)
        stored = stored_inputs(signature.inputs, [array[:LATENCY_SAMPLES] for array in samples])
        problems: list[str] = []
        try:
            with self._session(target, problems) as session:
                taken = self._take(session, artifact, target, signature, stored, problems)
        except RunFailed as error:
            return Figures(reasons=[str(error), *problems])
        figures = figures_of(taken, artifact, target, session, problems)
        if taken.complete() and not problems:
            taken.journal.remove()
        return figures

    def _session(self, target: Target, problems: list[str]) -> AbstractContextManager[Session]:
        return open_session(android_of(target), self.call_seconds, self.sleep, problems)

    def _take(
        self,
        session: Session,
        artifact: Path,
        target: Target,
        signature: Signature,
        stored: Sequence[Array],
        problems: list[str],
    ) -> Repetitions:
        runner = self._runner(session.adb, artifact, target, signature)
        key = digest(
            {
                "artifact": runner.identity,
                "target": target.model_dump(mode="json"),
                "serial": session.adb.serial,
                "build": session.identity.build,
                "inputs": [digest(array.tolist()) for array in stored],
            }
        )
        taken = Repetitions(
            session.adb,
            runner,
            android_of(target),
            target.threads,
            open_journal(key, resume=self.resume),
            self.sleep,
        )
        if taken.complete():
            return taken
        with removed_after(runner, session.adb, self.sleep, problems):
            try:
                attempt(partial(runner.place, stored), session.adb, self.sleep)
            except RunFailed as error:
                taken.failures.append(str(error))
                return taken
            taken.take_timed()
            taken.take_memory()
        return taken

    def _runner(self, adb: Adb, artifact: Path, target: Target, signature: Signature) -> Runner:
        if target.format == "c":
            if artifact.name != "model.c":
                raise BadInput("is not the model.c of a C library", where=str(artifact))
            return NativeRunner(adb, build_program(artifact.parent, target), self.run_seconds)
        application = android_of(target).application
        if application is None:
            raise BadInput(
                "no app is named that could run it", where=f"{target.name}: android.application"
            )
        return ApplicationRunner(
            adb,
            application,
            cast("Engine", target.runtime),
            artifact,
            signature.inputs,
            self.run_seconds,
            self.patience_seconds,
        )


def _outputs(
    runner: Runner, part: Sequence[Array], signature: Signature, target: Target
) -> list[Array]:
    runner.place(part)
    # Nothing is timed: each sample runs once.
    delegate = android_of(target).delegate
    launch = Launch("outputs", target.threads, warmup=0, iterations=0, delegate=delegate)
    result = started(runner, launch)
    return read_outputs(result, signature, len(part[0]))
