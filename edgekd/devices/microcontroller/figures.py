"""All figures of one firmware: exact counts, painted stack, linked bytes, and estimated cycles."""

from __future__ import annotations

from collections.abc import Sequence

from edgekd.devices.contract import Figures
from edgekd.devices.microcontroller.counts.counting import count_region
from edgekd.devices.microcontroller.counts.profile import Line, profile
from edgekd.devices.microcontroller.counts.records import Counts
from edgekd.devices.microcontroller.cycles.estimate import cores, estimate_cycles
from edgekd.devices.microcontroller.firmware.build import Firmware
from edgekd.devices.microcontroller.firmware.elf import Sections, account
from edgekd.devices.microcontroller.firmware.image import Image, read_image
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.records import Cost, Estimate, Memory, Profile
from edgekd.target import Target


def measure_firmware(
    firmware: Firmware, target: Target, payloads: Sequence[bytes], timeout_seconds: float
) -> Figures:
    """Run each payload twice: once for the stack, once to count instructions.

    The stack is read without the counter, so that neither pass is in the other's figures.

    Args:
        payloads: the bytes of one inference each.
        timeout_seconds: of the first pass.

    Raises:
        MissingPackage: emulator, pyelftools or capstone is not installed.
        RunFailed: the firmware crashes, hangs or answers nonsense.
    """
    emulation = run_emulator(firmware, payloads, timeout_seconds=timeout_seconds)
    counts = count_region(firmware, payloads)
    image, sections = read_image(firmware.elf), account(firmware.elf)
    memory = Memory(
        ram_bytes=sections.ram_bytes,
        arena_bytes=sections.arena_bytes,
        stack_bytes=max(answer.stack_bytes for answer in emulation.answers),
        flash_bytes=sections.flash_bytes,
        model_bytes=sections.model_bytes,
    )
    return Figures(
        instructions=counts.instructions,
        instruction_counts=list(counts.runs),
        memory=memory,
        profile=_profile(counts, image, sections),
        estimate=_estimate(counts, image, firmware, target),
    )


def _profile(counts: Counts, image: Image, sections: Sections) -> Profile:
    found = profile(counts, image)
    return Profile(
        counted_by=counts.counted_by,
        layers=_costs(found.layers),
        functions=_costs(found.functions),
        flash={part: size for part, size in sections.flash.items() if part != "harness"},
        ram={part: size for part, size in sections.ram.items() if part != "harness"},
    )


def _costs(lines: Sequence[Line]) -> list[Cost]:
    return [Cost(name=line.name, instructions=line.instructions) for line in lines]


def _estimate(counts: Counts, image: Image, firmware: Firmware, target: Target) -> Estimate | None:
    """Cycles where there is a timing table of the core."""
    if firmware.core not in cores():
        return None
    found = estimate_cycles(image, counts, firmware.core)
    part = target.microcontroller
    return Estimate(
        model=f"timing table of {found.core}: {'; '.join(found.sources)}",
        cycles=found.cycles,
        clock_hz=part.clock_hz if part else None,
        assumptions=[
            *found.assumptions,
            f"between {found.least:,} and {found.most:,} cycles by the table's extremes",
        ],
    )
