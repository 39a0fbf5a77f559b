"""Android's x86-64 libraries, changed so that glibc's loader takes them.

Both systems use the same calling convention and, for what these libraries use, mostly the same
structures. What differs:

- bionic's version tables (``LIBC``) mean nothing to glibc: they are dropped;
- so are the needed libraries of Android itself, whose place glibc and ``shim.c`` take;
- all symbols would be bound at once, also those that are never called: bound when first called;
- segments that become read-only after that binding stay writable;
- imports of the same name, but with another meaning, get a name of ``shim.c``.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from edgekd.errors import BadInput

ANDROID_ONLY = frozenset({"libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so"})
# Their names in ``shim.c`` begin with a capital letter.
RENAMED = frozenset(
    {
        *("fprintf", "vfprintf", "fputc", "fputs", "fflush", "fwrite", "setvbuf"),
        *("pthread_cond_broadcast", "pthread_cond_destroy", "pthread_cond_signal"),
        *("pthread_cond_timedwait", "pthread_cond_wait", "pthread_sigmask", "sigfillset"),
        *("strerror_r", "sysconf"),
    }
)
_VERSIONS = frozenset({"DT_VERSYM", "DT_VERDEF", "DT_VERDEFNUM", "DT_VERNEED", "DT_VERNEEDNUM"})
_BIND_NOW = {"DT_FLAGS": 0x8, "DT_FLAGS_1": 0x1}


def port(library: Path, to: Path) -> None:
    """Write a library of Android so that it loads into a process of Linux.

    Raises:
        BadInput: it is no shared library of 64-bit x86, or lays out its names in another way.
    """
    data = bytearray(library.read_bytes())
    elf = _opened(bytes(data), library)
    _drop_dynamic_entries(elf, data)
    _keep_writable(elf, data)
    _rename_imports(elf, data, library)
    to.write_bytes(data)


def _opened(content: bytes, library: Path) -> ELFFile:
    no_library = BadInput("this is no shared library of 64-bit x86", where=str(library))
    try:
        elf = ELFFile(io.BytesIO(content))
    except ELFError as error:
        raise no_library from error
    if elf["e_machine"] != "EM_X86_64" or elf["e_type"] != "ET_DYN":
        raise no_library
    return elf


def _drop_dynamic_entries(elf: ELFFile, data: bytearray) -> None:
    section = elf.get_section_by_name(".dynamic")
    start, size, step = section["sh_offset"], section["sh_size"], section["sh_entsize"]
    kept = bytearray()
    for index, tag in enumerate(section.iter_tags()):
        name = tag.entry.d_tag
        if name in _VERSIONS or (name == "DT_NEEDED" and tag.needed in ANDROID_ONLY):
            continue
        number, value = struct.unpack_from("<QQ", data, start + index * step)
        kept += struct.pack("<QQ", number, value & ~_BIND_NOW.get(name, 0))
    data[start : start + size] = kept.ljust(size, b"\0")


def _keep_writable(elf: ELFFile, data: bytearray) -> None:
    for index, segment in enumerate(elf.iter_segments()):
        if segment["p_type"] == "PT_GNU_RELRO":
            # The first field of a program header is its type, and 0 is PT_NULL.
            struct.pack_into("<I", data, elf["e_phoff"] + index * elf["e_phentsize"], 0)


def _rename_imports(elf: ELFFile, data: bytearray, library: Path) -> None:
    section = elf.get_section_by_name(".dynsym")
    symbols = list(section.iter_symbols())
    places = {symbol["st_name"] for symbol in symbols}
    for symbol in symbols:
        if symbol.name not in RENAMED or symbol["st_shndx"] != "SHN_UNDEF":
            continue
        at = symbol["st_name"]
        # A linker may let another name share these letters.
        before = data[section.stringtable["sh_offset"] + at - 1]
        if before != 0 or places & set(range(at + 1, at + len(symbol.name))):
            raise BadInput(
                f"{symbol.name} shares its letters with another name", where=str(library)
            )
        data[section.stringtable["sh_offset"] + at] = ord(symbol.name[0].upper())
