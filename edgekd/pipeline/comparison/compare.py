"""Compare two reports figure by figure, and say what got worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.errors import BadInput
from edgekd.measure.comparison import joint_level
from edgekd.measure.statistics import CONFIDENCE
from edgekd.pipeline.comparison.baseline import keep_baseline, read_side
from edgekd.pipeline.comparison.context import (
    context_lines,
    other_cell,
    other_data,
    other_place,
    other_threads,
)
from edgekd.pipeline.comparison.costs import cost_figures, latency_figures, latency_ratio
from edgekd.pipeline.comparison.evidence import cell_name
from edgekd.pipeline.comparison.language import answer_figures, rung_perplexity
from edgekd.pipeline.comparison.shares import rung_figure, share_figures
from edgekd.pipeline.comparison.sides import Pending, Sides
from edgekd.records import Measurement
from edgekd.records.comparison import Comparison
from edgekd.report.comparison import cell_text, regression_line


@dataclass
class _Found:
    """What is found on the way, in the order of the reports."""

    pending: list[Pending] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def compare_reports(before: Path, after: Path, accept: Path | None = None) -> Comparison:
    """Lay two reports side by side.

    Args:
        before: the baseline: a run folder, a ``report.json``, or what ``accept`` once wrote.
        after: the candidate: likewise.
        accept: file to keep the candidate in as the next baseline; its regressions are accepted.

    Raises:
        BadInput: a side cannot be read, they have nothing in common, or ``accept`` is there and is
            no baseline.
        RunFailed: ``accept`` cannot be written.
        MissingPackage: scipy is not installed.
    """
    old, new = read_side(before), read_side(after)
    data = other_data(old.known, new.known)
    hashes = (old.known.data_sha256, new.known.data_sha256)
    sides = Sides(old.known, new.known, data, hashes[0] is not None and hashes[0] == hashes[1])
    found = _Found()
    _compare_rungs(sides, found)
    _compare_measurements(sides, found)
    if not found.lost and not any(one.change for one in found.pending):
        raise BadInput(
            "has no figure that can be held against the other's", where=f"{before}, {after}"
        )
    changes = [one.change for one in found.pending if one.change and not one.change.exact]
    level = joint_level([change.p_value() for change in changes])
    figures = [one.judged(level) for one in found.pending]
    worse = [regression_line(figure) for figure in figures if figure.verdict == "worse"]
    regressions = [*found.lost, *worse]
    if accept is not None:
        keep_baseline(accept, new.known, regressions)
    notes = [f"{side.name}: {note}" for side in (old, new) for note in side.notes]
    return Comparison(
        baseline=old.name,
        candidate=new.name,
        family_confidence=CONFIDENCE,
        confidence=1 - level,
        judged=len(changes),
        figures=figures,
        regressions=[] if accept else regressions,
        accepted=regressions if accept else [],
        added=found.added,
        removed=found.removed,
        refused=found.refused,
        context=[*context_lines(sides), *notes],
        passed=accept is not None or not regressions,
    )


def _compare_rungs(sides: Sides, found: _Found) -> None:
    old = {rung.name: rung for rung in sides.before.report.rungs}
    new = {rung.name: rung for rung in sides.after.report.rungs}
    found.added += [cell_text(name, None) for name in new if name not in old]
    found.removed += [cell_text(name, None) for name in old if name not in new]
    for name in old:
        if name in new:
            found.pending.append(rung_figure(sides, old[name], new[name]))
            found.pending += rung_perplexity(sides, old[name], new[name])


def _compare_measurements(sides: Sides, found: _Found) -> None:
    old, new = (_cells(side.report.measurements) for side in (sides.before, sides.after))
    unavailable = {(c.rung, c.target): c.reason for c in sides.after.report.unavailable}
    unchanged = list(_unchanged(sides, old, new))
    for cell, before in old.items():
        name = cell_text(before.rung, before.target)
        if cell in new:
            _compare_cell(sides, before, new[cell], unchanged, found)
        elif (before.rung, before.target) in unavailable and before.valid:
            reason = unavailable[before.rung, before.target]
            found.lost.append(f"{name} is not available any more: {reason}")
        else:
            found.removed.append(f"{name} ({before.kind})")
    found.added += [
        f"{cell_text(after.rung, after.target)} ({after.kind})"
        for cell, after in new.items()
        if cell not in old
    ]


def _compare_cell(
    sides: Sides,
    before: Measurement,
    after: Measurement,
    unchanged: list[tuple[Measurement, float]],
    found: _Found,
) -> None:
    name = f"{cell_text(before.rung, before.target)} ({before.kind})"
    refusal = other_cell(before, after)
    if refusal:
        found.refused.append(f"{name}: {refusal}")
        return
    if _failed(before, after):
        what = "became invalid" if before.valid else "gives wrong outputs now"
        found.lost.append(f"{name} {what}: {'; '.join(after.reasons)}")
        return
    place = other_place(sides, before, after)
    if place:
        found.refused.append(f"{name}, what it costs to run: {place}")
    reason = _invalid(before, after) or place
    found.removed += [f"{what} of {name}" for what in _gone(before, after)]
    found.pending += share_figures(sides, before, after)
    found.pending += cost_figures(sides, before, after, reason)
    found.pending += answer_figures(sides, before, after, reason)
    time_reason = reason or other_threads(before, after)
    place_of = (before.kind, before.device)
    runs = [
        ratio
        for other, ratio in unchanged
        if (other.kind, other.device) == place_of and other.sha256 != before.sha256
    ]
    found.pending += latency_figures(sides, before, after, runs, time_reason)


def _cells(measurements: list[Measurement]) -> dict[str, Measurement]:
    return {cell_name(measurement): measurement for measurement in measurements}


def _failed(before: Measurement, after: Measurement) -> bool:
    """Whether it worked and does no more; a disturbed run is no failure, on either side."""
    if after.valid:
        return False
    if before.accuracy_holds and not after.accuracy_holds:
        return before.valid or after.accuracy is not None
    return before.valid and before.has_figures and not after.has_figures


def _invalid(before: Measurement, after: Measurement) -> str:
    for side, found in (("baseline", before), ("candidate", after)):
        if not found.valid:
            return f"invalid in the {side}: {'; '.join(found.reasons)}"
    return ""


def _gone(before: Measurement, after: Measurement) -> Iterator[str]:
    """Figures that only the baseline has."""
    for name in ("accuracy", "latency_ms", "instructions", "cycles", "generation", "language"):
        if getattr(before, name) is not None and getattr(after, name) is None:
            yield name
    old, new = before.memory.model_dump(), after.memory.model_dump()
    yield from (name for name in old if old[name] is not None and new[name] is None)


def _unchanged(
    sides: Sides, old: dict[str, Measurement], new: dict[str, Measurement]
) -> Iterator[tuple[Measurement, float]]:
    """Files that are the same in both reports, with the ratios of their latencies."""
    for cell, before in old.items():
        after = new.get(cell)
        if after is None or before.sha256 != after.sha256:
            continue
        ratio = latency_ratio(before, after)
        same_place = not other_cell(before, after) and not other_place(sides, before, after)
        if ratio is not None and same_place:
            yield before, ratio
