"""Finds out how layers run together, some rows at a time, so that whole images are not needed.

Between two layers of such a group there is no image but a strip: neighbouring rows, the oldest that
the next layer's window still needs first. A layer appends rows to its strip; where there is no room
for these, the rows that are still needed are moved to the strip's start. No row is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.packing_problem import round_up
from edgekd.export.c.step import Step

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_POOLINGS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
_ELEMENTWISE = (
    *("ADD", "SUB", "MUL"),
    *("LOOKUP", "HARD_SWISH", "LOGISTIC", "TANH", "RELU", "RELU6", "LEAKY_RELU"),
)
_STRIP_ALIGNMENT = 8
# Kernels load and store whole words, so that every row must begin at one.
_WORD = 4


@dataclass(frozen=True)
class Rows:
    """Input rows that some output rows are computed from.

    Attributes:
        start: the first one in the image.
        end: the one behind the last.
        top: rows of padding before them.
        bottom: behind them.
    """

    start: int
    end: int
    top: int = 0
    bottom: int = 0


@dataclass(frozen=True)
class Call:
    """Computes the next rows of a layer.

    Attributes:
        layer: position in the group.
        rows: of the output.
        height: rows of each input that it reads.
        top: rows of padding before them.
        bottom: behind them.
        advance: input rows between the first one that this call reads and that of the next call.
    """

    layer: int
    rows: int
    height: int
    top: int
    bottom: int
    advance: int


@dataclass(frozen=True)
class Move:
    """Makes room in the strip that a layer writes: its first rows are no longer needed."""

    layer: int
    rows: int


@dataclass(frozen=True)
class StreamedGroup:
    """Layers that run together.

    Attributes:
        first: number of the first step among all steps.
        steps: consecutive ones; only the last one's output leaves the group.
        schedule: what to do, in this order.
        strips: for each layer but the last, how many rows its strip holds.
        offsets: of the strips, in bytes from the start of the group's scratch.
        inputs: tensors from outside the group; they are whole images.
        distances: for each of ``inputs``, when the output may lie over it, as
            ``Overlay.distance``.
        strip_bytes: of all strips.
    """

    first: int
    steps: tuple[Step, ...]
    schedule: tuple[Call | Move, ...]
    strips: tuple[int, ...]
    offsets: tuple[int, ...]
    inputs: tuple[int, ...]
    distances: tuple[int, ...]
    strip_bytes: int

    @property
    def output(self) -> int:
        """The only tensor that leaves; it is a whole image."""
        return self.steps[-1].writes[0]

    def calls(self) -> list[Call]:
        """The different ones."""
        return [one for one in dict.fromkeys(self.schedule) if isinstance(one, Call)]


def rows_read(operator: Operator, graph: Graph, row: int, count: int = 1) -> Rows:
    """What ``count`` output rows from ``row`` on are computed from; may be padding only."""
    height = graph.tensors[operator.inputs[0]].shape[1]
    window = operator.window
    if window is None:
        return Rows(row, row + count)
    kernel = window.kernel[0]
    if operator.kind in _CONVOLUTIONS:
        kernel = graph.tensors[operator.inputs[1]].shape[1]
    start = row * window.stride[0] - window.padding.top
    end = start + (count - 1) * window.stride[0] + (kernel - 1) * window.dilation[0] + 1
    return Rows(max(0, start), min(end, height), max(0, -start), max(0, end - height))


def row_bytes(graph: Graph, tensor: int) -> int:
    """Of one row of an image."""
    return graph.tensors[tensor].bytes // graph.tensors[tensor].shape[1]


def is_streamable(step: Step, graph: Graph) -> bool:
    """Whether one output row of a step needs only some rows of its inputs."""
    kind = step.operator.kind
    images = [graph.tensors[tensor] for tensor in (*step.reads, *step.writes)]
    if len(step.writes) != 1 or step.aliases is not None:
        return False
    if any(len(one.shape) != 4 or one.shape[0] != 1 or one.dtype != "int8" for one in images):
        return False
    if any(one.bytes // one.shape[1] % _WORD for one in images):
        return False
    if kind in _ELEMENTWISE:
        activations = {one for one in step.operator.inputs if graph.tensors[one].data is None}
        return len({one.shape for one in images}) == 1 and activations == set(step.operator.inputs)
    return kind in (*_CONVOLUTIONS, *_POOLINGS) and len(step.reads) == 1


def stream_group(
    graph: Graph, steps: Sequence[Step], first: int, last: int, rows: int
) -> StreamedGroup | None:
    """The group of the steps from ``first`` to ``last``, inclusive, if they can be one.

    Args:
        graph: that the steps belong to.
        steps: all of them.
        first: number of a step.
        last: number of a later one.
        rows: that one call computes of the widest layer; of the others as many as have as many
            pixels. With 0 it is one row of each.
    """
    chosen = tuple(steps[first : last + 1])
    if not all(is_streamable(step, graph) for step in chosen):
        return None
    inside = {step.writes[0] for step in chosen[:-1]}
    outside = {tensor for step in (*steps[:first], *steps[last + 1 :]) for tensor in step.reads}
    if inside & (outside | set(graph.outputs)):
        return None
    if inside - {tensor for step in chosen for tensor in step.reads}:
        return None
    return _Builder(graph, chosen, rows).build(first)


class _Builder:
    """Runs a group on demand: rows are computed when a later layer needs them, and not before."""

    def __init__(self, graph: Graph, steps: tuple[Step, ...], rows: int) -> None:
        self._graph = graph
        self._steps = steps
        self._writer = {step.writes[0]: layer for layer, step in enumerate(steps)}
        self._readers: dict[int, list[int]] = {}
        for layer, step in enumerate(steps):
            for tensor in step.reads:
                self._readers.setdefault(tensor, []).append(layer)
        self._heights = [graph.tensors[step.writes[0]].shape[1] for step in steps]
        self._at_once = self._rows_at_once(rows)

    def _rows_at_once(self, rows: int) -> list[int]:
        widths = [self._graph.tensors[step.writes[0]].shape[2] for step in self._steps]
        return [max(1, rows * max(widths) // width) for width in widths]

    def build(self, first: int) -> StreamedGroup | None:
        blocks = list(self._blocks())
        if any(rows.end <= rows.start for _, _, _, rows in blocks):
            return None
        inputs = tuple(tensor for tensor in self._readers if tensor not in self._writer)
        strips, distances = self._measure(blocks, inputs)
        offsets, end = [], 0
        for layer, rows in enumerate(strips):
            offsets.append(end)
            size = rows * row_bytes(self._graph, self._steps[layer].writes[0])
            end = round_up(end + size, _STRIP_ALIGNMENT)
        return StreamedGroup(
            first=first,
            steps=self._steps,
            schedule=tuple(self._schedule(blocks, strips)),
            strips=tuple(strips),
            offsets=tuple(offsets),
            inputs=inputs,
            distances=tuple(distances[tensor] for tensor in inputs),
            strip_bytes=end,
        )

    def _blocks(self) -> Iterator[tuple[int, int, int, Rows]]:
        """Layer, first output row, number of output rows, and what they are computed from."""
        done = [0] * len(self._steps)

        def compute(layer: int, end: int) -> Iterator[tuple[int, int, int, Rows]]:
            step = self._steps[layer]
            while done[layer] < end:
                row = done[layer]
                count = min(self._at_once[layer], self._heights[layer] - row)
                rows = rows_read(step.operator, self._graph, row, count)
                for tensor in step.reads:
                    if tensor in self._writer:
                        yield from compute(self._writer[tensor], rows.end)
                yield layer, row, count, rows
                done[layer] += count

        yield from compute(len(self._steps) - 1, self._heights[-1])

    def _measure(
        self, blocks: Iterable[tuple[int, int, int, Rows]], inputs: Sequence[int]
    ) -> tuple[list[int], dict[int, int]]:
        """Rows of each strip, and how far the output must stay behind each input."""
        last = len(self._steps) - 1
        strips = [0] * last
        distances: dict[int, int] = {}
        done = [0] * len(self._steps)
        written = row_bytes(self._graph, self._steps[last].writes[0])
        for layer, row, count, _ in blocks:
            if layer < last:
                needed = row + count - min(row, self._oldest(self._steps[layer].writes[0], done))
                strips[layer] = max(strips[layer], needed)
            else:
                for source in inputs:
                    room = self._oldest(source, done) * row_bytes(self._graph, source)
                    behind = (row + count) * written - room
                    distances[source] = max(distances.get(source, behind), behind)
            done[layer] = row + count
        return strips, distances

    def _schedule(
        self, blocks: Iterable[tuple[int, int, int, Rows]], strips: Sequence[int]
    ) -> Iterator[Call | Move]:
        done = [0] * len(self._steps)
        bases = [0] * len(strips)
        for layer, row, count, rows in blocks:
            if layer < len(strips) and row + count - bases[layer] > strips[layer]:
                oldest = min(row, self._oldest(self._steps[layer].writes[0], done))
                yield Move(layer, oldest - bases[layer])
                bases[layer] = oldest
            done[layer] = row + count
            following = rows_read(self._steps[layer].operator, self._graph, row + count).start
            height = rows.end - rows.start
            yield Call(layer, count, height, rows.top, rows.bottom, following - rows.start)

    def _oldest(self, tensor: int, done: Sequence[int]) -> int:
        """The first row that a call which has not ended still reads."""
        return min(
            (
                rows_read(self._steps[reader].operator, self._graph, done[reader]).start
                for reader in self._readers[tensor]
                if done[reader] < self._heights[reader]
            ),
            default=self._graph.tensors[tensor].shape[1],
        )
