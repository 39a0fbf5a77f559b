"""Timed repetitions on one phone, each a fresh start of what runs the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgekd.devices.adb.attempts import ATTEMPTS, comes_back
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.condition import cool_down, read_condition, why_invalid
from edgekd.devices.adb.journal import Entry, Journal
from edgekd.devices.adb.result import Pass
from edgekd.devices.adb.runner import Launch, Runner, started
from edgekd.devices.adb.settings import wake
from edgekd.errors import RunFailed
from edgekd.target import Android

# A memory pass needs one inference; the first may allocate.
_MEMORY_WARMUP = 1


@dataclass
class Repetitions:
    """Takes what a measurement still lacks; what is taken is in the journal.

    Attributes:
        adb: the phone.
        runner: of the artifact, already placed there.
        android: how to measure.
        threads: of one inference.
        journal: of this measurement.
        sleep: waits so many seconds.
        failures: why starts gave nothing, one line each.
        gone: the phone went away and did not come back.
    """

    adb: Adb
    runner: Runner
    android: Android
    threads: int
    journal: Journal
    sleep: Callable[[float], None]
    failures: list[str] = field(default_factory=list)
    gone: bool = False

    def valid(self) -> list[Entry]:
        """The repetitions that count so far."""
        return [one for one in self._of("latency") if not one.reasons]

    def discarded(self) -> list[Entry]:
        """The repetitions that were taken and do not count."""
        return [one for one in self._of("latency") if one.reasons]

    def memory(self) -> Entry | None:
        """The memory pass, once it is taken."""
        return next(iter(self._of("memory")), None)

    def complete(self) -> bool:
        """Whether nothing is lacking."""
        return not self._lacking() and self.memory() is not None

    def take_timed(self) -> None:
        """Take repetitions until enough count, or until two in a row do not.

        A start that fails, or a connection that breaks, costs that repetition only.
        """
        in_a_row = 0
        while not self.gone and self._lacking() and in_a_row < ATTEMPTS:
            counts = self._take("latency", self.android.warmup, self.android.iterations)
            in_a_row = 0 if counts else in_a_row + 1

    def take_memory(self) -> None:
        """Take the memory pass, in a start of its own; a failure becomes a line."""
        for _ in range(ATTEMPTS):
            if not self.gone and self.memory() is None:
                self._take("memory", _MEMORY_WARMUP, 1)

    def _take(self, pass_: Pass, warmup: int, iterations: int) -> bool:
        """One start; whether it counts."""
        launch = Launch(pass_, self.threads, warmup, iterations, self.android.delegate)
        try:
            # Somebody may have switched the screen off, and that lowers clocks.
            wake(self.adb)
            limit = self.android.cool_down_seconds if pass_ == "latency" else 0
            before = cool_down(self.adb, limit, self.sleep)
            result = started(self.runner, launch)
            after = read_condition(self.adb)
        except RunFailed as error:
            self.failures.append(f"{pass_}: {error}")
            self.gone = not comes_back(self.adb, self.sleep)
            return False
        # Bytes do not depend on clocks.
        timed = pass_ == "latency"
        reasons = why_invalid(before, after, result.conditions, self.android) if timed else []
        self.journal.add(Entry(result=result, before=before, after=after, reasons=reasons))
        return not reasons

    def _lacking(self) -> bool:
        return len(self.valid()) < self.android.repetitions

    def _of(self, pass_: Pass) -> list[Entry]:
        return [one for one in self.journal.entries if one.result.pass_ == pass_]
