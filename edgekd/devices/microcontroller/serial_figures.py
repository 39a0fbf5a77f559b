"""Figures of a real board: cycles of its counter, and milliseconds where its clock is stated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.devices.contract import Figures
from edgekd.devices.microcontroller.firmware.elf import account
from edgekd.devices.microcontroller.link.serial_session import Run, Session
from edgekd.measure.statistics import latency_summary
from edgekd.measure.validity import (
    ENOUGH_SAMPLES,
    ENOUGH_SECONDS,
    FEWEST_SAMPLES,
    check_latency,
)
from edgekd.records import Memory
from edgekd.target import Target

WARMUP = 5
# The firmware's counter has 32 bits.
_COUNTER = 2**32
# Of any microcontroller, where the target does not say.
_FASTEST_HZ = 1e9


def measure_board(session: Session, target: Target, payloads: Sequence[bytes]) -> Figures:
    """Run the payloads in turn until there are inferences or seconds enough.

    A board without a cycle counter runs each payload once, for the stack.

    Args:
        payloads: the bytes of one inference each, at least one.

    Raises:
        MissingPackage: pyelftools is not installed.
        RunFailed: as for :meth:`Session.run`.
    """
    part = target.microcontroller
    clock_hz = part.clock_hz if part else None
    if not session.hello.counts_cycles:
        runs = [session.run(payload) for payload in payloads]
        session.finish()
        return Figures(memory=_memory(session.firmware.elf, runs))
    for index in range(WARMUP):
        session.run(payloads[index % len(payloads)])
    runs = _timed(session, payloads, clock_hz)
    session.finish()
    return _figures(runs, clock_hz, target.threads, _memory(session.firmware.elf, runs))


def _timed(session: Session, payloads: Sequence[bytes], clock_hz: int | None) -> list[Run]:
    runs: list[Run] = []
    seconds = 0.0
    while len(runs) < ENOUGH_SAMPLES and (len(runs) < FEWEST_SAMPLES or seconds < ENOUGH_SECONDS):
        run = session.run(payloads[len(runs) % len(payloads)])
        runs.append(run)
        # The line's own time does not make an inference any better known.
        seconds += run.answer.cycles / clock_hz if clock_hz else run.seconds
    return runs


def _figures(runs: list[Run], clock_hz: int | None, threads: int, memory: Memory) -> Figures:
    cycles = np.array([run.answer.cycles for run in runs], np.float64)
    seconds = np.array([run.seconds for run in runs], np.float64)
    reasons = _doubts(cycles, seconds, clock_hz)
    middle = round(float(np.median(cycles)))
    if clock_hz is None:
        return Figures(reasons=reasons, cycles=middle, memory=memory)
    samples_ms = cycles / clock_hz * 1e3
    return Figures(
        reasons=[*reasons, *check_latency(samples_ms)],
        latency_ms=latency_summary(samples_ms, WARMUP, threads),
        samples_ms=samples_ms,
        cycles=middle,
        memory=memory,
    )


def _doubts(
    cycles: npt.NDArray[np.float64], seconds: npt.NDArray[np.float64], clock_hz: int | None
) -> list[str]:
    """What the host's own clock says against the counter: an answer bounds its inference."""
    reasons = []
    if cycles.min() < 1:
        reasons.append("the cycle counter stands still")
    if seconds.min() >= _COUNTER / (clock_hz or _FASTEST_HZ):
        reasons.append(
            f"the cycle counter of 32 bits may have wrapped: an answer took {seconds.min():.1f} s"
        )
    if clock_hz:
        longest = int(np.argmax(cycles / clock_hz - seconds))
        claimed = float(cycles[longest]) / clock_hz
        if claimed > seconds[longest]:
            reasons.append(
                f"microcontroller.clock_hz is too low: {int(cycles[longest])} cycles would take "
                f"{claimed * 1e3:.3g} ms, but the answer came after {seconds[longest] * 1e3:.3g} ms"
            )
    return reasons


def _memory(elf: Path, runs: Sequence[Run]) -> Memory:
    """Flash and RAM of the image that the board runs: its hash was compared."""
    sections = account(elf)
    return Memory(
        ram_bytes=sections.ram_bytes,
        arena_bytes=sections.arena_bytes,
        stack_bytes=max(run.answer.stack_bytes for run in runs),
        flash_bytes=sections.flash_bytes,
        model_bytes=sections.model_bytes,
    )
