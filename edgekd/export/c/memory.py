"""Plans the arena: where each activation and each step's scratch lies, and when it is in use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgekd.export.c.graph import Graph
from edgekd.export.c.packing import pack
from edgekd.export.c.packing_problem import Block, Problem, Sharing
from edgekd.export.c.step import Step

# Kernels load and store whole words; wider elements need their own size.
_WORD = 4
_SCRATCH_ALIGNMENT = 8
_ALIGNMENT = {"int64": 8}


@dataclass(frozen=True)
class MemoryBlock:
    """One stretch of the arena while it holds one thing.

    Attributes:
        name: of the tensor, or the place of the operator whose scratch it is.
        tensors: whose memory it is: one, or several of which all but the first are aliases.
        first: the first step that needs it; -1 for inputs of the graph, which are there before.
        last: the last one; for outputs of the graph the number of steps: they stay.
        offset: bytes from the arena's start.
        bytes: size.
        overlaid_on: names of the inputs with which this output shares bytes.
    """

    name: str
    kind: Literal["tensor", "scratch"]
    tensors: tuple[int, ...]
    first: int
    last: int
    offset: int
    bytes: int
    overlaid_on: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.offset + self.bytes


@dataclass(frozen=True)
class MemoryPlan:
    """Where everything lies.

    Attributes:
        offsets: of each activation, in bytes.
        scratch: offset for each step, by its number, that needs scratch.
        arena_bytes: what the model needs.
        lower_bound: no plan can need less; equal to ``arena_bytes`` means that this is the best.
        peak_step: the step at which most bytes are in use among those that reach the arena's end;
            -1 is before the first.
        blocks: tensors by their first step, then scratch.
    """

    offsets: Mapping[int, int]
    scratch: Mapping[int, int]
    arena_bytes: int
    lower_bound: int
    peak_step: int
    blocks: tuple[MemoryBlock, ...]


def plan_memory(graph: Graph, steps: Sequence[Step]) -> MemoryPlan:
    """Give each activation and each step's scratch a place in one arena.

    Inputs of the graph are in use from before the first step to their last reader, outputs to the
    end, other tensors from their writer to their last reader; a step's inputs, outputs and scratch
    are in use together. An output lies over inputs that nothing reads afterwards where the step
    allows it and that helps. The arena is never larger than without such overlays. The same graph
    always gives the same plan.

    Args:
        graph: for types, sizes, inputs and outputs.
        steps: in the order in which they run.
    """
    layout = _Layout.of(graph, steps)
    apart = Problem(layout.problem.blocks, {})
    separate = pack(apart)
    offsets = pack(layout.problem, separate) if layout.problem.sharings else separate
    blocks = tuple(layout.memory_blocks(graph, steps, offsets))
    return MemoryPlan(
        offsets={tensor: offsets[block] for tensor, block in layout.block_of.items()},
        scratch={step: offsets[block] for step, block in layout.scratch_of.items()},
        arena_bytes=layout.problem.top(offsets),
        lower_bound=layout.problem.lower_bound(),
        peak_step=_peak_step(blocks),
        blocks=blocks,
    )


@dataclass(frozen=True)
class _Layout:
    """The packing problem of a graph, and what its blocks are."""

    problem: Problem
    block_of: dict[int, int]
    scratch_of: dict[int, int]

    @staticmethod
    def of(graph: Graph, steps: Sequence[Step]) -> _Layout:
        """Blocks of tensors come first."""
        owner = owners(graph, steps)
        lives = lifetimes(graph, steps, owner)
        numbers = {tensor: index for index, tensor in enumerate(lives)}
        block_of = {tensor: numbers[owner[tensor]] for tensor in owner}
        blocks = [
            Block(
                max(graph.tensors[tensor].bytes for tensor in owner if owner[tensor] == first),
                max(_alignment(graph, tensor) for tensor in owner if owner[tensor] == first),
                *lives[first],
            )
            for first in lives
        ]
        scratch_of: dict[int, int] = {}
        for number, step in enumerate(steps):
            if step.scratch_bytes:
                scratch_of[number] = len(blocks)
                blocks.append(Block(step.scratch_bytes, _SCRATCH_ALIGNMENT, number, number))
        sharings = _sharings(steps, block_of, blocks)
        return _Layout(Problem(tuple(blocks), sharings), block_of, scratch_of)

    def memory_blocks(
        self, graph: Graph, steps: Sequence[Step], offsets: Sequence[int]
    ) -> Iterator[MemoryBlock]:
        """The blocks as they are reported."""
        tensors: dict[int, list[int]] = {}
        for tensor, number in self.block_of.items():
            tensors.setdefault(number, []).append(tensor)
        names = {number: graph.tensors[of[0]].name for number, of in tensors.items()}
        names |= {at: steps[step].operator.place for step, at in self.scratch_of.items()}
        for index, block in enumerate(self.problem.blocks):
            on = tuple(
                names[source]
                for source, result in self.problem.sharings
                if result == index
                and offsets[source] < offsets[index] + block.bytes
                and offsets[index] < offsets[source] + self.problem.blocks[source].bytes
            )
            yield MemoryBlock(
                name=names[index],
                kind="tensor" if index in tensors else "scratch",
                tensors=tuple(tensors.get(index, ())),
                first=block.first,
                last=block.last,
                offset=offsets[index],
                bytes=block.bytes,
                overlaid_on=on,
            )


def owners(graph: Graph, steps: Sequence[Step]) -> dict[int, int]:
    """Each activation and the one whose memory it is: itself, unless it is an alias."""
    owner = {tensor: tensor for tensor in graph.activations(graph.inputs)}
    for step in steps:
        for position, tensor in enumerate(step.writes):
            alias = step.aliases is not None and position == 0
            owner[tensor] = owner[step.reads[step.aliases or 0]] if alias else tensor
    return owner


def lifetimes(
    graph: Graph, steps: Sequence[Step], owner: Mapping[int, int]
) -> dict[int, tuple[int, int]]:
    """First and last step of what owns memory."""
    first: dict[int, int] = {owner[tensor]: -1 for tensor in graph.activations(graph.inputs)}
    last = dict(first)
    for index, step in enumerate(steps):
        for tensor in (*step.reads, *step.writes):
            first.setdefault(owner[tensor], index)
            last[owner[tensor]] = index
    for tensor in graph.activations(graph.outputs):
        last[owner[tensor]] = len(steps)
    return {tensor: (first[tensor], last[tensor]) for tensor in first}


def _alignment(graph: Graph, tensor: int) -> int:
    return _ALIGNMENT.get(graph.tensors[tensor].dtype, _WORD)


def _sharings(
    steps: Sequence[Step], block_of: Mapping[int, int], blocks: Sequence[Block]
) -> dict[tuple[int, int], Sharing]:
    """For inputs that end and outputs that begin at the same step, what the step allows."""
    found: dict[tuple[int, int], Sharing] = {}
    for index, step in enumerate(steps):
        if step.aliases is not None or not step.writes:
            continue
        result = block_of[step.writes[0]]
        for source in dict.fromkeys(block_of[tensor] for tensor in step.reads):
            # The same memory can be read twice: then both ways of reading it must allow it.
            at = [i for i, tensor in enumerate(step.reads) if block_of[tensor] == source]
            if blocks[source].last > index or any(i not in step.overlays for i in at):
                continue
            overlays = [step.overlays[i] for i in at]
            aligned = min(blocks[source].alignment, blocks[result].alignment)
            found[source, result] = Sharing(
                max(overlay.distance for overlay in overlays),
                math.lcm(aligned, *(overlay.multiple for overlay in overlays)),
            )
    return found


def _peak_step(blocks: Sequence[MemoryBlock]) -> int:
    arena = max((block.end for block in blocks), default=0)
    steps = {
        step
        for block in blocks
        if block.end == arena
        for step in range(block.first, block.last + 1)
    }
    return max(sorted(steps), key=lambda step: _bytes_in_use(blocks, step), default=-1)


def _bytes_in_use(blocks: Sequence[MemoryBlock], step: int) -> int:
    """Shared bytes count once."""
    covered = end = 0
    for block in sorted(blocks, key=lambda block: block.offset):
        if block.first <= step <= block.last and block.end > end:
            covered += block.end - max(end, block.offset)
            end = block.end
    return covered
