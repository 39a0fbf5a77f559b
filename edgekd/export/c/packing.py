"""Packs blocks of known lifetimes into one arena, an output over its own input where it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgekd.export.c.packing_problem import Problem, Sharing, round_up
from edgekd.export.c.packing_search import Search

# Rounds of local search, and nodes of exact search for one arena size, shrink with the problem so
# that a few hundred steps take seconds. Counts and not times: the same problem, the same plan.
_PLACEMENTS = 10_000
_PAIR_VISITS = 10_000


def pack(problem: Problem, start: Sequence[int] | None = None) -> list[int]:
    """Offsets that keep the arena small; the smallest possible for most real models.

    Greedy in several orders with local search (Pisarchyk and Lee, "Efficient Memory Management for
    Deep Neural Net Inference", 2020), then a branch-and-bound search for a smaller arena, cut off
    after a fixed number of nodes.

    Args:
        problem: the blocks.
        start: a plan that is known to be right; the result is never larger.
    """
    found = [] if start is None else [list(start)]
    bound = problem.lower_bound()
    for order in _orders(problem):
        found.append(_improve(problem, order, bound))
        if problem.top(found[-1]) == bound:
            break
    best = min(found, key=problem.top)
    low, high = bound, problem.top(best) - 1
    # The bound itself first, because most networks reach it; then by halves.
    size = low
    while low <= high:
        smaller = Search(problem, size).run(max(50, _PAIR_VISITS // (len(problem.pairs) + 1)))
        if smaller is None:
            low = size + 1
        else:
            best, high = smaller, problem.top(smaller) - 1
        size = (low + high) // 2
    return best


def _orders(problem: Problem) -> Iterator[list[int]]:
    blocks = problem.blocks
    keys: list[Callable[[int], tuple[int, ...]]] = [
        lambda i: (-blocks[i].bytes, i),
        # Later ones first: where outputs go below their inputs, a chain grows from its end.
        lambda i: (-blocks[i].last, -blocks[i].first, -blocks[i].bytes, i),
        lambda i: (blocks[i].first, -blocks[i].bytes, i),
        lambda i: (-blocks[i].bytes * (blocks[i].last - blocks[i].first + 1), i),
    ]
    for key in keys:
        yield sorted(range(len(blocks)), key=key)


def _improve(problem: Problem, order: list[int], bound: int) -> list[int]:
    """Place in this order; then, again and again, put first the block that reaches highest."""
    blocks = problem.blocks
    best = offsets = _place(problem, order)
    for _ in range(min(len(blocks), _PLACEMENTS // (len(blocks) + 1))):
        if problem.top(best) == bound:
            break
        highest = max(order, key=lambda i: offsets[i] + blocks[i].bytes)
        order = [highest, *(index for index in order if index != highest)]
        offsets = _place(problem, order)
        best = min(best, offsets, key=problem.top)
    return best


def _place(problem: Problem, order: Sequence[int]) -> list[int]:
    """Each block, in this order, as low as it goes among those already placed."""
    offsets: dict[int, int] = {}
    for index in order:
        placed = [n for n in problem.neighbours[index] if n[0] in offsets]
        starts = {0}
        for other, sharing, other_is_output in placed:
            starts.add(offsets[other] + problem.blocks[other].bytes)
            if sharing and other_is_output:
                starts.add(max(0, offsets[other] + sharing.distance))
        alignment = problem.blocks[index].alignment
        starts = {round_up(start, alignment) for start in starts}
        for other, sharing, _ in placed:
            if sharing:
                starts |= {start + (offsets[other] - start) % sharing.multiple for start in starts}
        offsets[index] = next(
            start
            for start in sorted(starts)
            if start % alignment == 0
            and all(_fits(problem, index, start, offsets[n[0]], n) for n in placed)
        )
    return [offsets[index] for index in range(len(problem.blocks))]


def _fits(
    problem: Problem, index: int, at: int, other_at: int, other: tuple[int, Sharing | None, bool]
) -> bool:
    number, sharing, other_is_output = other
    if (
        at >= other_at + problem.blocks[number].bytes
        or at + problem.blocks[index].bytes <= other_at
    ):
        return True
    return sharing is not None and sharing.allows(
        at - other_at if other_is_output else other_at - at
    )
