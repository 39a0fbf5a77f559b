"""The same ladder under ``accelerate launch``: every process trains, the first does the rest.

``accelerate launch --num_processes 2 -m edgekd run mnist``. Stages run one after another; at each,
the first process decides whether it is needed and tells the others.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from edgekd.errors import EdgekdError, RunFailed
from edgekd.pipeline.engine import Reporter, call_action
from edgekd.pipeline.manifest import Manifest, RunFolder, open_run_folder
from edgekd.pipeline.stage import Stage, StageContext

Result = TypeVar("Result")


def launched_processes() -> int:
    """How many processes a launcher started for this run; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class DistributedEngine:
    """Runs stages in every process of a launch.

    Args:
        path: run folder, on a file system that all processes see.
        fresh: manifest of this run.
        reporter: is told what happens, in the first process only.
    """

    def __init__(self, path: Path, fresh: Manifest, reporter: Reporter) -> None:
        from accelerate import PartialState

        self._path = path
        self._fresh = fresh
        self._reporter = reporter
        # The others wait while the first exports and measures, however long that takes.
        self._state = PartialState(cpu=not _has_accelerator(), timeout=timedelta(days=7))

    def run(self, stages: Sequence[Stage], finish: Callable[[RunFolder], Result]) -> Result:
        """Run the stages; ``finish`` is called in the first process, its result in the others too.

        Raises:
            EdgekdError: a stage failed, in this process or in the first.
        """
        if not self._state.is_main_process:
            self._follow()
            raise SystemExit(0)
        with open_run_folder(self._path, self._fresh) as folder:
            try:
                for stage in stages:
                    self._lead(stage, folder)
                result = finish(folder)
            finally:
                self._tell(None)
            return result

    def _lead(self, stage: Stage, folder: RunFolder) -> None:
        key = stage.key(folder.outputs_of)
        if folder.holds(stage.name, key):
            self._reporter.reused(stage.name)
            return
        self._reporter.started(stage.name)
        began = time.monotonic()
        out = folder.scratch(stage.name)
        if stage.distributed:
            self._tell(stage)
        call_action(stage, self._context(stage, out))
        folder.publish(stage.name, key, time.monotonic() - began)
        self._reporter.finished(stage.name, time.monotonic() - began)

    def _follow(self) -> None:
        """Take part in each training that the first process announces, until it says stop."""
        while (stage := self._tell(None)) is not None:
            with tempfile.TemporaryDirectory() as scratch:
                try:
                    call_action(stage, self._context(stage, Path(scratch)))
                except EdgekdError as error:
                    raise RunFailed(
                        str(error), where=f"process {self._state.process_index}"
                    ) from error

    def _tell(self, stage: Stage | None) -> Stage | None:
        """Broadcast the next stage from the first process to all."""
        from accelerate.utils import broadcast_object_list

        message = [stage]
        broadcast_object_list(message)
        return message[0]

    def _context(self, stage: Stage, out: Path) -> StageContext:
        def progress(done: int, total: int) -> None:
            if self._state.is_main_process:
                self._reporter.advanced(stage.name, done, total)

        return StageContext(
            self._path, out, stage.parameters, stage.locations, progress, stage.aliases
        )


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available()
