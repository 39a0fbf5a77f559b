"""How neighbouring instructions help or hinder each other, for the in-order Cortex-M pipelines.

A rule looks at two instructions of which the second was reached by falling through from the first,
and says how many cycles the second then costs more (or fewer) than it does alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edgekd.devices.microcontroller.cycles.disassembly import JUMPS, MEMORY, Instruction

_ACCUMULATES = frozenset({"multiply-accumulate", "long-multiply-accumulate", "dsp-multiply"})
_LOADS = frozenset({"load", "load-double", "load-multiple"})
_STORES = frozenset({"store", "store-double", "store-multiple"})


class Cycles(NamedTuple):
    """Cycles within which the true figure lies, by the sources of the table."""

    least: float
    typical: float
    most: float


Rule = Callable[[Instruction, Instruction, float], Cycles]
NOTHING = Cycles(0, 0, 0)


def armv7m(first: Instruction, second: Instruction, taken: float) -> Cycles:
    """Cortex-M3 and Cortex-M4.

    A single load overlaps with a single load or store behind it, unless the address of that one
    needs what was loaded, or the first one writes its address register back. An address that
    needs the result of the data processing before it waits one cycle. A load right behind a store
    may wait for the bus.

    Args:
        first: the instruction before.
        second: the instruction whose cost is asked.
        taken: share of its executions where it jumps.

    Source: Technical Reference Manuals of both cores, Load/store timings.
    """
    if second.kind not in MEMORY:
        return NOTHING
    needs_first = bool(first.writes & second.address_reads)
    if first.kind == "load" and second.kind in ("load", "store"):
        # A store with an immediate offset costs one cycle already.
        overlaps = second.kind == "load" or second.indexed
        saved = -1 if overlaps and not needs_first and not first.updates_base else 0
        return Cycles(saved, saved, saved)
    if first.kind == "store" and second.kind == "load":
        return Cycles(0, 0, 1)
    stall = 1 if needs_first and first.kind not in MEMORY | JUMPS else 0
    return Cycles(stall, stall, stall)


def cortex_m33(first: Instruction, second: Instruction, taken: float) -> Cycles:
    """Cortex-M33: limited dual issue, and results that come a cycle late.

    Args:
        first: the instruction before.
        second: the instruction whose cost is asked.
        taken: share of its executions where it jumps.

    Source: measurements of jnk0le on an RP2350, named in the core's table.
    """
    if second.kind == "if-then":
        return Cycles(-1, -1, -1)
    if second.kind == "branch":
        if first.size != 2 or second.size != 2 or first.kind in JUMPS:
            return NOTHING
        # Behind an instruction that sets the flags only the branch not taken costs nothing.
        folded = -(1 - taken) if first.sets_flags else -1.0
        return Cycles(folded, folded, folded)
    stall = 1 if _late(first) and _waits(first, second) else 0
    return Cycles(stall, stall, stall)


def _late(first: Instruction) -> bool:
    multiplies = first.kind in _ACCUMULATES | {"multiply", "long-multiply"}
    return first.kind in _LOADS or multiplies or (first.kind == "plain" and first.shifted)


def _waits(first: Instruction, second: Instruction) -> bool:
    if second.kind in _STORES:
        return bool(first.writes & second.address_reads)
    if second.kind in _ACCUMULATES and second.accumulator:
        return bool(first.writes & (second.reads - second.accumulator))
    return bool(first.writes & second.reads)


RULES: dict[str, Rule] = {"armv7-m": armv7m, "cortex-m33": cortex_m33}
