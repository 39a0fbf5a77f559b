"""From what a phone sent to the figures of a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.devices.adb.facts import with_engine, with_state
from edgekd.devices.adb.journal import Entry
from edgekd.devices.adb.repetitions import Repetitions
from edgekd.devices.adb.session import Session
from edgekd.devices.contract import Figures
from edgekd.measure.statistics import latency_summary
from edgekd.measure.validity import check_latency
from edgekd.records import DeviceFacts, Latency, LoadTime, Memory
from edgekd.target import Target

STAND_IN_REASON = "made against a stand-in for a phone: these times are no phone's"
HEAT_UNKNOWN = (
    "the phone does not tell its thermal status (Android 10 and later do): that it did not "
    "throttle is assumed"
)


def figures_of(
    taken: Repetitions, artifact: Path, target: Target, session: Session, problems: Sequence[str]
) -> Figures:
    """Figures of the repetitions that count; where none does, of the others, marked invalid.

    Args:
        taken: what was measured.
        artifact: the file.
        target: how it was measured.
        session: the phone.
        problems: what could not be put back there.
    """
    valid, discarded = taken.valid(), taken.discarded()
    samples = _samples(valid or discarded)
    wanted = taken.android.repetitions
    reasons = [STAND_IN_REASON] if session.identity.facts.stand_in else []
    if len(valid) < wanted:
        reasons.append(f"{len(valid)} of {wanted} repetitions count")
        reasons += dict.fromkeys([reason for one in discarded for reason in one.reasons])
    if not taken.complete():
        reasons += dict.fromkeys(taken.failures)
    if len({(one.result.application, one.result.engine) for one in valid}) > 1:
        reasons.append("the app, or what its engine used, changed between two repetitions")
    if valid:
        reasons += check_latency(samples, None, target.threads)
    return Figures(
        reasons=[*reasons, *problems],
        latency_ms=_latency(samples, taken, target),
        load_ms=_load(valid or discarded),
        samples_ms=samples if samples.size else None,
        memory=_memory(taken.memory(), artifact),
        assumptions=_assumptions(taken) if len(valid) >= wanted else [],
        device_facts=_facts(taken, session),
    )


def _facts(taken: Repetitions, session: Session) -> DeviceFacts:
    entries = taken.journal.entries
    facts = with_state(
        session.identity.facts,
        [look for one in entries for look in (one.before, one.after)],
        [one.result.conditions for one in entries if one.result.conditions],
        fixed_performance=session.steady.fixed_performance,
    )
    ran = taken.valid() or entries
    return with_engine(facts, ran[0].result) if ran else facts


def _samples(entries: Sequence[Entry]) -> npt.NDArray[np.float64]:
    timed = [one.result.latency_ms.samples for one in entries if one.result.latency_ms]
    return np.array([value for samples in timed for value in samples], np.float64)


def _latency(
    samples: npt.NDArray[np.float64], taken: Repetitions, target: Target
) -> Latency | None:
    if not samples.size:
        return None
    return latency_summary(samples, taken.android.warmup, target.threads)


def _load(entries: Sequence[Entry]) -> LoadTime | None:
    """Medians over fresh starts: one alone may have met a cold disk, or a busy phone."""
    loads = [one.result.load_ms for one in entries if one.result.load_ms]
    if not loads:
        return None
    warm = [load.warm for load in loads if load.warm is not None]
    return LoadTime(
        cold=float(np.median([load.cold for load in loads])),
        warm=float(np.median(warm)) if warm else None,
    )


def _memory(entry: Entry | None, artifact: Path) -> Memory:
    size = artifact.stat().st_size
    used = entry.result.memory if entry is not None else None
    if used is None:
        return Memory(model_bytes=size)
    added = None
    if used.pss_bytes is not None and used.pss_before_bytes is not None:
        added = max(0, used.pss_bytes - used.pss_before_bytes)
    return Memory(
        peak_rss_bytes=used.peak_rss_bytes,
        ram_bytes=added,
        pss_bytes=used.pss_bytes,
        native_heap_bytes=used.native_heap_bytes,
        arena_bytes=used.arena_bytes,
        model_bytes=size,
    )


def _assumptions(taken: Repetitions) -> list[str]:
    """What a valid record must still tell: what was taken again, and what could not be seen."""
    unseen = not all(_heat_known(one) for one in taken.valid())
    return _left_out(taken) + ([HEAT_UNKNOWN] if unseen else [])


def _heat_known(entry: Entry) -> bool:
    """Whether its thermal status is known at its end, or while it ran."""
    seen = entry.result.conditions
    return entry.after.thermal_status is not None or (
        seen is not None and seen.thermal_status is not None
    )


def _left_out(taken: Repetitions) -> list[str]:
    """Which repetitions were taken again, and why."""
    discarded = [reason for one in taken.discarded() for reason in one.reasons]
    return [
        f"a repetition was left out and taken again: {reason}"
        for reason in dict.fromkeys([*discarded, *taken.failures])
    ]
