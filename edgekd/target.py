"""Targets: one YAML profile each, naming format, precisions, budgets and device."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edgekd.records import Format, Kind, Precision


class Budget(BaseModel):
    """Upper limits; null is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ram_bytes: int | None = Field(default=None, gt=0)
    flash_bytes: int | None = Field(default=None, gt=0)
    latency_ms: float | None = Field(default=None, gt=0)


class Microcontroller(BaseModel):
    """What a microcontroller is, for the generator of C, the compiler and the emulator.

    Attributes:
        core: as its manual calls it, ``cortex-m4``; names the table of instruction timings.
        instructions: which kernels may be generated: ``plain`` C99, ``dsp`` (the Armv7E-M and
            Armv8-M DSP extension), ``mve`` (the M-profile vector extension, integer).
        toolchain: prefix of the cross compiler, ``arm-none-eabi``.
        flags: of the compiler, for this core.
        board: folder under ``targets/boards`` with its memory map and start-up code.
        flash: ``size`` stores each weight once, ``speed`` may store it wider where that is faster.
        stack_bytes: reserved for one inference and the few frames above it; part of the RAM.
        clock_hz: of a typical part; used only where cycles are turned into time, in an estimate.
        port: serial port of a real board, for the device ``serial``.
        baud_rate: of the port.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    instructions: Literal["plain", "dsp", "mve"]
    toolchain: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    flags: tuple[str, ...]
    board: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    flash: Literal["size", "speed"] = "size"
    stack_bytes: int = Field(default=4096, ge=1024, multiple_of=8)
    clock_hz: int | None = Field(default=None, gt=0)
    port: str | None = None
    baud_rate: int = Field(default=115200, gt=0)


class Target(BaseModel):
    """One hardware target.

    Attributes:
        name: the file's name without its ending.
        description: one line for ``edgekd targets``.
        format: the artifact's format.
        precisions: what this target can be asked for, in the ladder's order.
        device: the module under ``edgekd.devices`` that runs the artifact.
        runtime: the runtime that loads it.
        kind: what its figures may claim.
        threads: threads of one inference.
        budget: limits that the report checks.
        packages: import names that must be installed.
        microcontroller: the part, where the format is ``c``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    format: Format
    precisions: tuple[Precision, ...] = Field(min_length=1)
    device: str
    runtime: str
    kind: Kind
    threads: int = Field(default=1, ge=1, le=64)
    budget: Budget = Budget()
    packages: tuple[str, ...] = ()
    microcontroller: Microcontroller | None = None
