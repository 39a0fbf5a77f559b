"""The files for a real board: linked, compact, and where the core looks for them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from edgekd.catalog import shipped
from edgekd.devices.microcontroller.firmware.board import find_board
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.firmware.flashing import write_images
from edgekd.devices.microcontroller.firmware.image import read_image
from edgekd.devices.microcontroller.firmware.toolchain import find_compiler
from edgekd.errors import BadInput, MissingPackage, RunFailed
from tests.devices.microcontroller.firmware.test_build import WARNINGS
from tests.devices.microcontroller.library import target_named

NAME = "nucleo-f446re"


def test_the_binary_is_the_flash_of_the_image(library: Path, tmp_path: Path) -> None:
    target = target_named(NAME)
    out = tmp_path / "new" / "folder"
    elf, binary = write_images(library, target, out)
    assert sorted(path.name for path in out.iterdir()) == ["firmware.bin", "firmware.elf"]
    assert elf.read_bytes() == build_firmware(library, target).elf.read_bytes()
    board, _ = find_board(NAME)
    memory = board.memory
    assert memory.vectors is not None
    content = binary.read_bytes()
    assert len(content) < 32 * 1024
    image = read_image(elf)
    for section in image.sections:
        if section.content is not None and not section.writable:
            start = section.address - memory.vectors.origin
            assert content[start : start + section.size] == section.content
    # The first word is the stack, the second the reset handler with its Thumb bit.
    places = {symbol.name: symbol.address for symbol in image.symbols}
    stack, reset = struct.unpack_from("<2I", content)
    assert memory.ram.origin < stack <= memory.ram.end
    assert reset == places["edgekd_reset"] | 1
    assert {"uart_getc", "uart_putc", "board_init"} <= set(places)


def test_writing_again_replaces(library: Path, tmp_path: Path) -> None:
    elf, binary = write_images(library, target_named(NAME), tmp_path)
    before = binary.read_bytes()
    binary.write_bytes(b"old")
    assert write_images(library, target_named(NAME), tmp_path) == [elf, binary]
    assert binary.read_bytes() == before


def test_the_boards_own_code_is_clean_under_all_warnings(library: Path, tmp_path: Path) -> None:
    part = target_named(NAME).microcontroller
    assert part is not None
    compiler = find_compiler(part.toolchain, NAME)
    _, folder = find_board(NAME)
    command = [str(compiler.path), *part.flags, *compiler.flags, *WARNINGS]
    command += [f"-I{shipped('targets') / 'firmware'}", "-c", str(folder / "board.c")]
    subprocess.run([*command, "-o", str(tmp_path / "board.o")], check=True)


def test_what_cannot_be_flashed_is_said(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="is an emulated board"):
        write_images(library, target_named("cortex-m4"), tmp_path / "a")
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(RunFailed, match="cannot be written"):
        write_images(library, target_named(NAME), tmp_path / "file")
    _, folder = find_board(NAME)
    far = tmp_path / "boards" / "far"
    far.mkdir(parents=True)
    text = (folder / "board.yaml").read_text()
    (far / "board.yaml").write_text(text.replace("0x08000200", "0x60000000"))
    (far / "board.c").write_text((folder / "board.c").read_text())
    monkeypatch.setenv("EDGEKD_TARGETS", str(tmp_path))
    target = target_named(NAME)
    assert target.microcontroller is not None
    part = target.microcontroller.model_copy(update={"board": "far"})
    with pytest.raises(BadInput, match="too many for one binary"):
        write_images(library, target.model_copy(update={"microcontroller": part}), tmp_path / "b")
    assert not (tmp_path / "b").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackage, match="arm-none-eabi-gcc is not installed"):
        write_images(library, target, tmp_path / "b")
