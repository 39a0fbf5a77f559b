"""Which targets count instructions of the same core: only these may be held against each other."""

from __future__ import annotations

from collections.abc import Iterable

from edgekd.records import Report

# Of ``Report.facts``: the name of a target to its core, as the target's profile has it.
CORES = "cores"
CORES_NOTE = (
    "Instructions and cycles are comparable only inside one instruction set and CPU preset; what "
    "one instruction does differs from core to core."
)


def families(report: Report) -> dict[str, str]:
    """Each target to its core; where none is recorded, to the target that it is a variant of."""
    targets = {measurement.target for measurement in report.measurements}
    recorded = report.facts.get(CORES)
    cores = recorded if isinstance(recorded, dict) else {}
    return {
        target: core
        if isinstance(core := cores.get(target), str) and core
        else family_of(target, targets)
        for target in targets
    }


def family_of(target: str, targets: Iterable[str]) -> str:
    """The target that this one is a variant of: ``cortex-m4`` for ``cortex-m4-speed``."""
    bases = [base for base in targets if target == base or target.startswith(f"{base}-")]
    return min(bases, key=len, default=target)


def cores_note(targets: Iterable[str], family: dict[str, str]) -> list[str]:
    """What must be said where columns of these targets stand side by side, if anything."""
    grouped: dict[str, list[str]] = {}
    for target in targets:
        grouped.setdefault(family.get(target, target), []).append(target)
    if len(grouped) < 2:
        return []
    shown = "; ".join(
        core if names == [core] else f"{core}: {', '.join(names)}"
        for core, names in grouped.items()
    )
    return [f"{CORES_NOTE} Here: {shown}."]
