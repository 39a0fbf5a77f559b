"""A linked program as the emulator loads it: its sections, its symbols, and the bytes of both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.third_party import require

_MAX_BYTES = 256 * 1024 * 1024
_SHF_WRITE, _SHF_ALLOC = 0x1, 0x2


@dataclass(frozen=True)
class Symbol:
    """A function or an object of the program.

    Attributes:
        address: without the Thumb bit.
        size: bytes; where the assembler gave none, up to the next symbol of the section.
        source: file that defines it, where it is local to that file; otherwise empty.
        section: that it lies in.
    """

    name: str
    address: int
    size: int
    function: bool
    source: str
    section: str

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.size


@dataclass(frozen=True)
class Section:
    """A section that takes room in the target, with its bytes where the file holds any."""

    name: str
    address: int
    size: int
    writable: bool
    content: bytes | None

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.size


@dataclass(frozen=True)
class Image:
    """A linked program: sections and symbols, each in order of address.

    ``machine`` is the ELF's own name for the instruction set, ``EM_ARM``.
    """

    path: Path
    machine: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def at(self, address: int) -> Symbol | None:
        """The symbol that an address lies in."""
        index = bisect_right(self.symbols, address, key=lambda symbol: symbol.address) - 1
        found = self.symbols[index] if index >= 0 else None
        return found if found and address < found.end else None

    def named(self, name: str) -> Symbol:
        """The symbol of this name.

        Raises:
            BadInput: there is none.
        """
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise BadInput(f"has no symbol {name!r}", where=str(self.path))

    def content(self, address: int, size: int) -> bytes:
        """Bytes from an address on; fewer, or none, where the file holds no more."""
        for section in self.sections:
            if section.content is not None and section.address <= address < section.end:
                start = address - section.address
                return section.content[start : start + size]
        return b""


def read_image(elf: Path) -> Image:
    """Read a linked program (ELF).

    Raises:
        BadInput: not an ELF file, or a damaged one.
        MissingPackage: pyelftools is not installed.
    """
    require("microcontroller", "elftools")
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        if elf.stat().st_size > _MAX_BYTES:
            raise BadInput("is too large for a microcontroller's program", where=str(elf))
        with elf.open("rb") as stream:
            file: Any = ELFFile(stream)  # type: ignore[no-untyped-call]
            machine = str(file["e_machine"])
            sections = dict(_sections(file))
            symbols = tuple(_with_sizes(_symbols(file, sections), sections.values()))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(elf)) from error
    except (ELFError, ConstructError, ValueError, KeyError, AttributeError, TypeError) as error:
        # Damaged tables make pyelftools stumble in many ways.
        raise BadInput("is no linked program (ELF)", where=str(elf), mend="build it") from error
    in_order = tuple(sorted(sections.values(), key=lambda section: section.address))
    return Image(elf, machine, in_order, symbols)


def _sections(file: Any) -> Iterator[tuple[int, Section]]:
    for index, entry in enumerate(file.iter_sections()):
        if not entry["sh_flags"] & _SHF_ALLOC or not entry["sh_size"]:
            continue
        content = None if entry["sh_type"] == "SHT_NOBITS" else entry.data()
        writable = content is None or bool(entry["sh_flags"] & _SHF_WRITE)
        yield index, Section(entry.name, entry["sh_addr"], entry["sh_size"], writable, content)


def _symbols(file: Any, sections: dict[int, Section]) -> list[Symbol]:
    """Functions and objects in order of address; of several at one address the longest."""
    table = file.get_section_by_name(".symtab")
    found: dict[int, Symbol] = {}
    source = ""
    for entry in table.iter_symbols() if table else ():
        kind = entry["st_info"]["type"]
        if kind == "STT_FILE":
            source = Path(entry.name).name
        section = sections.get(entry["st_shndx"])
        if section is None or kind not in ("STT_FUNC", "STT_OBJECT"):
            continue
        function = kind == "STT_FUNC"
        symbol = Symbol(
            name=entry.name,
            address=entry["st_value"] & ~1 if function else entry["st_value"],
            size=entry["st_size"],
            function=function,
            source=source if entry["st_info"]["bind"] == "STB_LOCAL" else "",
            section=section.name,
        )
        if symbol.address not in found or found[symbol.address].size < symbol.size:
            found[symbol.address] = symbol
    return sorted(found.values(), key=lambda symbol: symbol.address)


def _with_sizes(symbols: list[Symbol], sections: Iterable[Section]) -> Iterator[Symbol]:
    ends = {section.name: section.end for section in sections}
    for symbol, following in zip(symbols, [*symbols[1:], None], strict=True):
        end = ends[symbol.section]
        if following is not None and following.section == symbol.section:
            end = min(end, following.address)
        room = max(0, end - symbol.address)
        yield replace(symbol, size=min(symbol.size or room, room))
