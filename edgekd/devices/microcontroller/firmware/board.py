"""Boards: a folder under ``targets/boards`` with the memory map and the emulator's machine."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgekd.catalog import TARGETS_VARIABLE, shipped
from edgekd.errors import BadInput
from edgekd.yaml_document import read_document, validate


class Region(BaseModel):
    """A stretch of the address space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: int = Field(ge=0, lt=2**32)
    length: int = Field(gt=0, le=2**32)

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.origin + self.length


class Memory(BaseModel):
    """What lies where.

    Attributes:
        flash: the library and a minimal start-up: code, constants, initial values.
        ram: their variables, the arena and the stack.
        vectors: where the core looks for its vector table, if that is not the flash's start.
        harness_code: code and constants of what drives the library: transport and protocol.
        harness_data: its variables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flash: Region
    ram: Region
    vectors: Region | None = None
    harness_code: Region
    harness_data: Region

    @model_validator(mode="after")
    def _apart(self) -> Memory:
        regions = sorted(
            (region for _, region in self if region is not None), key=lambda region: region.origin
        )
        for lower, upper in pairwise(regions):
            if lower.end > upper.origin:
                raise ValueError(f"two regions overlap at {upper.origin:#x}")
        if regions[-1].end > 2**32:
            raise ValueError("a region ends beyond 32 bits of address")
        return self


class Emulator(BaseModel):
    """The emulator that knows this board.

    Attributes:
        program: ``qemu-system-arm``.
        arguments: that choose and set up the machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    program: str = Field(pattern=r"^qemu-system-[a-z0-9_]+$")
    arguments: tuple[str, ...]


class Board(BaseModel):
    """``board.yaml``.

    Attributes:
        name: of its folder.
        description: one line.
        architecture: which start-up code and linker template it takes.
        emulator: null: it is only real, and reached over a serial port.
        memory: the board's real memory; a target's budget makes it smaller.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    architecture: Literal["cortex-m", "riscv"]
    emulator: Emulator | None = None
    memory: Memory


def find_board(name: str) -> tuple[Board, Path]:
    """The board of that name and its folder: a user's own before those that ship with edgekd.

    Raises:
        BadInput: there is none, or its ``board.yaml`` does not hold.
    """
    own = [Path(part) for part in os.environ.get(TARGETS_VARIABLE, "").split(os.pathsep) if part]
    folders = [folder / "boards" for folder in (*own, shipped("targets"))]
    for folder in folders:
        path = folder / name / "board.yaml"
        if path.is_file():
            document = read_document(path)
            document.value.setdefault("name", name)
            return validate(document, Board), path.parent
    known = sorted({path.parent.name for folder in folders for path in folder.glob("*/board.yaml")})
    raise BadInput(f"there is no board {name!r}", mend=f"known: {', '.join(known)}")
