"""Progress: bars on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class PlainReporter:
    """One line when a stage is done."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._done = 0
        self._reused = 0

    def __enter__(self) -> PlainReporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reused:
            of_all = f" of {self._total}" if self._total else ""
            _line(f"{self._reused}{of_all} stages were done before")

    def started(self, stage: str) -> None:
        """Nothing: the line comes when it is done."""

    def advanced(self, stage: str, done: int, total: int) -> None:
        """Nothing: a log is no place for steps."""

    def finished(self, stage: str, seconds: float) -> None:
        """One line."""
        self._done += 1
        of_all = f"/{self._total}" if self._total else ""
        _line(f"[{self._done + self._reused}{of_all}] {stage} {seconds:.1f} s")

    def reused(self, stage: str) -> None:
        """Counted, told at the end."""
        self._reused += 1

    def notice(self, text: str) -> None:
        """One line."""
        _line(text)


class TerminalReporter:
    """A bar over all stages, and one for each stage at work."""

    def __init__(self, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._console = Console(stderr=True)
        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._all = self._progress.add_task("stages", total=total)
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> TerminalReporter:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, stage: str) -> None:
        """A new bar."""
        with self._lock:
            self._tasks[stage] = self._progress.add_task(stage, total=None)

    def advanced(self, stage: str, done: int, total: int) -> None:
        """Move its bar."""
        with self._lock:
            if stage in self._tasks:
                self._progress.update(self._tasks[stage], completed=done, total=total)

    def finished(self, stage: str, seconds: float) -> None:
        """Remove its bar, move the one over all."""
        with self._lock:
            self._progress.remove_task(self._tasks.pop(stage))
            self._progress.advance(self._all)

    def reused(self, stage: str) -> None:
        """Move the bar over all."""
        self._progress.advance(self._all)

    def notice(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(text, markup=False)


def make_reporter(total: int | None = None) -> PlainReporter | TerminalReporter:
    """Bars where a person looks on, lines where a log is kept.

    Args:
        total: stages; null where nobody knows yet.
    """
    return TerminalReporter(total) if sys.stderr.isatty() else PlainReporter(total)


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
