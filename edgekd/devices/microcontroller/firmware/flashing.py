"""What a user puts on a real board: the linked image, and the same as plain bytes of its flash."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from edgekd.devices.microcontroller.firmware.board import Board
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.firmware.toolchain import packages
from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.target import Target

# A file of plain bytes has all of the gaps between its parts.
MAX_BINARY_BYTES = 64 * 1024 * 1024
_OBJCOPY_SECONDS = 60


def write_images(library: Path, target: Target, out: Path) -> list[Path]:
    """Write ``firmware.elf`` and ``firmware.bin`` of a library for a real board.

    The ELF is the very image that the device ``serial`` expects to find on the board. The binary
    begins at the first address of the board's flash.

    Args:
        library: folder that holds ``model.c`` and ``model.h``.
        target: its board is one without an emulator.
        out: folder; what it holds under these names is replaced.

    Returns:
        Both files.

    Raises:
        BadInput: as for :func:`build_firmware`; an emulated board; or flash in parts that lie too
            far apart for one binary.
        MissingPackage: the cross compiler is not installed.
        RunFailed: the library does not fit, or the files cannot be written.
    """
    firmware = build_firmware(library, target)
    _check_board(firmware.board)
    objcopy = _objcopy(firmware.toolchain, target.name)
    elf, binary = out / "firmware.elf", out / "firmware.bin"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".firmware-", dir=out) as name:
            folder = Path(name)
            shutil.copyfile(firmware.elf, folder / elf.name)
            _make_binary(objcopy, folder / elf.name, folder / binary.name)
            (folder / elf.name).replace(elf)
            (folder / binary.name).replace(binary)
    except OSError as error:
        raise RunFailed(
            f"the firmware cannot be written: {error.strerror}",
            where=str(out),
            mend="free some space or choose another folder with --out",
        ) from error
    return [elf, binary]


def _check_board(board: Board) -> None:
    if board.emulator is not None:
        raise BadInput("is an emulated board, there is nothing to flash", where=board.name)
    memory = board.memory
    parts = [part for part in (memory.vectors, memory.flash, memory.harness_code) if part]
    size = max(part.end for part in parts) - min(part.origin for part in parts)
    if size > MAX_BINARY_BYTES:
        raise BadInput(
            f"vectors, flash and harness_code span {size:,} bytes, too many for one binary",
            where=f"board.yaml of {board.name}",
            mend="put them side by side",
        )


def _objcopy(toolchain: str, target: str) -> str:
    name = f"{toolchain}-objcopy"
    found = shutil.which(name)
    if found is None:
        wanted = " ".join(packages(toolchain))
        raise MissingPackage(
            f"{name} is not installed", mend=f"edgekd setup {target}, or apt-get install {wanted}"
        )
    return found


def _make_binary(objcopy: str, elf: Path, binary: Path) -> None:
    try:
        subprocess.run(
            [objcopy, "-O", "binary", str(elf), str(binary)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_OBJCOPY_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise RunFailed("cannot make a binary of the firmware", where=Path(objcopy).name) from error
