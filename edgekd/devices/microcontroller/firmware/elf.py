"""Bytes of flash and RAM as the linker placed them, split by what they are for.

The rule of counting, which every figure of flash and RAM follows:

- **weights** and **bias** are the model's numbers: the constants ``model_weights_*``, and
  ``model_bias_*`` with the multipliers and shifts beside the biases.
- **Non-model flash** is everything else that is linked for the library: its code (``model_*``
  and the kernels ``edgekd_*``), lookup tables, parameter structs, descriptors of tensors,
  initial values of variables, the parts of the C library that it pulls in, the vector table and
  a minimal start-up. Padding between objects counts with the object before it, and so do bytes
  that no symbol names (string constants, veneers), as a part of their own.
- The **harness** is left out: what streams inputs and outputs, and paints the stack. The linker
  script places it in sections of its own, ``.harness*``, in memory of its own. What it needs of
  the C library lies with the library's and is counted; so are the fault handler and the markers
  of the measured region, with the start-up.
- **RAM** is the arena, the stack that the linker script reserves, and every other variable of
  the library, the C library and the start-up; again without the harness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekd.devices.microcontroller.firmware.image import Image, Section, Symbol, read_image

Part = Literal[
    "weights",
    "bias",
    "tables",
    "parameters",
    "code",
    "data",
    "start-up",
    "c-library",
    "unnamed",
    "arena",
    "stack",
    "harness",
]
HARNESS_SECTIONS = ".harness"
_ARENA = "model_arena"
_ROLES: tuple[tuple[str, Part], ...] = (
    ("model_weights_", "weights"),
    ("model_bias_", "bias"),
    ("model_table_", "tables"),
    ("model_parameters_", "parameters"),
)
_LIBRARY_PREFIXES = ("model_", "edgekd_")
_LIBRARY_SOURCE = "model.c"
_START_UP_SECTIONS = (".vectors", ".isr_vector", ".start", ".init")
_START_UP_PREFIXES = ("edgekd_reset", "edgekd_fault", "edgekd_region", "board_init")
_START_UP_SOURCES = ("cortex-m.c", "riscv.c", "fault.c", "region.c")
_STACK_SECTIONS = (".stack",)
# An object is padded at most to the next one's alignment; a longer gap holds something unnamed.
_MOST_PADDING = 15


@dataclass(frozen=True)
class Sections:
    """Bytes of flash and RAM as linked; the module says by which rule they are split.

    Initial values of variables count in both, as they lie in both.
    """

    flash: dict[Part, int]
    ram: dict[Part, int]

    @property
    def model_bytes(self) -> int:
        """Weights, biases and multipliers."""
        return self.flash.get("weights", 0) + self.flash.get("bias", 0)

    @property
    def flash_bytes(self) -> int:
        """All flash but the harness's."""
        return sum(self.flash.values()) - self.flash.get("harness", 0)

    @property
    def non_model_flash_bytes(self) -> int:
        """All flash but the model's numbers and the harness."""
        return self.flash_bytes - self.model_bytes

    @property
    def ram_bytes(self) -> int:
        """All RAM but the harness's."""
        return sum(self.ram.values()) - self.ram.get("harness", 0)

    @property
    def arena_bytes(self) -> int:
        """The arena: tensors and scratch."""
        return self.ram.get("arena", 0)


def account(elf: Path) -> Sections:
    """Split a linked program's flash and RAM; the parts sum up to the sizes of its sections.

    Raises:
        BadInput: not a linked program.
        MissingPackage: pyelftools is not installed.
    """
    image = read_image(elf)
    flash: dict[Part, int] = {}
    ram: dict[Part, int] = {}
    for section in image.sections:
        for part, size in _split(section, image):
            if size and section.content is not None:
                flash[part] = flash.get(part, 0) + size
            if size and section.writable:
                ram[part] = ram.get(part, 0) + size
    return Sections(flash, ram)


def _split(section: Section, image: Image) -> Iterator[tuple[Part, int]]:
    position = section.address
    part = _part_of_section(section)
    for symbol in image.symbols:
        if symbol.section == section.name:
            yield _part_of_gap(part, symbol.address - position), symbol.address - position
            part = _part_of(symbol)
            yield part, symbol.size
            position = symbol.end
    if position == section.address:
        yield part, section.size
    else:
        yield _part_of_gap(part, section.end - position), section.end - position


def _part_of_gap(before: Part, size: int) -> Part:
    return before if size <= _MOST_PADDING or before == "harness" else "unnamed"


def _part_of_section(section: Section) -> Part:
    if section.name.startswith(HARNESS_SECTIONS):
        return "harness"
    if section.name.startswith(_STACK_SECTIONS):
        return "stack"
    return "start-up" if section.name.startswith(_START_UP_SECTIONS) else "unnamed"


def _part_of(symbol: Symbol) -> Part:
    if symbol.section.startswith(HARNESS_SECTIONS):
        return "harness"
    for prefix, role in _ROLES:
        if symbol.name.startswith(prefix):
            return role
    if symbol.name == _ARENA:
        return "arena"
    if symbol.section.startswith(_STACK_SECTIONS):
        return "stack"
    if _is_start_up(symbol):
        return "start-up"
    if symbol.source == _LIBRARY_SOURCE or symbol.name.startswith(_LIBRARY_PREFIXES):
        return "code" if symbol.function else "data"
    return "c-library"


def _is_start_up(symbol: Symbol) -> bool:
    return (
        symbol.section.startswith(_START_UP_SECTIONS)
        or symbol.name.startswith(_START_UP_PREFIXES)
        or symbol.source in _START_UP_SOURCES
    )
