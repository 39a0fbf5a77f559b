"""What else differs between two reports, and what therefore cannot be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgekd.pipeline.comparison.sides import Sides
from edgekd.records import DeviceFacts, Measurement, Report
from edgekd.records.comparison import Baseline
from edgekd.report.prose import flat_facts
from edgekd.report.units import clean

# Parts of the facts that say what was done; the others say what came out.
_SETTINGS = ("networks", "distillation", "teacher", "pruning")
# As ``counted_by`` has them: "TCG plugin of QEMU 7.2.19 as cortex-a76; ...".
_CORE = re.compile(r" as ([\w-]+)")
_DETAILS = re.compile(r" of |;")
_MOST_LINES = 40
_LONGEST = 160


def other_data(before: Baseline, after: Baseline) -> str:
    """Why accuracies cannot be compared; empty where they can."""
    old, new = (side.report.facts.get("data") for side in (before, after))
    if old != new:
        changed = "; ".join(_changed(_mapping(old), _mapping(new)))
        return f"other data: {changed or 'one report does not name them'}"[:_LONGEST]
    hashes = (before.data_sha256, after.data_sha256)
    if None not in hashes and hashes[0] != hashes[1]:
        return "other data: the stored samples or their split differ"
    return ""


def context_lines(sides: Sides) -> list[str]:
    """One line for each thing that differs: recipe, seeds, settings, tools, machine, devices."""
    old, new = sides.before.report, sides.after.report
    lines = list(_changed({"recipe": old.recipe}, {"recipe": new.recipe}))
    lines += _changed({"seeds": old.seeds}, {"seeds": new.seeds})
    lines += _changed(_settings(old), _settings(new))
    lines += _changed(_surroundings(old), _surroundings(new))
    lines += _device_states(old, new)
    if sides.other_data:
        lines.append(sides.other_data)
    lines = [clean(line)[:_LONGEST] for line in lines]
    left = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {left} more differences"] if left > 0 else lines


def other_cell(before: Measurement, after: Measurement) -> str:
    """Why two measurements of a rung on a target have nothing in common; empty: they have."""
    for name in ("format", "precision", "device"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            return f"another {name}: {old} and {new}"
    return ""


def other_place(sides: Sides, before: Measurement, after: Measurement) -> str:
    """Why what it costs to run cannot be compared; empty: it can."""
    old, new = _identity(before.device_facts), _identity(after.device_facts)
    if old != new:
        return "another device: " + "; ".join(_changed(old, new))
    if before.kind == "host":
        machines = [
            _mapping(side.report.environment.get("machine")) for side in (sides.before, sides.after)
        ]
        changed = list(_changed(machines[0], machines[1], only=("processor", "cores")))
        if changed:
            return "another machine: " + "; ".join(changed)
    means = [_means(side, found) for side, found in ((sides.before, before), (sides.after, after))]
    if None not in means and means[0] != means[1]:
        return f"counted by other means or on another core: {means[0]} and {means[1]}"
    return ""


def other_threads(before: Measurement, after: Measurement) -> str:
    """Why times cannot be compared; empty: they can."""
    runs = [found.latency_ms.threads for found in (before, after) if found.latency_ms]
    return f"other threads: {runs[0]} and {runs[1]}" if len(set(runs)) > 1 else ""


def _settings(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {name: report.facts.get(name) for name in _SETTINGS}
    rates = _mapping(report.facts.get("learning_rates"))
    found["learning rate"] = {arm: _mapping(rate).get("chosen") for arm, rate in rates.items()}
    return found


def _surroundings(report: Report) -> dict[str, Any]:
    return {
        "edgekd's commit": report.environment.get("git_commit"),
        "tool": report.environment.get("tools"),
        "machine": report.environment.get("machine"),
    }


def _identity(facts: DeviceFacts | None) -> dict[str, Any]:
    """What makes a device another one; null where nothing is told."""
    if facts is None:
        return {}
    names = ("manufacturer", "model", "soc", "abi", "cpu_features", "page_bytes", "stand_in")
    return {name: getattr(facts, name) for name in names}


def _device_states(old: Report, new: Report) -> Iterator[str]:
    """State of the devices and how was counted, of the first measurement of each target."""
    named: dict[str, list[dict[str, Any]]] = {}
    for side, report in enumerate((old, new)):
        for found in reversed(report.measurements):
            facts = found.device_facts.model_dump() if found.device_facts else {}
            counted = {"counted by": found.profile.counted_by} if found.profile else {}
            named.setdefault(found.target, [{}, {}])[side] |= facts | counted
    for target, (before, after) in named.items():
        if before and after:
            yield from _changed({target: before}, {target: after})


def _changed(
    old: Mapping[str, Any], new: Mapping[str, Any], only: tuple[str, ...] = ()
) -> Iterator[str]:
    """``path: before, now after`` for each leaf that differs."""
    before, after = dict(flat_facts(old)), dict(flat_facts(new))
    for path in dict.fromkeys([*before, *after]):
        values = before.get(path, "not told"), after.get(path, "not told")
        if values[0] != values[1] and (not only or path in only):
            yield f"{path}: {values[0]}, now {values[1]}"


def _means(side: Baseline, found: Measurement) -> str | None:
    """How instructions were counted and on which core, without the versions of tools."""
    if found.profile is None:
        return None
    core = _CORE.search(found.profile.counted_by)
    known = _mapping(side.report.facts.get("cores")).get(found.target)
    how = _DETAILS.split(found.profile.counted_by, maxsplit=1)[0]
    return ", ".join([how, *[name for name in (core and core[1], known) if name]])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
