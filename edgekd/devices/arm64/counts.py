"""What the plugin found in one guest process: instructions of each region, blocks, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.devices.arm64.guest_process import (
    BASELINE,
    BEGIN,
    END,
    GUEST_ADDRESS,
    GUEST_BYTES,
    MODEL_FILE,
)
from edgekd.errors import RunFailed

PLUGIN_SOURCE = Path(__file__).parent / "plugin" / "processes.c"
CLOCK_SOURCE = Path(__file__).parent / "plugin" / "clock.c"
_HEADER, _LAST = "edgekd-processes 1", "done"
_MAX_OUTPUT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Block:
    """A stretch of code without a jump.

    Attributes:
        address: in the guest.
        instructions: in it.
        executed: how often it was entered in the region with fewest instructions.
        executed_empty: likewise of the empty ones.
    """

    address: int
    instructions: int
    executed: int
    executed_empty: int


@dataclass(frozen=True)
class MappedFile:
    """A stretch of a file in the guest's memory.

    Attributes:
        start: first guest address.
        end: behind the last one.
        offset: in the file of what lies at ``start``.
        path: on this machine.
    """

    start: int
    end: int
    offset: int
    path: Path


@dataclass(frozen=True)
class Watched:
    """Resident bytes of the guest without its code: before the model, and at the peak."""

    before: int
    peak: int


@dataclass
class Counts:
    """All findings.

    Attributes:
        disturbed: how often another thread ran within a region.
        regions: instructions of each region, in order, the markers' own included.
        empty: of each region with nothing in it.
        blocks: of the region with fewest instructions after the warm-up.
        files: mapped when the guest ended.
        memory: ``None`` where the model's file was never opened.
    """

    disturbed: int = 0
    regions: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    files: list[MappedFile] = field(default_factory=list)
    memory: Watched | None = None


def plugin_options(artifact: Path, output: Path, warmup: int) -> dict[str, object]:
    """Options of the plugin for :func:`edgekd.devices.arm64.guest_process.open_guest`.

    Args:
        artifact: file that the guest loads.
        output: file that it writes.
        warmup: so many regions of each kind are not looked at for the blocks.
    """
    return {
        "out": output,
        "opened": MODEL_FILE,
        "model": artifact.resolve(),
        "guest": f"{GUEST_ADDRESS:x}",
        "size": f"{GUEST_BYTES:x}",
        "baseline": BASELINE,
        "begin": BEGIN,
        "end": END,
        "warmup": warmup,
    }


def read_counts(output: Path) -> Counts:
    """Read what the plugin wrote.

    Raises:
        RunFailed: it wrote nothing, not all of it, or something else.
    """
    try:
        if output.stat().st_size > _MAX_OUTPUT_BYTES:
            raise RunFailed("the counts of the plugin are too large")
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise RunFailed("the plugin left no counts") from error
    counts = Counts()
    try:
        if lines[0] != _HEADER or lines[-1] != _LAST:
            raise ValueError("cut off")
        for line in lines[1:-1]:
            word, _, rest = line.partition(" ")
            _READERS[word](counts, rest)
    except (ValueError, IndexError, KeyError) as error:
        raise RunFailed("the plugin's counts are damaged") from error
    return counts


def _read_disturbed(counts: Counts, text: str) -> None:
    counts.disturbed = int(text)


def _read_memory(counts: Counts, text: str) -> None:
    before, peak = map(int, text.split())
    counts.memory = Watched(before, peak)


def _read_region(counts: Counts, text: str) -> None:
    counts.regions.append(int(text))


def _read_empty(counts: Counts, text: str) -> None:
    counts.empty.append(int(text))


def _read_block(counts: Counts, text: str) -> None:
    address, instructions, executed, executed_empty = text.split()
    counts.blocks.append(
        Block(int(address, 16), int(instructions), int(executed), int(executed_empty))
    )


def _read_file(counts: Counts, text: str) -> None:
    start, end, offset, path = text.split(" ", 3)
    counts.files.append(MappedFile(int(start, 16), int(end, 16), int(offset, 16), Path(path)))


_READERS: dict[str, Callable[[Counts, str], None]] = {
    "disturbed": _read_disturbed,
    "memory": _read_memory,
    "region": _read_region,
    "empty": _read_empty,
    "block": _read_block,
    "file": _read_file,
}
