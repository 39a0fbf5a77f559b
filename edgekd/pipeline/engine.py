"""Runs stages in the order of their needs, several at once, redoing only what changed."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Protocol, TypeAlias

from edgekd.errors import EdgekdError, RunFailed
from edgekd.pipeline.manifest import RunFolder
from edgekd.pipeline.stage import Stage, StageContext, perform
from edgekd.processes import die_with_parent

ProgressQueue: TypeAlias = "Queue[tuple[str, int, int]]"


class Reporter(Protocol):
    """Is told what happens; the command line draws it."""

    def started(self, stage: str) -> None:
        """A stage begins."""

    def advanced(self, stage: str, done: int, total: int) -> None:
        """A stage is part done."""

    def finished(self, stage: str, seconds: float) -> None:
        """A stage is done and its files are in place."""

    def reused(self, stage: str) -> None:
        """A stage was done before and nothing it reads has changed."""

    def notice(self, text: str) -> None:
        """Something a user should know."""


@dataclass
class _Running:
    stage: Stage
    key: str
    started: float


@dataclass
class Engine:
    """Runs stages into a run folder.

    Attributes:
        folder: open run folder.
        reporter: is told what happens.
        jobs: worker processes; each computes with as many threads as its stage says, so that a
            result does not depend on how many there are. A stage of several threads counts as so
            many jobs, and runs by itself where there are fewer.
    """

    folder: RunFolder
    reporter: Reporter
    jobs: int
    _running: dict[Future[None], _Running] = field(default_factory=dict)
    _error: BaseException | None = None

    def run(self, stages: Sequence[Stage]) -> None:
        """Run all stages; what is finished stays finished if one of them fails.

        Raises:
            EdgekdError: of the first stage that failed.
        """
        pending = {stage.name: stage for stage in stages}
        finished: set[str] = set()
        with _Workers(self.jobs, self.reporter) as workers:
            while (pending and not self._error) or self._running:
                if not self._error:
                    self._start_ready(pending, finished, workers)
                if not self._running and pending and not self._error:
                    raise AssertionError(f"stages wait for each other: {sorted(pending)}")
                if self._running:
                    done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._collect(future, finished)
        if self._error:
            raise self._error

    def _start_ready(
        self, pending: dict[str, Stage], finished: set[str], workers: _Workers
    ) -> None:
        progressed = True
        while progressed:
            progressed = False
            ready = [s for s in pending.values() if finished.issuperset((*s.needs, *s.after))]
            for stage in sorted(ready, key=lambda s: s.alone):
                key = stage.key(self.folder.outputs_of)
                if self.folder.holds(stage.name, key):
                    self.reporter.reused(stage.name)
                    finished.add(stage.name)
                    progressed = True
                elif self._may_start(stage):
                    self._start(stage, key, workers)
                else:
                    continue
                del pending[stage.name]
            self._pass_on_notices()

    def _may_start(self, stage: Stage) -> bool:
        if any(running.stage.alone for running in self._running.values()):
            return False
        if stage.alone or not self._running:
            return not self._running
        busy = sum(running.stage.threads for running in self._running.values())
        return busy + stage.threads <= self.jobs

    def _start(self, stage: Stage, key: str, workers: _Workers) -> None:
        self.reporter.started(stage.name)
        out = self.folder.scratch(stage.name)
        future = workers.submit(stage, self.folder.path, out)
        self._running[future] = _Running(stage, key, time.monotonic())

    def _collect(self, future: Future[None], finished: set[str]) -> None:
        running = self._running.pop(future)
        name = running.stage.name
        try:
            future.result()
            seconds = time.monotonic() - running.started
            self.folder.publish(name, running.key, seconds)
        except BrokenProcessPool as error:
            self._fail(
                RunFailed("its process was killed", where=name, mend="out of memory?"), error
            )
        except OSError as error:
            self._fail(RunFailed(f"cannot be written: {error.strerror}", where=name), error)
        except EdgekdError as error:
            self._fail(error, error)
        else:
            self.reporter.finished(name, seconds)
            finished.add(name)

    def _fail(self, error: EdgekdError, cause: BaseException) -> None:
        if self._error is None:
            error.__cause__ = None if cause is error else cause
            self._error = error

    def _pass_on_notices(self) -> None:
        while self.folder.notices:
            self.reporter.notice(self.folder.notices.pop(0))


class _Workers:
    """A pool of processes, made when the first stage needs one."""

    def __init__(self, jobs: int, reporter: Reporter) -> None:
        self._jobs = jobs
        self._reporter = reporter
        self._pool: ProcessPoolExecutor | None = None
        self._progress: ProgressQueue | None = None
        self._stop = threading.Event()

    def __enter__(self) -> _Workers:
        return self

    def submit(self, stage: Stage, run: Path, out: Path) -> Future[None]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._progress = context.Queue()
            self._pool = ProcessPoolExecutor(
                self._jobs,
                context,
                initializer=_start_worker,
                initargs=(self._progress, os.getpid()),
            )
            threading.Thread(target=self._forward_progress, daemon=True).start()
        return self._pool.submit(_work, stage, run, out)

    def _forward_progress(self) -> None:
        assert self._progress is not None
        while not self._stop.is_set():
            try:
                self._reporter.advanced(*self._progress.get(timeout=0.2))
            except queue.Empty:
                continue

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stop.set()
        if self._pool is None:
            return
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


_progress_queue: ProgressQueue | None = None
# How libraries that write files themselves word it.
_DISK_FULL = os.strerror(errno.ENOSPC)


def _start_worker(progress: ProgressQueue, parent: int) -> None:
    global _progress_queue
    die_with_parent(parent)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    _progress_queue = progress
    # A traced network makes millions of objects that stay; Python's own limit is 700.
    gc.set_threshold(100_000, 20, 50)


def _work(stage: Stage, run: Path, out: Path) -> None:
    assert _progress_queue is not None
    channel = _progress_queue
    context = StageContext(
        run=run,
        out=out,
        parameters=stage.parameters,
        locations=stage.locations,
        progress=lambda done, total: channel.put((stage.name, done, total)),
        aliases=stage.aliases,
    )
    with _computing_threads(stage.threads):
        call_action(stage, context)


@contextmanager
def _computing_threads(threads: int) -> Iterator[None]:
    if threads == 1:
        yield
        return
    import torch

    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(1)


def call_action(stage: Stage, context: StageContext) -> None:
    """Call a stage's action; whatever goes wrong becomes one line that names the stage.

    Raises:
        EdgekdError: always of this kind, with the original as its cause.
    """
    try:
        perform(stage.action, context)
    except EdgekdError as error:
        error.where = error.where or stage.name
        raise
    except MemoryError as error:
        raise RunFailed("out of memory", where=stage.name) from error
    except Exception as error:
        text = (str(error).strip() or "no message").splitlines()[0]
        if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or _DISK_FULL in text:
            raise RunFailed(
                "no space left on the disk", where=stage.name, mend="free some and run again"
            ) from error
        raise RunFailed(
            f"{type(error).__name__}: {text[:300]}", where=stage.name, mend="--debug shows more"
        ) from error
