"""What a microcontroller adds: the library, its arena, where bytes and instructions go."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgekd.records.base import Record


class MemoryBlock(Record):
    """One stretch of a microcontroller's arena while it holds one thing.

    Attributes:
        name: of the tensor, or of the operator whose scratch it is.
        first: number of the first step that needs it; -1: it is there before.
        last: of the last one; the number of steps: it stays.
        offset: bytes from the start of the arena.
        overlaid_on: names of the tensors with which it shares bytes.
    """

    name: str
    kind: Literal["tensor", "scratch"]
    first: int
    last: int
    offset: int
    bytes: int
    overlaid_on: list[str] = Field(default_factory=list)


class MemoryMap(Record):
    """The planned arena of a C library; ``lower_bound``: no plan can need less."""

    steps: list[str]
    blocks: list[MemoryBlock]
    arena_bytes: int
    lower_bound: int
    peak_step: int


class Layer(Record):
    """One step of a C library: which kernel it got, and its multiply-accumulates."""

    name: str
    kernel: str
    macs: int


class Library(Record):
    """What the generator of C did, for the report.

    Attributes:
        layers: in the order in which they run.
        passes: one line for each rewriting of the graph that found something.
        memory_map: of the arena.
    """

    layers: list[Layer]
    passes: list[str]
    memory_map: MemoryMap


class Cost(Record):
    """Instructions of one layer or function in one inference."""

    name: str
    instructions: int


class Profile(Record):
    """Where the instructions go, and the bytes of a firmware.

    Attributes:
        counted_by: how instructions were counted.
        layers: in order; empty where the runtime does not tell them apart.
        functions: largest first.
        ran_on: who really ran what: delegate or provider to operator to count.
        flash: bytes by role, as linked; of a firmware.
        ram: likewise.
    """

    counted_by: str
    layers: list[Cost] = Field(default_factory=list)
    functions: list[Cost] = Field(default_factory=list)
    ran_on: dict[str, dict[str, int]] = Field(default_factory=dict)
    flash: dict[str, int] = Field(default_factory=dict)
    ram: dict[str, int] = Field(default_factory=dict)


class Estimate(Record):
    """Cycles by a model of the core, and time at a stated clock; not a measurement."""

    model: str
    cycles: int
    clock_hz: int | None = None
    assumptions: list[str]
