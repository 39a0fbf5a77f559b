"""Small ARM64 programs in assembly whose instructions can be counted by hand, run on QEMU."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgekd.devices.arm64.counts import PLUGIN_SOURCE, Counts, plugin_options, read_counts
from edgekd.devices.arm64.guest_process import (
    BASELINE,
    BEGIN,
    EMULATOR,
    END,
    GUEST_ADDRESS,
    GUEST_BYTES,
    MODEL_FILE,
)
from edgekd.devices.plugins import build_plugin, plugin_arguments

COMPILER = "aarch64-linux-gnu-gcc"
_FRAME = f"""
    .macro call number
    mov x8, #\\number
    svc #0
    .endm
    .macro mark value
    ldr x0, =\\value
    call 155            // getpgid
    .endm
    .set BASELINE, {BASELINE}
    .set BEGIN, {BEGIN}
    .set END, {END}
    .data
model: .asciz "{MODEL_FILE}"
    .text
    .global _start
    .type _start, %function
_start:
{{body}}
    mov x0, #0
    call 94             // exit_group
    .ltorg
    .size _start, . - _start
{{functions}}
"""
# Load of the end marker, number of its call, and the call itself.
OVERHEAD = 3


def program(folder: Path, body: str, functions: str = "") -> Path:
    """A static program without a library."""
    source, elf = folder / "program.S", folder / "program.elf"
    source.write_text(_FRAME.format(body=body, functions=functions))
    subprocess.run([COMPILER, "-nostdlib", "-static", "-o", elf, source], check=True)
    return elf


def output_of(elf: Path, *, warmup: int = 0) -> Path:
    """Run a program under the plugin; the file that it leaves."""
    output = elf.with_suffix(".counts")
    (elf.parent / MODEL_FILE).write_bytes(bytes(4096))
    options = plugin_options(elf.parent / MODEL_FILE, output, warmup)
    plugin = plugin_arguments(build_plugin(PLUGIN_SOURCE, EMULATOR), options)
    place = ["-B", hex(GUEST_ADDRESS), "-R", hex(GUEST_BYTES)]
    command = [EMULATOR, "-cpu", "cortex-a76", *place, *plugin, str(elf)]
    subprocess.run(command, check=True, timeout=60, cwd=elf.parent)
    return output


def counted(elf: Path, *, warmup: int = 0) -> Counts:
    """What the plugin counts."""
    return read_counts(output_of(elf, warmup=warmup))
