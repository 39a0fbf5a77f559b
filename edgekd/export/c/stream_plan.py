"""Chooses which layers run a few rows at a time, and whether that is worth its work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgekd.export.c.graph import Graph
from edgekd.export.c.memory import MemoryPlan, lifetimes, owners, plan_memory
from edgekd.export.c.packing_problem import Sharing
from edgekd.export.c.step import Step
from edgekd.export.c.stream_work import extra_work, usual_work
from edgekd.export.c.streaming import Call, StreamedGroup, is_streamable, stream_group
from edgekd.export.c.streaming_step import (
    RowLowering,
    lowered_calls,
    outline,
    streamed_step,
)

# Longer ones gained nothing on the MLPerf Tiny models; the number of groups grows with it.
_LONGEST_GROUP = 16
# Of the widest layer of a group; 0 is one row of each.
_ROWS_AT_ONCE = (0, 1, 2, 3, 4, 6)
# Streaming must be worth its code, and by default it may not cost much speed.
_LEAST_GAIN = 0.10
_MOST_EXTRA_WORK = 0.05
# Plans that are worked out to the end, over the square of the steps, as a plan's time grows.
_PLANS = 20_000


@dataclass(frozen=True)
class StreamedPlan:
    """The arena when groups of steps are streamed.

    Attributes:
        groups: in order; none where nothing is streamed.
        steps: what runs: each group is one step.
        memory: for these steps.
        extra_work: estimate of the instructions that streaming adds, as a part of all.
    """

    groups: tuple[StreamedGroup, ...]
    steps: tuple[Step, ...]
    memory: MemoryPlan
    extra_work: float


def plan_streams(
    graph: Graph, steps: Sequence[Step], rows: RowLowering, ram_bytes: int | None = None
) -> StreamedPlan:
    """The plan to use: streamed only where it pays.

    The smallest arena with at most 5 % more work, if that is at least 10 % smaller than without
    streaming. Where that does not fit into ``ram_bytes``, the least work that does; where nothing
    fits, the smallest arena.

    Args:
        graph: that the steps belong to.
        steps: as if nothing were streamed.
        rows: lowers layers of the same graph for the same kernels.
        ram_bytes: that the arena may take, if that is known.
    """
    search = _Search(graph, steps, rows)
    whole = search.unstreamed()
    arena = whole.memory.arena_bytes
    enough = arena if ram_bytes and arena > ram_bytes else int(arena * (1 - _LEAST_GAIN)) + 1
    found = [plan for plan in search.plans(enough) if plan.memory.arena_bytes < arena]
    return _compose(_choose(whole, found, ram_bytes), graph)


@dataclass(frozen=True)
class _Part:
    """Steps ``first`` to ``last``, and the bytes they need.

    Attributes:
        work: extra instructions.
        group: ``None`` for a single step as it is.
        step: what runs; of a group the outline only.
        forms: of a group's calls.
    """

    first: int
    last: int
    bytes: int
    step: Step
    work: float = 0.0
    group: StreamedGroup | None = None
    forms: Mapping[Call, Step] | None = None

    @property
    def layers(self) -> int:
        """That are streamed."""
        return len(self.group.steps) if self.group else 0


@dataclass(frozen=True)
class _Plan:
    """A partition of the steps, and its arena."""

    parts: Sequence[_Part]
    memory: MemoryPlan
    extra_work: float


def _choose(whole: _Plan, found: Sequence[_Plan], ram_bytes: int | None) -> _Plan:
    enough = (1 - _LEAST_GAIN) * whole.memory.arena_bytes
    cheap = [
        plan
        for plan in found
        if plan.extra_work <= _MOST_EXTRA_WORK and plan.memory.arena_bytes <= enough
    ]
    chosen = min(cheap, key=_arena_first, default=whole)
    if ram_bytes is None or chosen.memory.arena_bytes <= ram_bytes:
        return chosen
    fitting = [plan for plan in found if plan.memory.arena_bytes <= ram_bytes]
    smallest = min([whole, *found], key=_arena_first)
    return min(fitting, key=lambda plan: plan.extra_work, default=smallest)


def _arena_first(plan: _Plan) -> tuple[int, float]:
    return plan.memory.arena_bytes, plan.extra_work


def _compose(plan: _Plan, graph: Graph) -> StreamedPlan:
    """With the calls of each group; these change nothing in its memory."""
    steps = tuple(
        streamed_step(part.group, part.forms, graph) if part.group and part.forms else part.step
        for part in plan.parts
    )
    groups = tuple(part.group for part in plan.parts if part.group)
    return StreamedPlan(groups, steps, plan.memory, plan.extra_work)


class _Search:
    """Partitions of the steps into groups and single steps, by the memory they may take."""

    def __init__(self, graph: Graph, steps: Sequence[Step], rows: RowLowering) -> None:
        self._graph = graph
        self._steps = steps
        self._rows = rows
        self._owner = owners(graph, steps)
        self._lives = lifetimes(graph, steps, self._owner)
        self._work = usual_work(steps, rows.instructions) or 1.0
        self._alone = [
            _Part(at, at, self._bytes(at, at, step), step) for at, step in enumerate(steps)
        ]

    def unstreamed(self) -> _Plan:
        """Every step as it is."""
        return self._planned(self._alone)

    def plans(self, below: int) -> Iterator[_Plan]:
        """With the least extra work for each size under ``below`` that makes a difference."""
        parts = [*self._alone, *self._groups(below)]
        left = _PLANS // (len(self._steps) ** 2 + 1)
        before: list[_Part] = []
        for size in sorted({part.bytes for part in parts if part.bytes < below}):
            chosen = _best_partition(parts, size, len(self._steps))
            if chosen and chosen != before and left > 0:
                before, left = chosen, left - 1
                yield self._planned(chosen)

    def _planned(self, parts: Sequence[_Part]) -> _Plan:
        memory = plan_memory(self._graph, [part.step for part in parts])
        return _Plan(parts, memory, sum(part.work for part in parts) / self._work)

    def _groups(self, below: int) -> list[_Part]:
        """Groups of which some step needs more than the smallest arena that can be hoped for."""
        smallest = [self._outlined(first, last) for first, last in self._ranges()]
        small = [part for part in smallest if part and part.bytes < below]
        hoped = [*self._alone, *small]
        sizes = sorted({part.bytes for part in hoped})
        least = next((s for s in sizes if _best_partition(hoped, s, len(self._steps))), below)
        found = [
            self._lowered(part.first, part.last, rows)
            for part in small
            if any(alone.bytes > least for alone in self._alone[part.first : part.last + 1])
            for rows in _ROWS_AT_ONCE
        ]
        return [part for part in found if part and part.bytes < below]

    def _ranges(self) -> Iterator[tuple[int, int]]:
        for last in range(1, len(self._steps)):
            for first in range(last - 1, max(-1, last - _LONGEST_GROUP), -1):
                if not is_streamable(self._steps[first], self._graph):
                    break
                yield first, last

    def _outlined(self, first: int, last: int) -> _Part | None:
        """A group with the smallest strips, without what its kernels need."""
        group = stream_group(self._graph, self._steps, first, last, 0)
        return self._part(group, {}) if group else None

    def _lowered(self, first: int, last: int, rows: int) -> _Part | None:
        group = stream_group(self._graph, self._steps, first, last, rows)
        forms = lowered_calls(group, self._rows) if group else None
        return self._part(group, forms) if group and forms else None

    def _part(self, group: StreamedGroup, forms: Mapping[Call, Step]) -> _Part:
        first, last = group.first, group.first + len(group.steps) - 1
        step = outline(group, forms)
        work = extra_work(group, self._graph, self._rows.instructions)
        return _Part(first, last, self._bytes(first, last, step), step, work, group, forms)

    def _bytes(self, first: int, last: int, step: Step) -> int:
        """In use while these steps run, less what the output can share with its inputs."""
        inside = {t for one in self._steps[first : last + 1] for t in one.writes} - set(step.writes)
        alive = sum(
            self._graph.tensors[tensor].bytes
            for tensor, (begin, end) in self._lives.items()
            if begin <= last and end >= first and tensor not in inside
        )
        shared, output = 0, self._graph.tensors[step.writes[0]].bytes
        for at, overlay in step.overlays.items():
            tensor = self._owner[step.reads[at]]
            if self._lives[tensor][1] <= last:
                sharing = Sharing(overlay.distance, overlay.multiple)
                shared += sharing.most_bytes(self._graph.tensors[tensor].bytes, output)
        return alive + step.scratch_bytes - min(shared, output)


def _best_partition(parts: Sequence[_Part], size: int, steps: int) -> list[_Part]:
    """All steps in parts of at most ``size`` bytes: least work, then fewest layers streamed.

    Empty where there is none.
    """
    ending: list[list[_Part]] = [[] for _ in range(steps)]
    for part in parts:
        if part.bytes <= size:
            ending[part.last].append(part)
    best: list[tuple[float, int, list[_Part]] | None] = [(0.0, 0, [])]
    for candidates in ending:
        found = []
        for part in candidates:
            before = best[part.first]
            if before is not None:
                work, layers, chosen = before
                found.append((work + part.work, layers + part.layers, [*chosen, part]))
        best.append(min(found, key=lambda one: one[:2], default=None))
    last = best[-1]
    return last[2] if last else []
