"""Small programs in assembly whose instructions can be counted by hand, run on a real emulator."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgekd.devices.microcontroller.counts.counting import (
    PLUGIN_SOURCE,
    read_counts,
    region_arguments,
)
from edgekd.devices.microcontroller.counts.records import Counts
from edgekd.devices.microcontroller.counts.tracing import Trace
from edgekd.devices.microcontroller.firmware.image import read_image
from edgekd.devices.plugins import build_plugin, emulator_version

EMULATOR = "qemu-system-arm"
_MACHINES = {"cortex-m3": "mps2-an385", "cortex-m4": "mps2-an386"}
_FRAME = """
    .syntax unified
    .thumb
    .macro function name
    .global \\name
    .type \\name, %function
    .thumb_func
\\name:
    .endm
    .macro finish name
    .size \\name, . - \\name
    .endm
    .section .vectors, "a"
    .word 0x20010000
    .word edgekd_reset
    .text
    function edgekd_region_begin
    nop
    bx lr
    finish edgekd_region_begin
    function edgekd_region_end
    nop
    bx lr
    finish edgekd_region_end
{functions}
    function edgekd_reset
    ldr r11, ={runs}
again:
    bl edgekd_region_begin
{body}
    bl edgekd_region_end
    subs r11, #1
    bne again
finished:
    movs r0, #0x18      @ semihosting: SYS_EXIT, ADP_Stopped_ApplicationExit
    ldr r1, =0x20026
    bkpt 0xab
    .ltorg
    finish edgekd_reset
"""
# The call of the end marker: the one instruction of the frame inside the region.
OVERHEAD = 1


def program(
    folder: Path, body: str, *, runs: int = 1, functions: str = "", core: str = "cortex-m4"
) -> Path:
    """A linked program whose region runs ``body`` so many times; r11 is the frame's own."""
    source, elf = folder / "program.S", folder / "program.elf"
    source.write_text(_FRAME.format(functions=functions, body=body, runs=runs))
    subprocess.run(
        [
            *("arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", "-nostdlib", "-o", elf, source),
            *("-Wl,-Ttext=0x100", "-Wl,--section-start=.vectors=0", "-Wl,-e,edgekd_reset"),
        ],
        check=True,
    )
    return elf


def run(elf: Path, arguments: list[str], core: str = "cortex-m4") -> None:
    """Run a program to its end."""
    command = [EMULATOR, "-M", _MACHINES[core], "-display", "none", "-monitor", "none"]
    command += ["-serial", "none", "-semihosting-config", "enable=on,target=native"]
    subprocess.run([*command, "-kernel", elf, *arguments], check=True, timeout=60)


def counted(elf: Path, core: str = "cortex-m4") -> Counts:
    """What the plugin counts."""
    image, output = read_image(elf), elf.with_suffix(".counts")
    run(elf, region_arguments(build_plugin(PLUGIN_SOURCE, EMULATOR), image, output), core)
    return read_counts(output, image)


def traced(elf: Path, folder: Path) -> Counts:
    """What the trace of instructions counts."""
    with Trace(read_image(elf), emulator_version(EMULATOR), folder) as trace:
        run(elf, trace.arguments)
    return trace.counts()
