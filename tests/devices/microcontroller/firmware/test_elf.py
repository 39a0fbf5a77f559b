from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgekd.devices.microcontroller.firmware.elf import Sections, account
from edgekd.devices.microcontroller.firmware.image import read_image
from edgekd.errors import BadInput

pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="the cross compiler is not installed"
)

MODEL = """
#include <stdint.h>
#include <string.h>
static const int8_t model_weights_0[1000] = {1, 2, 3};
static const int32_t model_bias_0[24] = {4};
static const int8_t model_table_1[256] = {5};
struct size { int32_t rows, columns; };
static const struct size model_parameters_0 = {10, 100};
const char *const model_inputs[1] = {"a name that no symbol has"};
uint8_t model_arena[2048];
static uint32_t calls = 7;
__attribute__((noinline)) static int edgekd_kernel(const struct size *size, const int8_t *weights) {
    int sum = model_bias_0[size->rows];
    for (int i = 0; i < size->columns; i++) { sum += weights[i] * model_table_1[i & 255]; }
    return sum;
}
__attribute__((noinline)) static void model_layer_0_conv_2d(uint8_t *arena) {
    memmove(arena, arena + 100, calls++);
    arena[0] = (uint8_t)edgekd_kernel(&model_parameters_0, model_weights_0);
}
void model_run(uint8_t *arena) { model_layer_0_conv_2d(arena); }
"""
MAIN = """
#include <stdint.h>
extern uint8_t model_arena[];
extern const char *const model_inputs[];
void model_run(uint8_t *arena);
static char buffer[333];
void edgekd_reset(void) {
    model_run(model_arena);
    for (int i = 0; i < 333; i++) { buffer[i] = model_inputs[0][i % 20]; }
    for (volatile char *each = buffer;;) { (void)*each; }
}
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    0, edgekd_reset};
"""
SCRIPT = """
MEMORY { FLASH : ORIGIN = 0, LENGTH = 1M  RAM : ORIGIN = 0x20000000, LENGTH = 1M }
SECTIONS {
    .vectors : { KEEP(*(.vectors)) } > FLASH
    .harness_text : { *main.o(.text .text.* .rodata .rodata.*) } > FLASH
    .harness_bss (NOLOAD) : { *main.o(.bss .bss.*) } > RAM
    .text : { *(.text .text.*) } > FLASH
    .rodata : { *(.rodata .rodata.*) } > FLASH
    .stack (NOLOAD) : { . += 1024; } > RAM
    .data : { *(.data .data.*) } > RAM AT > FLASH
    .bss (NOLOAD) : { *(.bss .bss.* COMMON) } > RAM
    /DISCARD/ : { *(.ARM.exidx* .comment .ARM.attributes) }
}
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    for name, text in (("model.c", MODEL), ("main.c", MAIN), ("link.ld", SCRIPT)):
        (folder / name).write_text(text)
    flags = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O1", "-fno-builtin"]
    for name in ("model", "main"):
        subprocess.run([*flags, "-c", f"{name}.c", "-o", f"{name}.o"], check=True, cwd=folder)
    subprocess.run(
        [*flags, "-nostartfiles", "-T", "link.ld", "-Wl,-e,edgekd_reset", "model.o", "main.o"],
        check=True,
        cwd=folder,
    )
    return folder / "a.out"


@pytest.fixture(scope="module")
def sections(elf: Path) -> Sections:
    return account(elf)


def _sizes(elf: Path) -> dict[str, int]:
    """Sizes of sections as binutils tells them."""
    shown = subprocess.run(
        ["arm-none-eabi-size", "-A", elf], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in shown.splitlines() if line.startswith(".")]
    return {row[0]: int(row[1]) for row in rows if not row[0].startswith((".debug", ".ARM"))}


def test_the_parts_sum_up_to_the_sections(elf: Path, sections: Sections) -> None:
    sizes = _sizes(elf)
    in_ram = {".stack", ".data", ".bss", ".harness_bss"}
    in_flash = set(sizes) - in_ram | {".data"}
    assert sum(sections.flash.values()) == sum(sizes[name] for name in in_flash)
    assert sum(sections.ram.values()) == sum(sizes[name] for name in in_ram)


def test_constants_count_by_their_role(sections: Sections) -> None:
    flash = sections.flash
    assert (flash["weights"], flash["bias"], flash["tables"]) == (1000, 96, 256)
    assert flash["parameters"] == 8
    assert sections.model_bytes == 1096


def test_the_harness_is_left_out(elf: Path, sections: Sections) -> None:
    sizes = _sizes(elf)
    assert sections.flash["harness"] == sizes[".harness_text"]
    assert sections.ram["harness"] == sizes[".harness_bss"]
    assert sections.flash_bytes == sum(sections.flash.values()) - sizes[".harness_text"]
    assert sections.ram_bytes == 2048 + 1024 + sizes[".data"] + (sizes[".bss"] - 2048)


def test_non_model_flash_is_everything_else(elf: Path, sections: Sections) -> None:
    image = read_image(elf)
    flash = sections.flash
    code = ("edgekd_kernel", "model_layer_0_conv_2d", "model_run")
    assert flash["code"] == pytest.approx(sum(image.named(name).size for name in code), abs=16)
    assert flash["c-library"] == pytest.approx(image.named("memmove").size, abs=16)
    assert flash["start-up"] == 64
    assert flash["unnamed"] == 28  # the name of the input, which no symbol names
    assert sections.non_model_flash_bytes == sections.flash_bytes - 1096


def test_ram_is_arena_stack_and_data(sections: Sections) -> None:
    assert sections.arena_bytes == 2048
    assert sections.ram["stack"] == 1024
    # The variable counts twice: in RAM, and its initial value in flash.
    assert sections.ram["data"] == 4
    assert sections.flash["data"] == 4 + 4


def test_addresses_are_found_by_symbol(elf: Path) -> None:
    image = read_image(elf)
    kernel = image.named("edgekd_kernel")
    assert image.at(kernel.address) == image.at(kernel.end - 1) == kernel
    assert image.at(0xF0000000) is None
    assert kernel.source == "model.c"
    with pytest.raises(BadInput, match="no symbol"):
        image.named("nobody")


def test_what_is_no_elf_is_refused(elf: Path, tmp_path: Path) -> None:
    whole = elf.read_bytes()
    for length in (0, 3, 16, 52, 200, len(whole) // 2, len(whole) - 700):
        (tmp_path / "cut.elf").write_bytes(whole[:length])
        with pytest.raises(BadInput):
            account(tmp_path / "cut.elf")
    with pytest.raises(BadInput):
        account(tmp_path / "absent.elf")
