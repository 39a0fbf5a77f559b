"""What the page shows of a target's firmwares: charts beside the tables of ``firmware``."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Measurement
from edgekd.report import firmware
from edgekd.report.bytes_chart import BytesChart, bytes_chart
from edgekd.report.charts import Chart
from edgekd.report.memory_map import memory_chart
from edgekd.report.summary import TargetSection
from edgekd.report.tables import Table


@dataclass(frozen=True)
class LibraryPart:
    """One C library; what is not known of it is empty."""

    found: Measurement
    counted: str
    passes: list[str]
    layers: Table
    functions: Table
    arena: str
    memory_map: Chart | None


@dataclass(frozen=True)
class FirmwarePart:
    """All firmwares of one target."""

    sizes: Table
    note: str
    bars: dict[str, BytesChart]
    libraries: list[LibraryPart]


def firmware_part(section: TargetSection, name: str) -> FirmwarePart | None:
    """What is to be shown, with charts whose names begin with ``name``; None: nothing is known."""
    libraries = firmware.firmwares(section)
    if not libraries:
        return None
    profiled = [(found.rung, found.profile) for found in libraries if found.profile]
    flash = [(rung, profile.flash) for rung, profile in profiled]
    ram = [(rung, profile.ram) for rung, profile in profiled]
    bars = {}
    if profiled:
        bars["Flash"] = bytes_chart("Flash", flash, firmware.FLASH_PARTS, f"{name}-flash")
        bars["RAM"] = bytes_chart("RAM", ram, firmware.RAM_PARTS, f"{name}-ram")
    return FirmwarePart(
        sizes=firmware.bytes_table(section),
        note=firmware.FIRMWARE_NOTE,
        bars=bars,
        libraries=[_library(found, f"{name}-{n}") for n, found in enumerate(libraries)],
    )


def _library(found: Measurement, name: str) -> LibraryPart:
    library = found.library
    return LibraryPart(
        found=found,
        counted=firmware.counted_line(found),
        passes=library.passes if library else [],
        layers=firmware.layers_table(found),
        functions=firmware.functions_table(found),
        arena=firmware.arena_line(library.memory_map) if library else "",
        memory_map=memory_chart(firmware.shown_map(library), f"{name}-map") if library else None,
    )
