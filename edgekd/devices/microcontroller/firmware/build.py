"""Firmware from a generated library: compiled by the real cross compiler, linked to the budget.

An image stays in ``$XDG_CACHE_HOME/edgekd/firmware``, by the hash of its sources, its flags, its
linker script and its compiler: the same question is compiled once.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgekd.catalog import shipped
from edgekd.devices.microcontroller.firmware.board import Board, find_board
from edgekd.devices.microcontroller.firmware.linker import linker_script, refuse_overflow
from edgekd.devices.microcontroller.firmware.toolchain import Compiler, find_compiler, run_compiler
from edgekd.errors import BadInput, RunFailed
from edgekd.files import cache_folder, digest, sha256_of, sync_folder
from edgekd.target import Microcontroller, Target

MAX_SOURCE_BYTES = 256 * 1024 * 1024
_IMAGE = "firmware.elf"
_SCRIPT = "firmware.ld"
_HARNESS = ("main", "protocol", "stack", "cycles", "fault")
_FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections", "-fno-common")
# Its loops stay loops: the harness must not draw parts of the C library into the library's flash.
_HARNESS_FLAGS = ("-Os", "-ffreestanding", "-fno-tree-loop-distribute-patterns")
_LINK_FLAGS = (
    "-nostartfiles",
    *("-T", _SCRIPT),
    *("-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"),
)
# What to show of a compiler's or linker's messages, the most telling first.
_ERRORS = tuple(map(re.compile, (r"(undefined reference to .+)", r"error: (.+)", r"ld: (.+)")))


@dataclass(frozen=True)
class Firmware:
    """One linked image.

    Attributes:
        elf: the image with its symbols, in the cache.
        image: hash of its sources, flags, linker script and compiler, by which it is known on a
            board.
        board: it is linked for.
        core: as its manual calls it, ``cortex-m4``.
        toolchain: prefix of the cross compiler, ``arm-none-eabi``.
        compiler: name and version of the compiler.
        target: name of the target.
        stack_bytes: that RAM holds for the stack.
    """

    elf: Path
    image: str
    board: Board
    core: str
    toolchain: str
    compiler: str
    target: str
    stack_bytes: int


@dataclass(frozen=True)
class _Unit:
    """One file to compile: source, name of its object, and its own flags."""

    source: Path
    name: str
    flags: tuple[str, ...]


def build_firmware(library: Path, target: Target) -> Firmware:
    """Compile and link a library with the harness, or take the same image from the cache.

    A board that an emulator knows gets the semihosting transport, any other the serial port's.

    Args:
        library: folder that holds ``model.c`` and ``model.h``.
        target: its ``microcontroller`` names compiler, flags and board.

    Raises:
        BadInput: no such library, target or board, or a source that does not compile.
        MissingPackage: the cross compiler is not installed.
        RunFailed: the library does not fit the target's budget, or the cache cannot be written.
    """
    part = target.microcontroller
    if part is None:
        raise BadInput("the target is no microcontroller", where=target.name)
    for name in ("model.c", "model.h"):
        _check_source(library / name)
    board, folder = find_board(part.board)
    compiler = find_compiler(part.toolchain, target.name)
    template = shipped("targets") / "boards" / "firmware.ld.in"
    script = linker_script(template, board, target, part.stack_bytes)
    units = _units(library, board, folder, part)
    flags = [*part.flags, *compiler.flags, *_FLAGS]
    key = _key(library, units, [*flags, *_LINK_FLAGS], script, compiler)
    elf = cache_folder() / "firmware" / key / _IMAGE
    if not elf.is_file():
        _build(elf, library, units, flags, script, compiler, board, target)
    return Firmware(
        elf, key, board, part.core, part.toolchain, compiler.version, target.name, part.stack_bytes
    )


def _check_source(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput("there is no such file", where=str(path)) from error
    if not path.is_file() or size > MAX_SOURCE_BYTES:
        raise BadInput("is not a C source of reasonable size", where=str(path))


def _units(library: Path, board: Board, folder: Path, part: Microcontroller) -> list[_Unit]:
    """The files of one image; the linker script tells the harness by the names of its objects."""
    sources = shipped("targets")
    firmware = sources / "firmware"
    transport = "semihosting" if board.emulator else "uart"
    harness_flags = (*_HARNESS_FLAGS, f'-DEDGEKD_CORE="{part.core}"')
    start_up = (firmware / "region.c", sources / "boards" / f"{board.architecture}.c")
    return [
        _Unit(library / "model.c", "model", ("-O2",)),
        *(_Unit(path, f"start_{path.stem}", ("-Os", "-ffreestanding")) for path in start_up),
        *(
            _Unit(firmware / f"{name}.c", f"harness_{name}", harness_flags)
            for name in (*_HARNESS, transport)
        ),
        *(
            _Unit(path, f"harness_board_{path.stem}", harness_flags)
            for path in sorted(folder.glob("*.c"))
        ),
    ]


def _key(
    library: Path, units: list[_Unit], flags: list[str], script: str, compiler: Compiler
) -> str:
    headers = [library / "model.h", *sorted((shipped("targets") / "firmware").glob("*.h"))]
    return digest(
        {
            "units": [[unit.name, sha256_of(unit.source), *unit.flags] for unit in units],
            "headers": [[path.name, sha256_of(path)] for path in headers],
            "flags": flags,
            "script": script,
            "compiler": compiler.version,
        }
    )


def _build(
    elf: Path,
    library: Path,
    units: list[_Unit],
    flags: list[str],
    script: str,
    compiler: Compiler,
    board: Board,
    target: Target,
) -> None:
    """Build in a folder beside the last one and rename: two builds of the same cannot mix."""
    store = elf.parent.parent
    try:
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=store) as name:
            folder = Path(name)
            (folder / _SCRIPT).write_text(script, encoding="utf-8")
            includes = ["-I", str(library.resolve()), "-I", str(shipped("targets") / "firmware")]
            # The folder's name is the hash of all that goes in; the firmware tells it to the host.
            image = f'-DEDGEKD_IMAGE="{elf.parent.name}"'
            for unit in units:
                _compile(unit, [str(compiler.path), *flags, *includes, image], folder)
            _link(units, [str(compiler.path), *flags], folder, board, target)
            _publish(folder, elf)
    except OSError as error:
        raise RunFailed(
            f"the firmware cannot be built: {error.strerror}",
            where=str(store),
            mend="free some space or set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def _compile(unit: _Unit, command: list[str], folder: Path) -> None:
    done = run_compiler(
        [*command, *unit.flags, "-c", str(unit.source.resolve()), "-o", f"{unit.name}.o"], folder
    )
    if done.returncode != 0:
        raise BadInput(f"does not compile: {_first_error(done.stderr)}", where=str(unit.source))


def _link(
    units: list[_Unit], command: list[str], folder: Path, board: Board, target: Target
) -> None:
    objects = [f"{unit.name}.o" for unit in units]
    done = run_compiler([*command, *_LINK_FLAGS, *objects, "-lm", "-o", _IMAGE], folder)
    if done.returncode != 0:
        refuse_overflow(done.stderr, board, target)
        raise BadInput(f"does not link: {_first_error(done.stderr)}", where=str(units[0].source))


def _first_error(messages: str) -> str:
    found = next(filter(None, (error.search(messages) for error in _ERRORS)), None)
    return (found[1] if found else messages.strip() or "no message")[:300]


def _publish(folder: Path, elf: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".image-", dir=elf.parent.parent) as name:
        finished = Path(name) / elf.parent.name
        finished.mkdir()
        shutil.copyfile(folder / _IMAGE, finished / _IMAGE)
        with (finished / _IMAGE).open("rb") as stream:
            os.fsync(stream.fileno())
        try:
            finished.rename(elf.parent)
        except OSError:
            # Another process was first, and what it put there is the same.
            if not elf.is_file():
                raise
    sync_folder(elf.parent.parent)
