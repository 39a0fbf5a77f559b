"""The benchmark app as the phone runs it, and how it errs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.devices.adb.peer.state import Log, PhoneState
from tests.devices.adb.peer.tree import Tree

ACTIVITY = ".BenchmarkActivity"
TAG = "edgekd"
RESULTS = "edgekd-bench/results"
Extra = str | int | float | bool


class Stopped(Exception):
    """The app was stopped, or died."""


@dataclass(frozen=True)
class AppFault:
    """How the app errs in one start.

    Attributes:
        change_result: makes what is written out of what should be; null: nothing is written.
        says_done: whether it writes its last log line.
        midway: what happens to the phone in the middle of the work.
        crashes: it ends in the middle of the work.
        hangs: it never ends by itself.
    """

    change_result: Callable[[bytes], bytes | None] = lambda result: result
    says_done: bool = True
    midway: Callable[[PhoneState], None] = lambda state: None
    crashes: bool = False
    hangs: bool = False


def truncated() -> AppFault:
    """The result is cut in the middle."""
    return AppFault(change_result=lambda result: result[: len(result) // 2])


def other_run_id(run_id: str = "0" * 32) -> AppFault:
    """The result is that of another run."""
    return changed_field("run_id", run_id)


def changed_field(name: str, value: object) -> AppFault:
    """One field of the result is something else."""
    return AppFault(
        change_result=lambda result: json.dumps({**json.loads(result), name: value}).encode()
    )


def oversized(size: int) -> AppFault:
    """The result is followed by spaces, up to this size in bytes."""
    return AppFault(change_result=lambda result: result.ljust(size))


def no_log_line() -> AppFault:
    """The result is there, but the app never says so."""
    return AppFault(says_done=False)


def no_result() -> AppFault:
    """The app says that it is done, and has written nothing."""
    return AppFault(change_result=lambda result: None)


def midway(change: Callable[[PhoneState], None]) -> AppFault:
    """The phone's state changes in the middle of the repetition."""
    return AppFault(midway=change)


def crashes() -> AppFault:
    """The app dies without a result."""
    return AppFault(crashes=True)


def hangs() -> AppFault:
    """The app never comes to an end."""
    return AppFault(hangs=True)


@dataclass
class Launch:
    """One start of the app, as the benchmark function sees it.

    Attributes:
        package: of the app.
        extras: of the intent.
        files: this machine's path of the app's files folder.
        state: of the phone.
    """

    package: str
    extras: dict[str, Extra]
    files: Path
    state: PhoneState
    _tree: Tree
    _log: Log
    _fault: AppFault
    _stop: threading.Event = field(default_factory=threading.Event)
    _half_done: bool = False

    def text(self, name: str) -> str:
        return str(self.extras.get(name, ""))

    def number(self, name: str) -> int:
        return int(self.extras.get(name, 0))

    def midway(self) -> None:
        """The benchmark is in the middle of its work; what should happen then, happens.

        Raises:
            Stopped: the app goes no further.
        """
        if self._half_done:
            return
        self._half_done = True
        self._fault.midway(self.state)
        if self._fault.hangs:
            self._stop.wait()
        if self._fault.crashes:
            self._log.write("AndroidRuntime", f"FATAL EXCEPTION: main, {self.package}")
            raise Stopped

    def finish(self, result: bytes) -> None:
        """Write the result by a temporary name, then the last log line."""
        self.midway()
        data = self._fault.change_result(result)
        if self._stop.is_set():
            raise Stopped
        run_id = self.text("run_id")
        if data is not None:
            target = self.files / RESULTS / f"{run_id}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.tmp")
            with temporary.open("wb", buffering=0) as stream:
                self._tree.write(stream, data)
            temporary.replace(target)
        if self._fault.says_done:
            self.log(f"EDGEKD_DONE {run_id}")

    def log(self, line: str) -> None:
        """Write a line to the phone's log."""
        self._log.write(TAG, line)

    def stop(self) -> None:
        self._stop.set()


Benchmark = Callable[[Launch], None]


class Application:
    """Starts the benchmark function in a thread, as a phone starts a process.

    Attributes:
        faults: of the nth start, counted from 0.
        launches: of all starts so far, in order.
        running: package that runs now.
    """

    def __init__(self, tree: Tree, state: PhoneState, log: Log, benchmark: Benchmark) -> None:
        self._tree, self._state, self._log = tree, state, log
        self.benchmark = benchmark
        self.faults: dict[int, AppFault] = {}
        self.launches: list[Launch] = []
        self.problems: list[Exception] = []
        self.running: str | None = None
        self._thread: threading.Thread | None = None

    def start(self, package: str, extras: dict[str, Extra]) -> None:
        fault = self.faults.get(len(self.launches), AppFault())
        files = self._tree.host(f"/data/data/{package}/files")
        launch = Launch(package, extras, files, self._state, self._tree, self._log, fault)
        self.launches.append(launch)
        self.running = package
        self._thread = threading.Thread(target=self._run, args=(launch,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the start that runs, if one does, has come to its end."""
        if self._thread:
            self._thread.join()

    def stop(self, package: str | None = None) -> None:
        """Stop this app, or whichever runs, and wait until it has."""
        if self._thread and package in (None, self.launches[-1].package):
            self.launches[-1].stop()
            self._thread.join()
            self._thread = None

    def _run(self, launch: Launch) -> None:
        try:
            with suppress(Stopped):
                self.benchmark(launch)
        except Exception as error:
            # As on a phone: the app dies with a log line; the fixture tells the test.
            self._log.write("AndroidRuntime", f"FATAL EXCEPTION: main, {error!r}")
            self.problems.append(error)
        finally:
            self.running = None
