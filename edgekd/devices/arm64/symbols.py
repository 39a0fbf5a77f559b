"""Names for addresses of a guest: functions where a file has symbols, else the file itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.devices.arm64.counts import MappedFile
from edgekd.third_party import require

OUTSIDE = "outside of files"
# ELF-64 object file format, "Symbol Table": Elf64_Sym.
_SYMBOL = np.dtype(
    [
        ("name", "<u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)
_FUNCTION, _INDIRECT_FUNCTION = 2, 10
_DEMANGLE_SECONDS = 30


@dataclass(frozen=True)
class Library:
    """An ELF file: its segments and its functions, by the addresses of the file.

    Attributes:
        name: of the file.
        segments: ``(offset, bytes in the file, address)`` of each that is loaded.
        starts: ``[functions]`` addresses, sorted.
        sizes: ``[functions]`` bytes.
        names: of the functions, as the linker knows them.
    """

    name: str
    segments: list[tuple[int, int, int]]
    starts: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.uint64]
    names: list[str]

    def function_at(self, offset: int) -> str | None:
        """The function that lies at an offset of the file; ``None``: it has no name."""
        for start, length, address in self.segments:
            if start <= offset < start + length:
                return self._named(offset - start + address)
        return None

    def _named(self, address: int) -> str | None:
        at = int(np.searchsorted(self.starts, address, side="right")) - 1
        if at < 0 or address >= int(self.starts[at]) + int(self.sizes[at]):
            return None
        return self.names[at]


class Symbols:
    """Names the addresses of one guest process."""

    def __init__(self, files: Sequence[MappedFile]) -> None:
        """Keep what is mapped; files are read when an address in them is asked for.

        Raises:
            MissingPackage: pyelftools is not installed.
        """
        require("microcontroller", "elftools")
        self._files = sorted(files, key=lambda file: file.start)
        self._starts = [file.start for file in self._files]
        self._libraries: dict[Path, Library | None] = {}

    def name(self, address: int) -> tuple[str, str]:
        """File and function of an address; the function is empty where the file has no name."""
        at = int(np.searchsorted(self._starts, address, side="right")) - 1
        if at < 0 or address >= self._files[at].end:
            return OUTSIDE, ""
        file = self._files[at]
        if file.path not in self._libraries:
            self._libraries[file.path] = _read_library(file.path)
        library = self._libraries[file.path]
        function = library and library.function_at(address - file.start + file.offset)
        return file.path.name, function or ""


def demangled(names: Iterable[str]) -> dict[str, str]:
    """Names as C++ writes them, by ``c++filt``; unchanged where that is not installed."""
    mangled = sorted(set(names))
    program = shutil.which("c++filt")
    if program is None or not mangled:
        return {name: name for name in mangled}
    try:
        done = subprocess.run(
            [program, "--no-params"],
            input="\n".join(mangled),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEMANGLE_SECONDS,
            check=True,
        )
        return dict(zip(mangled, done.stdout.splitlines(), strict=True))
    except (OSError, subprocess.SubprocessError, ValueError):
        return {name: name for name in mangled}


def _read_library(path: Path) -> Library | None:
    """``None`` where the file is no ELF file or is gone."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as stream:
            file: Any = ELFFile(stream)  # type: ignore[no-untyped-call]
            segments = [
                (segment["p_offset"], segment["p_filesz"], segment["p_vaddr"])
                for segment in file.iter_segments("PT_LOAD")
            ]
            table = file.get_section_by_name(".symtab") or file.get_section_by_name(".dynsym")
            if table is None:
                return Library(path.name, segments, *_functions(b"", b""))
            texts = file.get_section(table["sh_link"])
            return Library(path.name, segments, *_functions(table.data(), texts.data()))
    except (OSError, ELFError):
        return None


def _functions(table: bytes, texts: bytes) -> tuple[Any, Any, list[str]]:
    """Addresses, sizes and names of the functions, sorted by address."""
    symbols = np.frombuffer(table, _SYMBOL)
    kinds = symbols["info"] & 0xF
    is_function = ((kinds == _FUNCTION) | (kinds == _INDIRECT_FUNCTION)) & (symbols["size"] > 0)
    found = symbols[is_function & (symbols["section"] != 0)]
    found = found[np.argsort(found["value"], kind="stable")]
    names = [
        texts[start : texts.index(b"\0", start)].decode(errors="replace")
        for start in found["name"].tolist()
    ]
    return found["value"], found["size"], names
