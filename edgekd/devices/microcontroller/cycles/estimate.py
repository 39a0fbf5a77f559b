"""Cycles of a core, estimated from the instructions that were really executed.

An estimate and never a measurement: the table of the core's manual, applied to the histogram of
executed instructions and taken branches, as if all memory answered at once. Where the manual gives
a range, so does the estimate. The assumptions are part of the result, to be printed beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from edgekd.devices.microcontroller.counts.records import Counts, Histogram
from edgekd.devices.microcontroller.cycles.disassembly import Instruction, disassemble
from edgekd.devices.microcontroller.cycles.pairing import NOTHING, RULES, Cycles
from edgekd.devices.microcontroller.firmware.image import Image
from edgekd.errors import BadInput
from edgekd.yaml_document import read_document

_TABLES = Path(__file__).parent / "timings"
_SHORT, _LONG = 2, 4


def _range(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value, value, value)


Entry = Annotated[Cycles, BeforeValidator(_range)]


class TimingTable(BaseModel):
    """One file of ``timings``: what each kind of instruction costs a core.

    Attributes:
        core: as its manual calls it.
        pipeline: which rules for neighbours hold, a key of :data:`pairing.RULES`.
        sources: manual and table that the figures are from.
        refill: cycles on top where a jump is taken.
        cycles: of each kind of instruction, alone.
        per_register: on top for each register that is transferred.
        indexed_store: on top for a store whose address has an offset register.
        assumptions: one line each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str
    pipeline: str
    sources: tuple[str, ...]
    refill: Entry
    cycles: dict[str, Entry]
    per_register: dict[str, int]
    indexed_store: int
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class CycleEstimate:
    """Estimated cycles of one run.

    Attributes:
        core: whose table it is.
        cycles: by the typical figures of the table.
        least: by the lowest ones.
        most: by the highest ones; waiting for real memory can exceed it.
        instructions: that it is for.
        sources: of the table.
        assumptions: one line each, to be printed beside every figure.
    """

    core: str
    cycles: int
    least: int
    most: int
    instructions: int
    sources: tuple[str, ...]
    assumptions: tuple[str, ...]

    def milliseconds(self, clock_hz: int) -> float:
        """Time of the typical figure at a stated clock."""
        return 1e3 * self.cycles / clock_hz


def cores() -> tuple[str, ...]:
    """The cores that there is a table for."""
    return tuple(sorted(path.stem for path in _TABLES.glob("*.yaml")))


def read_table(core: str) -> TimingTable:
    """The timing table of a core.

    Raises:
        BadInput: there is none, or the file is wrong.
    """
    if core not in cores():
        raise BadInput(
            f"there is no table of instruction timings for {core!r}",
            mend=f"cycles are estimated for in-order cores only: {', '.join(cores())}",
        )
    document = read_document(_TABLES / f"{core}.yaml")
    try:
        table = TimingTable.model_validate(document.value)
    except ValidationError as error:
        raise BadInput(f"is no timing table: {error}", where=str(document.path)) from error
    if table.pipeline not in RULES:
        raise BadInput(f"names no pipeline: {table.pipeline}", where=str(document.path))
    return table


def estimate_cycles(image: Image, counts: Counts, core: str) -> CycleEstimate:
    """Estimate the cycles of one run, the mean over the runs that were counted.

    Raises:
        BadInput: no table for this core, or an instruction that the table does not know.
        MissingPackage: capstone is not installed.
    """
    table = read_table(core)
    by_address = cycles_by_address(image, counts.histogram, table)
    runs = len(counts.runs)
    least, typical, most = (
        round(sum(bound) / runs) for bound in zip(*by_address.values(), strict=True)
    )
    return CycleEstimate(
        core=core,
        cycles=typical,
        least=least,
        most=most,
        instructions=counts.instructions,
        sources=table.sources,
        assumptions=table.assumptions,
    )


def cycles_by_address(image: Image, histogram: Histogram, table: TimingTable) -> dict[int, Cycles]:
    """Cycles spent at each executed address, over all runs.

    Raises:
        BadInput, MissingPackage: as for :func:`estimate_cycles`.
    """
    instructions = disassemble(image, histogram.executed)
    return {
        address: _cycles(instructions[address], instructions, histogram, table)
        for address in histogram.executed
    }


def _cycles(
    instruction: Instruction,
    instructions: dict[int, Instruction],
    histogram: Histogram,
    table: TimingTable,
) -> Cycles:
    executed = histogram.executed[instruction.address]
    taken = histogram.taken.get(instruction.address, 0)
    alone = _alone(instruction, table)
    first, entered = _entered_from(instruction, instructions, histogram)
    paired = (
        RULES[table.pipeline](first, instruction, taken / executed)
        if first is not None
        else NOTHING
    )
    least, typical, most = (
        executed * cost + taken * refill + entered * change
        for cost, refill, change in zip(alone, table.refill, paired, strict=True)
    )
    return Cycles(least, typical, most)


def _alone(instruction: Instruction, table: TimingTable) -> Cycles:
    if instruction.kind not in table.cycles:
        raise BadInput(
            f"the table of {table.core} does not know {instruction.text!r}",
            where=f"{instruction.address:#x}",
        )
    extra = table.per_register.get(instruction.kind, 0) * instruction.transfers
    if instruction.kind == "store" and instruction.indexed:
        extra += table.indexed_store
    least, typical, most = table.cycles[instruction.kind]
    return Cycles(least + extra, typical + extra, most + extra)


def _entered_from(
    instruction: Instruction, instructions: dict[int, Instruction], histogram: Histogram
) -> tuple[Instruction | None, int]:
    """The instruction in memory before, and how often control fell through from it."""
    for size in (_SHORT, _LONG):
        first = instructions.get(instruction.address - size)
        if first is not None and first.size == size:
            left = histogram.executed.get(first.address, 0) - histogram.taken.get(first.address, 0)
            return first, max(0, min(left, histogram.executed[instruction.address]))
    return None, 0
