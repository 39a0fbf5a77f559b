from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgekd.devices.microcontroller.cycles.estimate import (
    CycleEstimate,
    cores,
    cycles_by_address,
    estimate_cycles,
    read_table,
)
from edgekd.devices.microcontroller.firmware.image import read_image
from edgekd.errors import BadInput
from tests.devices.microcontroller.programs import EMULATOR, counted, program

pytestmark = pytest.mark.skipif(
    not (shutil.which(EMULATOR) and shutil.which("arm-none-eabi-gcc")),
    reason="the emulator and the cross compiler are not installed",
)

# The end marker's call closes each: 1 + P, P being 1 to 3 and typically 2; on the M33 2 (to 3).
LOADS = """
    mov r0, #0x20000000     @ 1
    ldr r1, [r0]            @ 2, and 1 for the address that was only just made
    ldr r2, [r0, #4]        @ 1: overlaps with the load before
    str r2, [r0, #8]        @ 1
    nop                     @ 1
"""
LOOP = """
    movs r0, #10            @ 1
1:  smlad r1, r2, r3, r1    @ 1
    subs r0, #1             @ 1
    bne 1b                  @ 1, and P nine times
"""
MULTIPLE = """
    push {r4-r7}            @ 1 + 4
    pop {r4-r7}             @ 1 + 4
    ldrd r0, r1, [sp, #-8]  @ 1 + 2
    mla r2, r0, r1, r2      @ 1; M3: 2
    umull r2, r3, r0, r1    @ 1; M3: 3 to 5
    umlal r2, r3, r0, r1    @ 1; M3: 4 to 7
    sdiv r2, r0, r1         @ 2 to 12
"""
STORES = """
    mov r0, #0x20000000     @ 1
    movs r2, #4             @ 1
    str r1, [r0, r2]        @ 2, and 1 for r2
    ldr r1, [r0], #4        @ 2, perhaps 1 for the store before
    ldr r3, [r0]            @ 2: a load that updates its base overlaps with nothing
    str r3, [r0, r2]        @ 1: overlaps
    it eq                   @ 1, or folded
    addeq r3, #1            @ 1
"""
CALL = "    bl callee           @ 1 + P\n"
CALLEE = """
    function callee
    push {r4, lr}           @ 1 + 2
    pop {r4, pc}            @ 1 + 2 + P
    finish callee
"""
LATE = """
    mov r0, #0x20000000     @ 1
    ldr r1, [r0]            @ 1
    adds r2, r1             @ 1, and 1 for the load
    ldr r3, [r0, #4]        @ 1
    str r3, [r0]            @ 1: what is stored may come late
    ldr r1, [r0]            @ 1
    mla r2, r3, r3, r1      @ 1: so may the accumulator
    push {r4-r7}            @ 4
    pop {r4-r7}             @ 4
"""
BRANCHES = """
    movs r0, #10            @ 1
1:  nop                     @ 1
    subs r0, #1             @ 1
    bne 1b                  @ 2 nine times, then 0
"""


def _estimate(folder: Path, core: str, body: str, functions: str = "") -> CycleEstimate:
    elf = program(folder, body, runs=2, functions=functions)
    return estimate_cycles(read_image(elf), counted(elf), core)


@pytest.mark.parametrize(
    ("body", "core", "least", "typical", "most"),
    [
        (LOADS, "cortex-m4", 9, 10, 11),
        (LOADS, "cortex-m3", 9, 10, 11),
        (LOOP, "cortex-m4", 31 + 9 + 2, 31 + 18 + 3, 31 + 27 + 4),
        (MULTIPLE, "cortex-m4", 16 + 2 + 2, 16 + 7 + 3, 16 + 12 + 4),
        (MULTIPLE, "cortex-m3", 22 + 2 + 2, 25 + 7 + 3, 27 + 12 + 4),
        (STORES, "cortex-m4", 11 + 2, 12 + 3, 13 + 4),
        (CALL, "cortex-m4", 2 + 3 + 4 + 2, 3 + 3 + 5 + 3, 4 + 3 + 6 + 4),
        (LATE, "cortex-m33", 16 + 2, 16 + 2, 16 + 3),
        (BRANCHES, "cortex-m33", 1 + 20 + 18 + 2, 1 + 20 + 18 + 2, 1 + 20 + 27 + 3),
    ],
)
def test_cycles_are_those_of_the_manual(
    tmp_path: Path, body: str, core: str, least: int, typical: int, most: int
) -> None:
    found = _estimate(tmp_path, core, body, CALLEE)
    assert (found.least, found.cycles, found.most) == (least, typical, most)


def test_an_estimate_says_what_it_rests_on(tmp_path: Path) -> None:
    found = _estimate(tmp_path, "cortex-m4", LOOP)
    assert found.instructions == 1 + 3 * 10 + 1
    assert any("Technical Reference Manual" in source for source in found.sources)
    assert all("\n" not in line for line in found.assumptions)
    assert any("wait states" in line for line in found.assumptions)
    assert found.milliseconds(52_000) == 1.0


@pytest.mark.parametrize("core", cores())
def test_cycles_at_the_addresses_sum_up_to_the_estimate(tmp_path: Path, core: str) -> None:
    elf = program(tmp_path, STORES + LOADS + MULTIPLE, runs=3)
    image, counts = read_image(elf), counted(elf)
    found = estimate_cycles(image, counts, core)
    by_address = cycles_by_address(image, counts.histogram, read_table(core))
    assert set(by_address) == set(counts.histogram.executed)
    assert sum(each.typical for each in by_address.values()) == pytest.approx(3 * found.cycles)
    assert found.least <= found.cycles <= found.most


def test_a_core_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cortex-m7"):
        _estimate(tmp_path, "cortex-m7", LOOP)
    assert cores() == ("cortex-m3", "cortex-m33", "cortex-m4")
