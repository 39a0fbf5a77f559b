"""Linker scripts: the board's memory, cut to the target's budget, in the one template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.microcontroller.firmware.board import Board, Region
from edgekd.errors import RunFailed
from edgekd.target import Target

_OVERFLOW = re.compile(r"region `(FLASH|RAM)' overflowed by (\d+) bytes")
_HELP = {
    "FLASH": "int4 weights, pruning or a smaller student make it smaller",
    "RAM": "a smaller input or smaller layers need less",
}


@dataclass(frozen=True)
class Limit:
    """How much of a region a library may use.

    Attributes:
        kind: ``flash`` or ``RAM``.
        key: of the budget in the target's file.
        bytes: the smaller of budget and board.
        board_bytes: what the board has.
        budgeted: whether the budget sets the limit, or the board's memory.
    """

    kind: str
    key: str
    bytes: int
    board_bytes: int
    budgeted: bool


def limits(board: Board, target: Target) -> dict[str, Limit]:
    """What the linker enforces, by its name for the region: ``FLASH`` and ``RAM``."""
    memory, budget = board.memory, target.budget
    return {
        "FLASH": _limit("flash", "budget.flash_bytes", memory.flash, budget.flash_bytes),
        "RAM": _limit("RAM", "budget.ram_bytes", memory.ram, budget.ram_bytes),
    }


def _limit(kind: str, key: str, region: Region, budget: int | None) -> Limit:
    budgeted = budget is not None and budget <= region.length
    size = budget if budget is not None and budgeted else region.length
    return Limit(kind, key, size, region.length, budgeted)


def linker_script(template: Path, board: Board, target: Target, stack_bytes: int) -> str:
    """The text of the linker script.

    Args:
        template: ``targets/boards/firmware.ld.in``.
        stack_bytes: reserved in RAM.
    """
    allowed, memory = limits(board, target), board.memory
    regions = [
        ("FLASH (rx)", memory.flash.origin, allowed["FLASH"].bytes),
        ("RAM (rw)", memory.ram.origin, allowed["RAM"].bytes),
        ("HARNESS_CODE (rx)", memory.harness_code.origin, memory.harness_code.length),
        ("HARNESS_DATA (rw)", memory.harness_data.origin, memory.harness_data.length),
    ]
    alias = ""
    if memory.vectors is None:
        alias = 'REGION_ALIAS("VECTORS", FLASH)\n'
    else:
        regions.append(("VECTORS (rx)", memory.vectors.origin, memory.vectors.length))
    lines = [
        f"    {name} : ORIGIN = {origin:#010x}, LENGTH = {length:#x}\n"
        for name, origin, length in regions
    ]
    block = f"MEMORY\n{{\n{''.join(lines)}}}\n{alias}"
    text = template.read_text(encoding="utf-8")
    return text.replace("@MEMORY@", block).replace("@STACK_BYTES@", str(stack_bytes))


def refuse_overflow(messages: str, board: Board, target: Target) -> None:
    """Say what does not fit, if that is what the linker complains of.

    Args:
        messages: the linker's standard error.

    Raises:
        RunFailed: a region overflowed: by how much of which budget, and what helps.
    """
    missing = {region: int(size) for region, size in _OVERFLOW.findall(messages)}
    if not missing:
        return
    allowed = limits(board, target)
    raise RunFailed(
        "the library does not fit: "
        + " and ".join(_shortage(size, allowed[region]) for region, size in missing.items()),
        where=target.name,
        mend="; ".join(_help(region, allowed[region]) for region in missing),
    )


def _shortage(size: int, limit: Limit) -> str:
    of = limit.key if limit.budgeted else f"the board's {limit.kind}"
    return f"{size:,} bytes of {limit.kind} are missing, {of} is {limit.bytes:,}"


def _help(region: str, limit: Limit) -> str:
    if limit.bytes == limit.board_bytes:
        return _HELP[region]
    return (
        f"{_HELP[region]}, or raise {limit.key} if the part has more:"
        f" the board takes up to {limit.board_bytes:,}"
    )
