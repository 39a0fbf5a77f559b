"""A generated C library on a phone without any app: a static program, run by ``adb shell``."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.native_build import Program
from edgekd.devices.adb.payloads import write_rows
from edgekd.devices.adb.result import MAX_RESULT_BYTES, AppResult, Engine, parse_result
from edgekd.devices.adb.runner import Launch
from edgekd.devices.adb.staging import STAGING, clear_staging, stage
from edgekd.devices.contract import Array
from edgekd.errors import RunFailed

_PROGRAM = f"{STAGING}/bench"
_INPUTS = "inputs.bin"
_WORLD_MAY_RUN = "755"


@dataclass
class NativeRunner:
    """Runs one program; see :class:`runner.Runner`.

    Attributes:
        adb: the phone.
        program: for it.
        run_seconds: the longest that one start may take.
    """

    adb: Adb
    program: Program
    run_seconds: float
    engine: Engine = field(default="c", init=False)
    identity: str = field(init=False)
    _placed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.identity = self.program.image

    def place(self, stored: Sequence[Array]) -> None:
        """See :meth:`runner.Runner.place`."""
        if not self._placed:
            clear_staging(self.adb)
            stage(self.adb, self.program.path, "bench")
            self.adb.run("chmod", _WORLD_MAY_RUN, _PROGRAM)
            self._placed = True
        with tempfile.TemporaryDirectory(prefix="edgekd-adb-") as folder:
            inputs = Path(folder) / _INPUTS
            write_rows(inputs, stored)
            stage(self.adb, inputs, _INPUTS)

    def start(self, launch: Launch) -> AppResult:
        """See :meth:`runner.Runner.start`."""
        words = [_PROGRAM, launch.pass_, launch.run_id]
        words += [str(launch.warmup), str(launch.iterations), f"{STAGING}/{_INPUTS}"]
        answer = self.adb.shell(
            shlex.join(words), seconds=self.run_seconds, most_bytes=MAX_RESULT_BYTES
        )
        if answer.status != 0:
            raise RunFailed(f"the program failed: {answer.complaint}", where=self.adb.serial)
        return parse_result(answer.text.encode(), launch.run_id)

    def remove(self) -> None:
        """See :meth:`runner.Runner.remove`."""
        self.adb.run("rm", "-rf", STAGING)
