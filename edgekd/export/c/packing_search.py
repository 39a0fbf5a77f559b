"""Exact search for a packing of a given size: branch and bound over difference constraints."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.export.c.packing_problem import Problem, Sharing, round_down, round_up

_FAILED = -1


@dataclass(frozen=True)
class _Choice:
    """One way to place a pair: ``offset(upper) - offset(lower)`` is at least ``least``."""

    lower: int
    upper: int
    least: int
    multiple: int = 1


class Search:
    """Looks for a plan of at most a given size by deciding, pair by pair, which block is lower.

    Every decision is a difference constraint between two offsets. The least offsets that satisfy
    all decisions, and the greatest below the arena's end, are kept up to date; where only one order
    of a pair is left between them, it is decided at once. When the least offsets satisfy every
    pair, they are the plan.
    """

    def __init__(self, problem: Problem, size: int) -> None:
        self._blocks = problem.blocks
        self._choices = [_choices(problem, *pair) for pair in problem.pairs]
        self._hardness = [
            (len(choices), -sum(problem.blocks[i].bytes for i in pair[:2]), number)
            for number, (pair, choices) in enumerate(zip(problem.pairs, self._choices, strict=True))
        ]
        count = len(self._blocks)
        self._above: list[list[_Choice]] = [[] for _ in range(count)]
        self._below: list[list[_Choice]] = [[] for _ in range(count)]
        self._decided: list[_Choice] = []
        self._low = [0] * count
        self._high = [round_down(size - block.bytes, block.alignment) for block in self._blocks]
        self._open = list(range(len(self._choices)))

    def run(self, nodes: int) -> list[int] | None:
        """The offsets, or ``None`` where there are none or more nodes would be needed."""
        if min(self._high, default=0) < 0:
            return None
        pair = self._settle()
        frames: list[tuple[list[int], list[int], list[int], int, list[_Choice]]] = []
        while True:
            if pair is None:
                return self._low
            if pair >= 0:
                choices = sorted(self._possible(pair), key=self._raises, reverse=True)
                left = [other for other in self._open if other != pair]
                frames.append((self._low, self._high, left, len(self._decided), choices))
            while frames and not frames[-1][4]:
                frames.pop()
            nodes -= 1
            if not frames or nodes < 0:
                return None
            low, high, left, decided, choices = frames[-1]
            self._undo(decided)
            self._low, self._high, self._open = list(low), list(high), list(left)
            pair = self._settle() if self._decide(choices.pop()) else _FAILED

    def _settle(self) -> int | None:
        """Decide what has one way left. A pair to branch on, ``None`` if all hold, or failed."""
        changed = True
        while changed:
            changed, still_open = False, []
            for pair in self._open:
                possible = self._possible(pair)
                if not possible:
                    return _FAILED
                if len(possible) > 1:
                    still_open.append(pair)
                    continue
                changed = True
                if not self._decide(possible[0]):
                    return _FAILED
            self._open = still_open
        broken = [pair for pair in self._open if not any(map(self._holds, self._choices[pair]))]
        return min(broken, key=lambda pair: self._hardness[pair], default=None)

    def _possible(self, pair: int) -> list[_Choice]:
        low, high = self._low, self._high
        return [c for c in self._choices[pair] if low[c.lower] + c.least <= high[c.upper]]

    def _holds(self, choice: _Choice) -> bool:
        difference = self._low[choice.upper] - self._low[choice.lower]
        return difference >= choice.least and difference % choice.multiple == 0

    def _raises(self, choice: _Choice) -> int:
        return max(0, self._low[choice.lower] + choice.least - self._low[choice.upper])

    def _decide(self, choice: _Choice) -> bool:
        """Add a constraint. False where it leaves no offset to some block."""
        self._decided.append(choice)
        self._above[choice.lower].append(choice)
        self._below[choice.upper].append(choice)
        changed = [choice.lower, choice.upper]
        while changed:
            block = changed.pop()
            for above in self._above[block]:
                if self._lift(above):
                    changed.append(above.upper)
            for below in self._below[block]:
                if self._sink(below):
                    changed.append(below.lower)
                if below.multiple > 1 and self._lift(below):
                    changed.append(below.upper)
            if self._low[block] > self._high[block]:
                return False
        return True

    def _lift(self, choice: _Choice) -> bool:
        """Whether the upper block had to go up."""
        low, upper = self._low, choice.upper
        least = max(low[upper], low[choice.lower] + choice.least)
        least += (low[choice.lower] - least) % choice.multiple
        least = round_up(least, self._blocks[upper].alignment)
        moved = least > low[upper]
        low[upper] = least
        return moved

    def _sink(self, choice: _Choice) -> bool:
        """Whether the lower block had to stay further down."""
        high, lower = self._high, choice.lower
        most = min(high[lower], high[choice.upper] - choice.least)
        most = round_down(most, self._blocks[lower].alignment)
        moved = most < high[lower]
        high[lower] = most
        return moved

    def _undo(self, decided: int) -> None:
        while len(self._decided) > decided:
            choice = self._decided.pop()
            self._above[choice.lower].pop()
            self._below[choice.upper].pop()


def _choices(problem: Problem, first: int, second: int, sharing: Sharing | None) -> list[_Choice]:
    """First over second, second over first, and sharing where it allows more than these."""
    sizes = problem.blocks[first].bytes, problem.blocks[second].bytes
    found = [_Choice(second, first, sizes[1]), _Choice(first, second, sizes[0])]
    if sharing and sharing.distance < sizes[1]:
        found.append(_Choice(second, first, sharing.distance, sharing.multiple))
    return found[::-1]
