"""The columns that a target's measurements may have, and how each one reads its figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from edgekd.records import Measurement, Preflight
from edgekd.report import units
from edgekd.report.language import perplexity, shortest_prompt
from edgekd.report.planes import file_bytes
from edgekd.report.units import MISSING

Role = Literal["figure", "text", "digest", "bar"]

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


def accuracy_on_sample(found: Measurement) -> str:
    """Accuracy, and on how many of the test samples where these were not all."""
    sampled = found.accuracy is not None and found.accuracy.sampled_from is not None
    return f"{accuracy(found)} on {_samples(found)}" if sampled else accuracy(found)


def p50(found: Measurement) -> str:
    """Median latency in milliseconds, without the unit."""
    return units.milliseconds(found.latency_ms.p50 if found.latency_ms else None)


def file_size(found: Measurement) -> str:
    """Size of the exported file."""
    return units.size(file_bytes(found))


def _p50(found: Measurement) -> str:
    return MISSING if found.kind == "estimate" else p50(found)


def _estimated_time(found: Measurement) -> str:
    return p50(found) if found.kind == "estimate" else MISSING


def _speedup(found: Measurement) -> str:
    """Of measured milliseconds."""
    if found.kind not in ("device", "host") or found.generation is not None:
        return MISSING
    return units.times(found.vs_teacher.speedup)


def _estimated_speedup(found: Measurement) -> str:
    return units.times(found.vs_teacher.speedup) if found.kind == "estimate" else MISSING


def decoding_speedup(found: Measurement) -> str:
    """Of tokens decoded a second."""
    return units.times(found.vs_teacher.speedup if found.generation else None)


def decoding_rate(found: Measurement) -> str:
    """Tokens decoded a second behind the shortest prompt."""
    timed = shortest_prompt(found)
    return units.rate(timed.decode_tokens_per_second if timed else None)


def prefill_rate(found: Measurement) -> str:
    """Tokens of the shortest prompt that are read a second."""
    timed = shortest_prompt(found)
    return units.rate(timed.prefill_tokens_per_second if timed else None)


def first_token(found: Measurement) -> str:
    """Milliseconds to the first token of an answer to the shortest prompt, without the unit."""
    timed = shortest_prompt(found)
    return units.milliseconds(timed.time_to_first_token_ms if timed else None)


def file_perplexity(found: Measurement) -> str:
    """Perplexity of an exported language model."""
    return units.perplexity(perplexity(found.language.nll) if found.language else None)


def _fewer(found: Measurement) -> str:
    if found.instructions is None:
        return MISSING
    return units.times(found.vs_teacher.instructions_ratio)


def _less_memory(found: Measurement) -> str:
    return units.times(found.vs_teacher.memory_ratio)


def _samples(found: Measurement) -> str:
    if found.accuracy is None:
        return MISSING
    tried, all_of_them = found.accuracy.n, found.accuracy.sampled_from
    if all_of_them is None:
        return units.count(tried)
    return f"{units.count(tried)} of {units.count(all_of_them)}"


def _clock(found: Measurement) -> str:
    """The clock at which estimated cycles were turned into time."""
    if found.kind != "estimate" or not found.cycles or not found.latency_ms:
        return MISSING
    return f"{found.cycles / found.latency_ms.p50 / 1e3:.6g}"


def _added(found: Measurement) -> str:
    return MISSING if _is_linked(found) else units.size(found.memory.ram_bytes)


def _ram(found: Measurement) -> str:
    return units.size(found.memory.ram_bytes) if _is_linked(found) else MISSING


def _is_linked(found: Measurement) -> bool:
    """Whether its RAM is all that there is: a firmware's, or what a model of one needs."""
    return found.format == "c" or found.kind == "estimate"


def _model_flash(found: Measurement) -> str:
    return units.size(found.memory.model_bytes) if found.format == "c" else MISSING


def _other_flash(found: Measurement) -> str:
    memory = found.memory
    if found.format != "c" or memory.flash_bytes is None or memory.model_bytes is None:
        return MISSING
    return units.size(memory.flash_bytes - memory.model_bytes)


def _retained(found: Measurement) -> str:
    return units.percent(found.vs_teacher.accuracy_retained)


def _p90(found: Measurement) -> str:
    timed = found.latency_ms if found.kind != "estimate" else None
    return units.milliseconds(timed.p90 if timed else None)


def _cold(found: Measurement) -> str:
    return units.milliseconds(found.load_ms.cold if found.load_ms else None)


def _warm(found: Measurement) -> str:
    return units.milliseconds(found.load_ms.warm if found.load_ms else None)


def _p99(found: Measurement) -> str:
    timed = found.latency_ms if found.kind != "estimate" else None
    return units.milliseconds(timed.p99 if timed else None)


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
    MeasurementColumn("Samples", "Accuracy", _samples),
    MeasurementColumn("Perplexity", "Accuracy", file_perplexity),
    MeasurementColumn("First token, ms", "Answers", first_token),
    MeasurementColumn("Tokens/s", "Answers", decoding_rate),
    MeasurementColumn("Speed-up", "Answers", decoding_speedup),
    MeasurementColumn("p50", "Latency, ms", _p50),
    MeasurementColumn("p90", "Latency, ms", _p90),
    MeasurementColumn("p99", "Latency, ms", _p99),
    MeasurementColumn("Speed-up", "Latency, ms", _speedup),
    MeasurementColumn("Cold", "Load, ms", _cold),
    MeasurementColumn("Warm", "Load, ms", _warm),
    MeasurementColumn("Instructions", "Work", lambda m: units.count(m.instructions)),
    MeasurementColumn("Fewer", "Work", _fewer),
    MeasurementColumn("Cycles", "Work", lambda m: units.count(m.cycles)),
    MeasurementColumn("Time, ms", "Work", _estimated_time),
    MeasurementColumn("at MHz", "Work", _clock),
    MeasurementColumn("Speed-up", "Work", _estimated_speedup),
    MeasurementColumn("Added", "Memory", _added),
    MeasurementColumn("RAM", "Memory", _ram),
    MeasurementColumn("Smaller", "Memory", _less_memory),
    MeasurementColumn("Peak RSS", "Memory", lambda m: units.size(m.memory.peak_rss_bytes)),
    MeasurementColumn("PSS", "Memory", lambda m: units.size(m.memory.pss_bytes)),
    MeasurementColumn("Arena", "Memory", lambda m: units.size(m.memory.arena_bytes)),
    MeasurementColumn("Stack used", "Memory", lambda m: units.size(m.memory.stack_bytes)),
    MeasurementColumn("All", "Flash", lambda m: units.size(m.memory.flash_bytes)),
    MeasurementColumn("Model", "Flash", _model_flash),
    MeasurementColumn("Other", "Flash", _other_flash),
    MeasurementColumn("Size", "File", file_size),
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

# The few that every target has in the tables of all targets.
LADDER = (
    MeasurementColumn("Accuracy", "", accuracy_on_sample),
    MeasurementColumn("Perplexity", "", file_perplexity),
    MeasurementColumn("First token, ms", "", first_token),
    MeasurementColumn("Tokens/s", "", decoding_rate),
    MeasurementColumn("Speed-up", "", decoding_speedup),
    MeasurementColumn("p50 ms", "", _p50),
    MeasurementColumn("Speed-up", "", _speedup),
    MeasurementColumn("Instructions", "", lambda m: units.count(m.instructions)),
    MeasurementColumn("Fewer", "", _fewer),
    MeasurementColumn("Cycles", "", lambda m: units.count(m.cycles)),
    MeasurementColumn("Estimated ms", "", _estimated_time),
    MeasurementColumn("Speed-up", "", _estimated_speedup),
    MeasurementColumn("Added memory", "", _added),
    MeasurementColumn("RAM", "", _ram),
    MeasurementColumn("Flash", "", lambda m: units.size(m.memory.flash_bytes)),
    MeasurementColumn("File", "", file_size),
)
# Figures that a disturbed run makes void; sizes stay what they are.
DISTURBED = frozenset(
    {
        *("p50 ms", "Speed-up", "Instructions", "Fewer", "Cycles", "Estimated ms"),
        *("First token, ms", "Tokens/s"),
    }
)


def having(
    columns: Sequence[MeasurementColumn], found: Sequence[Measurement]
) -> list[MeasurementColumn]:
    """The columns that have a figure for any of the measurements."""
    return [one for one in columns if any(one.read(measured) != MISSING for measured in found)]
