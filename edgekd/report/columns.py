"""The columns that a target's measurements may have, and how each one reads its figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgekd.records import Measurement, Preflight
from edgekd.report import units
from edgekd.report.units import MISSING

Role = Literal["figure", "text", "digest"]

_OPERATORS_NAMED = 4


@dataclass(frozen=True)
class MeasurementColumn:
    """One column; ``read`` gives ``units.MISSING`` where a measurement has no such figure."""

    heading: str
    group: str
    read: Callable[[Measurement], str]
    role: Role = "figure"


def accuracy(found: Measurement) -> str:
    """Accuracy of the exported file."""
    return units.percent(found.accuracy.value if found.accuracy else None)


def p50(found: Measurement) -> str:
    """Median latency in milliseconds, without the unit."""
    return units.milliseconds(found.latency_ms.p50 if found.latency_ms else None)


def _retained(found: Measurement) -> str:
    return units.percent(found.vs_teacher.accuracy_retained)


def _p90(found: Measurement) -> str:
    return units.milliseconds(found.latency_ms.p90 if found.latency_ms else None)


def _p99(found: Measurement) -> str:
    return units.milliseconds(found.latency_ms.p99 if found.latency_ms else None)


def _agreement(found: Measurement) -> str:
    return units.percent(found.parity.top1_agreement if found.parity else None)


def _sqnr(found: Measurement) -> str:
    return units.decibels(found.parity.sqnr_db) if found.parity else MISSING


def _against(found: Measurement) -> str:
    return found.parity.against if found.parity else MISSING


def _divergence(found: Measurement) -> str:
    if found.parity is None:
        return MISSING
    return found.parity.first_divergence or "none"


def _delegated(found: Measurement) -> str:
    preflight = found.preflight
    if preflight is None:
        return MISSING
    return f"{preflight.delegated} of {preflight.delegated + sum(preflight.undelegated.values())}"


def _layout_changes(found: Measurement) -> str:
    return units.count(found.preflight.transposes if found.preflight else None)


def _undelegated(found: Measurement) -> str:
    return _operators(found.preflight, lambda preflight: preflight.undelegated)


def _float_fallbacks(found: Measurement) -> str:
    return _operators(found.preflight, lambda preflight: preflight.float_fallbacks)


def _operators(preflight: Preflight | None, choose: Callable[[Preflight], dict[str, int]]) -> str:
    if preflight is None:
        return MISSING
    counted = sorted(choose(preflight).items(), key=lambda item: (-item[1], item[0]))
    if not counted:
        return "none"
    named = ", ".join(f"{name} {number}" for name, number in counted[:_OPERATORS_NAMED])
    more = ", …" if len(counted) > _OPERATORS_NAMED else ""
    return f"{named}{more}"


# A column with no figure on a target is left out, so that emulated, estimated and measured targets
# each show what their kind may claim.
PERFORMANCE = (
    MeasurementColumn("Measured", "Accuracy", accuracy),
    MeasurementColumn("Retained", "Accuracy", _retained),
    MeasurementColumn("p50", "Latency, ms", p50),
    MeasurementColumn("p90", "Latency, ms", _p90),
    MeasurementColumn("p99", "Latency, ms", _p99),
    MeasurementColumn("Speed-up", "Latency, ms", lambda m: units.times(m.vs_teacher.speedup)),
    MeasurementColumn("Instructions", "Work", lambda m: units.count(m.instructions)),
    MeasurementColumn("Cycles", "Work", lambda m: units.count(m.cycles)),
    MeasurementColumn("Added", "Memory", lambda m: units.size(m.memory.ram_bytes)),
    MeasurementColumn("Peak RSS", "Memory", lambda m: units.size(m.memory.peak_rss_bytes)),
    MeasurementColumn("Arena", "Memory", lambda m: units.size(m.memory.arena_bytes)),
    MeasurementColumn("Stack", "Memory", lambda m: units.size(m.memory.stack_bytes)),
    MeasurementColumn("Flash", "Memory", lambda m: units.size(m.memory.flash_bytes)),
    MeasurementColumn("Size", "File", lambda m: units.size(m.memory.model_bytes)),
    MeasurementColumn("Smaller", "File", lambda m: units.times(m.vs_teacher.size_ratio)),
)
CORRECTNESS = (
    MeasurementColumn("Against", "Parity", _against, role="text"),
    MeasurementColumn("Top-1 agreement", "Parity", _agreement),
    MeasurementColumn("SQNR dB", "Parity", _sqnr),
    MeasurementColumn("First divergence", "Parity", _divergence, role="text"),
    MeasurementColumn("Delegated", "Preflight", _delegated),
    MeasurementColumn("Transposes", "Preflight", _layout_changes),
    MeasurementColumn("Undelegated", "Preflight", _undelegated, role="text"),
    MeasurementColumn("Float fallbacks", "Preflight", _float_fallbacks, role="text"),
)
