"""Real compilers make real images; what does not fit or compile is said in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekd.catalog import shipped
from edgekd.devices.microcontroller.firmware.board import find_board
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.firmware.image import Section, read_image
from edgekd.devices.microcontroller.firmware.linker import limits
from edgekd.devices.microcontroller.firmware.toolchain import find_compiler
from edgekd.errors import BadInput, MissingPackage, RunFailed
from tests.conftest import ROOT
from tests.devices.microcontroller.library import TARGETS, target_named, write_library

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Os", "-ffreestanding")
BIG_TABLE = "static const int8_t model_weights_0[300000] = {1};"
LOOK_UP = "output[index] = model_weights_0[(uint8_t)input[index] * 1000];"


def sections_of(elf: Path) -> dict[str, Section]:
    return {section.name: section for section in read_image(elf).sections}


@pytest.mark.parametrize("name", TARGETS)
def test_library_and_harness_lie_apart(library: Path, name: str) -> None:
    target = target_named(name)
    firmware = build_firmware(library, target)
    memory = firmware.board.memory
    image = read_image(firmware.elf)
    places = {symbol.name: symbol.address for symbol in image.symbols}
    for symbol in ("model_run", "edgekd_region", "edgekd_region_begin", "edgekd_reset"):
        assert memory.flash.origin <= places[symbol] < memory.flash.end or (
            # RISC-V begins in the section of the vectors.
            symbol == "edgekd_reset"
        )
    for symbol in ("main", "protocol_answer", "transport_read", "stack_run"):
        assert memory.harness_code.origin <= places[symbol] < memory.harness_code.end
    assert memory.ram.origin <= places["model_arena"] < memory.ram.end
    sections = sections_of(firmware.elf)
    assert sections[".stack"].size == 4096
    assert sections[".bss"].size == 32
    assert len({places["edgekd_region_begin"], places["edgekd_region_end"]}) == 2
    # The harness draws nothing of the C library into the library's flash.
    assert not {"memcpy", "memset", "strlen"} & set(places)


@pytest.mark.parametrize("name", TARGETS)
def test_the_firmware_is_clean_under_all_warnings(library: Path, name: str, tmp_path: Path) -> None:
    target = target_named(name)
    part = target.microcontroller
    assert part is not None
    compiler = find_compiler(part.toolchain, name)
    board, _ = find_board(part.board)
    sources = [*(shipped("targets") / "firmware").glob("*.c")]
    sources.append(shipped("targets") / "boards" / f"{board.architecture}.c")
    assert len(sources) > 5
    for source in sources:
        command = [str(compiler.path), *part.flags, *compiler.flags, *WARNINGS]
        command += ['-DEDGEKD_CORE="core"', '-DEDGEKD_IMAGE="image"']
        command += [f"-I{library}", f"-I{shipped('targets') / 'firmware'}"]
        command += ["-c", str(source), "-o", str(tmp_path / "object.o")]
        subprocess.run(command, check=True)


def test_the_same_question_is_compiled_once(library: Path, tmp_path: Path) -> None:
    target = target_named("cortex-m4")
    first = build_firmware(library, target)
    stamp = first.elf.stat().st_mtime_ns
    assert build_firmware(library, target).elf == first.elf
    assert first.elf.stat().st_mtime_ns == stamp
    other = write_library(tmp_path, loop="output[index] = input[index];")
    assert build_firmware(other, target).elf != first.elf
    assert target.microcontroller is not None
    larger = target.microcontroller.model_copy(update={"stack_bytes": 8192})
    deeper = target.model_copy(update={"microcontroller": larger})
    assert build_firmware(library, deeper).elf != first.elf
    assert build_firmware(library, target_named("cortex-m4", ram_bytes=65536)).elf != first.elf


def test_two_processes_may_build_the_same(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = (
        "from pathlib import Path\n"
        "from tests.devices.microcontroller.library import target_named\n"
        "from edgekd.devices.microcontroller.firmware.build import build_firmware\n"
        f"build_firmware(Path({str(library)!r}), target_named('cortex-m3'))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    [folder] = (tmp_path / "edgekd" / "firmware").iterdir()
    assert [path.name for path in folder.iterdir()] == ["firmware.elf"]


@pytest.mark.parametrize("name", ["cortex-m33", "riscv32"])
def test_too_much_flash_says_how_much(tmp_path: Path, name: str) -> None:
    library = write_library(tmp_path, declarations=BIG_TABLE, loop=LOOK_UP)
    fitting = build_firmware(library, target_named(name, flash_bytes=400000))
    sections = sections_of(fitting.elf)
    needed = sum(
        sections[part].size
        for part in (".vectors", ".start_up", ".text", ".rodata", ".data")
        if part in sections
    )
    build_firmware(library, target_named(name, flash_bytes=needed + 64))
    with pytest.raises(RunFailed, match=r"budget\.flash_bytes is 200,000") as caught:
        build_firmware(library, target_named(name, flash_bytes=200000))
    missing = int(caught.value.what.split(" bytes of flash")[0].split(": ")[1].replace(",", ""))
    assert missing == pytest.approx(needed - 200000, abs=64)
    assert "int4 weights" in caught.value.mend
    assert "\n" not in str(caught.value)


def test_too_much_ram_and_flash_are_told_together(tmp_path: Path) -> None:
    library = write_library(tmp_path, declarations=BIG_TABLE, loop=LOOK_UP, arena_bytes=100000)
    target = target_named("cortex-m4", flash_bytes=200000, ram_bytes=100000)
    with pytest.raises(RunFailed, match=r"bytes of flash are missing.* and 4,096 bytes of RAM"):
        build_firmware(library, target)


def test_the_boards_memory_limits_a_larger_budget() -> None:
    board, _ = find_board("mps2-an386")
    allowed = limits(board, target_named("cortex-m4", flash_bytes=2**30))
    assert (allowed["FLASH"].bytes, allowed["FLASH"].budgeted) == (4 * 2**20, False)
    assert (allowed["RAM"].bytes, allowed["RAM"].budgeted) == (4 * 2**20, False)


def test_errors_of_compiler_and_linker_are_one_line(tmp_path: Path) -> None:
    target = target_named("cortex-m4")
    with pytest.raises(BadInput, match="does not compile: expected expression"):
        build_firmware(write_library(tmp_path / "a", loop="output[index] = ;"), target)
    loop = "extern int absent(int); output[index] = absent(input[index]);"
    with pytest.raises(BadInput, match="undefined reference to `absent'"):
        build_firmware(write_library(tmp_path / "b", loop=loop), target)
    with pytest.raises(BadInput, match=r"model\.c: there is no such file"):
        build_firmware(tmp_path / "c", target)


def test_a_missing_compiler_names_its_packages(
    library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackage, match="arm-none-eabi-gcc is not installed") as caught:
        build_firmware(library, target_named("cortex-m4"))
    assert "edgekd setup cortex-m4" in str(caught.value)
    assert "libnewlib-arm-none-eabi" in str(caught.value)


def test_a_cache_that_cannot_be_written_is_one_line(
    library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "edgekd").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(RunFailed, match="the firmware cannot be built"):
        build_firmware(library, target_named("cortex-m4"))


def test_boards_of_a_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (shipped("targets") / "boards" / "mps2-an386" / "board.yaml").read_text()
    folder = tmp_path / "boards" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.setenv("EDGEKD_TARGETS", str(tmp_path))
    (folder / "board.yaml").write_text(text)
    board, found = find_board("mine")
    assert (board.name, found) == ("mine", folder)
    (folder / "board.yaml").write_text(text.replace("0x21100000", "0x21000000"))
    with pytest.raises(BadInput, match="two regions overlap at 0x21000000"):
        find_board("mine")
    with pytest.raises(BadInput, match=r"there is no board 'yours'.*mps2-an386"):
        find_board("yours")
