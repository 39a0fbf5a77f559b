"""Where bytes and instructions go: roles of a firmware, layers, functions, the arena."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edgekd.records import Library, Measurement, MemoryMap, Profile
from edgekd.report import units
from edgekd.report.origin import origin_of
from edgekd.report.summary import TargetSection
from edgekd.report.tables.table import Column, Row, Table
from edgekd.report.tables.target import measurement_state
from edgekd.report.units import MISSING

# In the order in which they are shown and drawn; what else a record names comes after.
FLASH_PARTS = (
    *("weights", "bias", "tables", "parameters"),
    *("code", "c-library", "start-up", "data", "unnamed"),
)
RAM_PARTS = ("arena", "stack", "data", "c-library", "start-up", "unnamed")
# What tests a firmware from outside; it is no part of the library and in no sum.
HARNESS = "harness"

FIRMWARE_NOTE = (
    "Flash and RAM as the linker placed them, without the harness that streams inputs and "
    "outputs. Bias holds multipliers and shifts too; stack is what the linker reserves."
)
_MOST_FUNCTIONS = 10
# Functions are counted on one input, instructions are a mean over several.
_NOISE = 0.01
_LAYER_FUNCTION = re.compile(r"model_layer_(\d+_\w+)")


def firmwares(section: TargetSection) -> list[Measurement]:
    """The measurements that tell what is inside of a library, or where instructions go."""
    return [found for found in section.measurements if found.library or found.profile]


def linked(section: TargetSection) -> list[tuple[Measurement, Profile]]:
    """The measurements whose profile says where the bytes of a firmware went."""
    return [
        (found, found.profile)
        for found in section.measurements
        if found.profile and (found.profile.flash or found.profile.ram)
    ]


def parts_of(sizes: Sequence[Mapping[str, int]], order: Sequence[str]) -> list[str]:
    """The roles that have bytes, in their order, without the harness."""
    present = [part for found in sizes for part, size in found.items() if size]
    known = [part for part in order if part in present]
    return known + sorted({*present} - {*known, HARNESS})


def bytes_table(section: TargetSection) -> Table:
    """Flash and RAM of each firmware, split by role."""
    profiled = linked(section)
    flash = parts_of([profile.flash for _, profile in profiled], FLASH_PARTS)
    ram = parts_of([profile.ram for _, profile in profiled], RAM_PARTS)
    columns = [Column("Rung", role="text")]
    columns += [Column(part.capitalize(), "Flash, bytes") for part in [*flash, "sum"]]
    columns += [Column(part.capitalize(), "RAM, bytes") for part in [*ram, "sum"]]
    rows = [
        Row(
            [found.rung, *_sizes(profile.flash, flash), *_sizes(profile.ram, ram)],
            measurement_state(found),
        )
        for found, profile in profiled
    ]
    return Table(f"{section.target}: flash and RAM by role", columns, rows, section.made)


def linked_bytes(sizes: Mapping[str, int]) -> int:
    """All bytes but the harness's."""
    return sum(size for part, size in sizes.items() if part != HARNESS)


def layers_table(found: Measurement) -> Table:
    """Each layer's kernel, multiply-accumulates and instructions, in the order of the library."""
    counted = _layer_costs(found.profile)
    whole = sum(counted.values())
    rows = []
    layers = found.library.layers if found.library else []
    for layer in layers:
        name = layer_name(layer.name)
        rows.append(_layer_row(name, layer.kernel, layer.macs, counted.pop(name, None), whole))
    # What runs between the layers.
    rows += [_layer_row(name, MISSING, None, cost, whole) for name, cost in counted.items()]
    macs = sum(layer.macs for layer in layers)
    if rows:
        rows.append(_layer_row("all", MISSING, macs if layers else None, whole or None, 0))
    columns = [Column("Layer", role="text"), Column("Kernel", role="text"), Column("MACs")]
    columns += [Column("Count", "Instructions"), Column("per MAC", "Instructions")]
    columns.append(Column("Share", "Instructions", "bar"))
    return Table(f"{_place(found)}: layers", columns, rows, origin_of(found).text)


def functions_table(found: Measurement) -> Table:
    """The functions that take most instructions, each without what it calls."""
    costs = found.profile.functions if found.profile else []
    whole = sum(cost.instructions for cost in costs)
    lines = [(layer_name(cost.name), cost.instructions) for cost in costs[:_MOST_FUNCTIONS]]
    others = costs[_MOST_FUNCTIONS:]
    if others:
        rest = sum(cost.instructions for cost in others)
        lines.append((f"{len(others)} more", rest))
    untold = (found.instructions or 0) - whole
    if costs and untold > _NOISE * whole:
        lines.append(("not told apart", untold))
        whole += untold
    rows = [Row([name, units.count(cost), _share(cost, whole)]) for name, cost in lines]
    columns = [Column("Function", role="text"), Column("Count", "Instructions")]
    columns.append(Column("Share", "Instructions", "bar"))
    return Table(f"{_place(found)}: functions", columns, rows, origin_of(found).text)


def counted_line(found: Measurement) -> str:
    """How the instructions were counted; empty where they were not."""
    if found.profile is None:
        return ""
    counted = "decoded token" if found.counted else "inference"
    return f"Instructions of one {counted}, counted by: {found.profile.counted_by}."


def arena_line(memory: MemoryMap) -> str:
    """How large the planned arena is, what sets it, and what no plan can go below."""
    step = "the inputs"
    if 0 <= memory.peak_step < len(memory.steps):
        step = f"step {memory.peak_step} ({_kind_of_layer(memory.steps[memory.peak_step])})"
    tight = memory.arena_bytes == memory.lower_bound
    bound = f"no plan can need less than {units.count(memory.lower_bound)} B"
    return (
        f"{units.count(memory.arena_bytes)} B for {len(memory.blocks)} tensors and scratches, "
        f"set by {step}; {'no plan can need less' if tight else bound}."
    )


def shown_map(library: Library) -> MemoryMap:
    """The map with its steps named as in the table of layers."""
    steps = [_kind_of_layer(step) for step in library.memory_map.steps]
    return library.memory_map.model_copy(update={"steps": steps})


def layer_name(name: str) -> str:
    """``3 conv_2d`` for the function ``model_layer_3_conv_2d``; other names stay as they are."""
    found = _LAYER_FUNCTION.fullmatch(name)
    return found[1].replace("_", " ", 1) if found else name


def _kind_of_layer(name: str) -> str:
    """``conv_2d`` for ``3 conv_2d``, beside whose number it is to stand."""
    number, _, kind = layer_name(name).partition(" ")
    return kind if kind and number.isdigit() else name


def _layer_costs(profile: Profile | None) -> dict[str, int]:
    costs: dict[str, int] = {}
    for cost in profile.layers if profile else []:
        name = layer_name(cost.name)
        costs[name] = costs.get(name, 0) + cost.instructions
    return costs


def _layer_row(name: str, kernel: str, macs: int | None, cost: int | None, whole: int) -> Row:
    per_mac = f"{cost / macs:.2f}" if cost is not None and macs else MISSING
    share = MISSING if cost is None else _share(cost, whole)
    return Row([name, kernel, units.count(macs), units.count(cost), per_mac, share])


def _share(cost: int, whole: int) -> str:
    return f"{cost / whole * 100:.1f}%" if whole else MISSING


def _sizes(sizes: Mapping[str, int], parts: list[str]) -> list[str]:
    return [units.count(sizes.get(part, 0)) for part in parts] + [units.count(linked_bytes(sizes))]


def _place(found: Measurement) -> str:
    return f"{found.rung} on {found.target}"
