"""Checks a memory plan the slow and obvious way: who owns each byte of the arena at each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Graph
from edgekd.export.c.memory import MemoryPlan
from edgekd.export.c.step import Step

_NOBODY, _SCRATCH = -1, -2


def verify_plan(graph: Graph, steps: Sequence[Step], plan: MemoryPlan) -> list[str]:
    """What is wrong with a plan; empty where it is right.

    It knows nothing of lifetimes: it runs the steps on an arena of owners, and looks whether
    everything that is read is still there, and the outputs at the end.
    """
    return list(_Simulation(graph, plan).run(steps))


class _Simulation:
    def __init__(self, graph: Graph, plan: MemoryPlan) -> None:
        self._graph = graph
        self._plan = plan
        self._value: dict[int, int] = {}
        self._owners: npt.NDArray[np.int64] = np.full(plan.arena_bytes, _NOBODY)

    def run(self, steps: Sequence[Step]) -> Iterator[str]:
        for tensor in self._graph.activations(self._graph.inputs):
            self._value[tensor] = tensor
            yield from self._misplaced(tensor)
            self._owners[self._bytes(tensor)] = tensor
        # The caller writes all inputs before the first step.
        for tensor in self._graph.activations(self._graph.inputs):
            yield from self._lost(tensor, "input")
        for number, step in enumerate(steps):
            yield from self._step(step, f"step {number}", self._plan.scratch.get(number))
        for tensor in self._graph.activations(self._graph.outputs):
            yield from self._lost(tensor, "end")

    def _step(self, step: Step, place: str, scratch: int | None) -> Iterator[str]:
        for tensor in step.reads:
            yield from self._lost(tensor, place)
        if step.aliases is not None:
            source, result = step.reads[step.aliases], step.writes[0]
            self._value[result] = self._value[source]
            if self._plan.offsets[source] != self._plan.offsets[result]:
                yield f"{place}: {result} is not where {source} is"
        written = step.writes if step.aliases is None else step.writes[1:]
        for tensor in written:
            self._value[tensor] = tensor
            yield from self._misplaced(tensor)
            yield from self._overlap(step, tensor, place)
            self._owners[self._bytes(tensor)] = tensor
        if step.scratch_bytes:
            yield from self._scratch(step, place, scratch)
        for tensor in step.writes:
            yield from self._lost(tensor, place)

    def _overlap(self, step: Step, tensor: int, place: str) -> Iterator[str]:
        """Inputs that the output touches while both are needed."""
        for position, read in enumerate(step.reads):
            if self._apart(read, tensor):
                continue
            overlay = step.overlays.get(position) if tensor == step.writes[0] else None
            difference = self._plan.offsets[read] - self._plan.offsets[tensor]
            if (
                overlay is None
                or difference < overlay.distance
                or difference % overlay.multiple
                or step.aliases is not None
            ):
                yield f"{place}: output {tensor} lies over input {read}"

    def _scratch(self, step: Step, place: str, scratch: int | None) -> Iterator[str]:
        if scratch is None:
            yield f"{place}: no scratch"
            return
        end = scratch + step.scratch_bytes
        if scratch % 8 or scratch < 0 or end > self._plan.arena_bytes:
            yield f"{place}: scratch at {scratch}"
        for tensor in (*step.reads, *step.writes):
            span = self._bytes(tensor)
            if scratch < span.stop and span.start < end:
                yield f"{place}: scratch over {tensor}"
        self._owners[scratch:end] = _SCRATCH

    def _lost(self, tensor: int, place: str) -> Iterator[str]:
        if tensor not in self._value:
            yield f"{place}: {tensor} is read before it is written"
        elif (self._owners[self._bytes(tensor)] != self._value[tensor]).any():
            yield f"{place}: {tensor} is no longer there"

    def _misplaced(self, tensor: int) -> Iterator[str]:
        span = self._bytes(tensor)
        element = self._graph.tensors[tensor].bytes // self._graph.tensors[tensor].elements
        if span.start % max(4, element) or span.start < 0 or span.stop > self._plan.arena_bytes:
            yield f"tensor {tensor} at {span.start}"

    def _apart(self, first: int, second: int) -> bool:
        one, other = self._bytes(first), self._bytes(second)
        return bool(one.stop <= other.start or other.stop <= one.start)

    def _bytes(self, tensor: int) -> slice:
        offset = self._plan.offsets[tensor]
        return slice(offset, offset + self._graph.tensors[tensor].bytes)
