"""What the page shows of a target's firmwares: charts beside the tables of ``firmware``."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Measurement
from edgekd.report.charts.chart import Chart
from edgekd.report.charts.memory_map import memory_chart
from edgekd.report.charts.stacked_bytes import BytesChart, bytes_chart
from edgekd.report.summary import TargetSection
from edgekd.report.tables import firmware
from edgekd.report.tables.table import Table


@dataclass(frozen=True)
class LibraryPart:
    """What is inside of one file; what is not known of it is empty.

    ``inside`` names what is known.
    """

    found: Measurement
    inside: str
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
    linked = firmware.linked(section)
    bars = {}
    if linked:
        invalid = {found.rung for found, _ in linked if not found.valid}
        flash = [(found.rung, profile.flash) for found, profile in linked]
        ram = [(found.rung, profile.ram) for found, profile in linked]
        bars["Flash"] = bytes_chart("Flash", flash, firmware.FLASH_PARTS, f"{name}-flash", invalid)
        bars["RAM"] = bytes_chart("RAM", ram, firmware.RAM_PARTS, f"{name}-ram", invalid)
    return FirmwarePart(
        sizes=firmware.bytes_table(section),
        note=firmware.FIRMWARE_NOTE,
        bars=bars,
        libraries=[_library(found, f"{name}-{n}") for n, found in enumerate(libraries)],
    )


def _library(found: Measurement, name: str) -> LibraryPart:
    library = found.library
    layers, functions = firmware.layers_table(found), firmware.functions_table(found)
    known = {"layers": layers.rows, "functions": functions.rows, "arena": library}
    return LibraryPart(
        found=found,
        inside=", ".join(part for part, there in known.items() if there),
        counted=firmware.counted_line(found),
        passes=library.passes if library else [],
        layers=layers,
        functions=functions,
        arena=firmware.arena_line(library.memory_map) if library else "",
        memory_map=memory_chart(firmware.shown_map(library), f"{name}-map") if library else None,
    )
