"""The problem of packing blocks of known lifetimes into one arena, and its lower bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Block:
    """``bytes`` in use from step ``first`` to step ``last``, inclusive."""

    bytes: int
    alignment: int
    first: int
    last: int


@dataclass(frozen=True)
class Sharing:
    """The output may also lie over the input where ``offset(input) - offset(output)`` is at least
    ``distance`` and a multiple of ``multiple``."""

    distance: int
    multiple: int

    def allows(self, difference: int) -> bool:
        """Whether ``offset(input) - offset(output)`` may be this."""
        return difference >= self.distance and difference % self.multiple == 0

    def most_bytes(self, input_bytes: int, output_bytes: int) -> int:
        """How many bytes the two have in common at most."""
        nearest = -(-max(self.distance, 0) // self.multiple) * self.multiple
        return max(0, min(input_bytes, output_bytes - nearest))


@dataclass(frozen=True)
class Problem:
    """Blocks, and which of them may share bytes.

    Attributes:
        sharings: by the numbers of the input's and of the output's block, which meet in one step.
    """

    blocks: tuple[Block, ...]
    sharings: dict[tuple[int, int], Sharing]

    @cached_property
    def pairs(self) -> list[tuple[int, int, Sharing | None]]:
        """Blocks that are in use together; where they may share, the input is first."""
        found: list[tuple[int, int, Sharing | None]] = []
        order = sorted(range(len(self.blocks)), key=lambda i: (self.blocks[i].first, i))
        active: list[int] = []
        for new in order:
            active = [old for old in active if self.blocks[old].last >= self.blocks[new].first]
            for old in active:
                if (new, old) in self.sharings:
                    found.append((new, old, self.sharings[new, old]))
                else:
                    found.append((old, new, self.sharings.get((old, new))))
            active.append(new)
        return found

    @cached_property
    def neighbours(self) -> list[list[tuple[int, Sharing | None, bool]]]:
        """Of each block: the other, how they may share, and whether the other is the output."""
        found: list[list[tuple[int, Sharing | None, bool]]] = [[] for _ in self.blocks]
        for first, second, sharing in self.pairs:
            found[first].append((second, sharing, True))
            found[second].append((first, sharing, False))
        return found

    def top(self, offsets: Sequence[int]) -> int:
        """Bytes of the arena."""
        return max((at + b.bytes for at, b in zip(offsets, self.blocks, strict=True)), default=0)

    def lower_bound(self) -> int:
        """No arena is smaller: at each step the bytes in use, less those that could be shared."""
        return max((self._needed(step) for step in {b.first for b in self.blocks}), default=0)

    def _needed(self, step: int) -> int:
        total = sum(block.bytes for block in self.blocks if block.first <= step <= block.last)
        shared: dict[int, int] = {}
        for (source, result), sharing in self.sharings.items():
            if self.blocks[result].first == step:
                sizes = self.blocks[source].bytes, self.blocks[result].bytes
                shared[result] = shared.get(result, 0) + sharing.most_bytes(*sizes)
        return total - sum(min(self.blocks[r].bytes, count) for r, count in shared.items())


def round_up(value: int, multiple: int) -> int:
    """The next multiple, or the value itself where it is one."""
    return -(-value // multiple) * multiple


def round_down(value: int, multiple: int) -> int:
    """The multiple before, or the value itself where it is one."""
    return value // multiple * multiple
