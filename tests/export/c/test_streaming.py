"""Schedules of rows compute what whole layers compute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import Graph, Operator, Padding, Tensor, Window
from edgekd.export.c.step import Step
from edgekd.export.c.streaming import Call, Move, StreamedGroup, stream_group

from .tiny_networks import image, step_of, steps_of

Image = npt.NDArray[np.int64]
_CHANNELS = 4
_UNWRITTEN = 1 << 40


def _row(operator: Operator, graph: Graph, rows: list[list[Image]], start: int, row: int) -> Image:
    """One output row; ``rows`` of each input begin at input row ``start``."""
    if operator.kind == "ADD":
        return rows[0][0] + 3 * rows[1 % len(rows)][0]
    window = operator.window
    assert window is not None
    _, _, columns, channels = graph.tensors[operator.outputs[0]].shape
    width = graph.tensors[operator.inputs[0]].shape[2]
    weights = graph.tensors[operator.inputs[1]].data if len(operator.inputs) > 1 else None
    height, across = window.kernel if weights is None else weights.shape[1:3]
    result = np.zeros((columns, channels), np.int64)
    for y, x, column in np.ndindex(height, across, columns):
        at = row * window.stride[0] - window.padding.top + y * window.dilation[0] - start
        place = column * window.stride[1] - window.padding.left + x * window.dilation[1]
        if not (0 <= at < len(rows[0]) and 0 <= place < width):
            continue
        pixel = rows[0][at][place]
        if weights is None:
            result[column] = np.maximum(result[column], pixel)
        elif operator.kind == "CONV_2D":
            result[column] += weights[:, y, x] @ pixel
        else:
            result[column] += weights[0, y, x] * pixel
    return result


def _whole(graph: Graph, steps: list[Step], images: dict[int, Image]) -> dict[int, Image]:
    images = dict(images)
    for step in steps:
        rows = [list(images[tensor]) for tensor in step.reads]
        height = graph.tensors[step.writes[0]].shape[1]
        if step.operator.kind == "ADD":
            found = [
                _row(step.operator, graph, [[r[y]] for r in rows], y, y) for y in range(height)
            ]
        else:
            found = [_row(step.operator, graph, rows, 0, y) for y in range(height)]
        images[step.writes[0]] = np.stack(found)
    return images


class _Interpreter:
    """Runs a schedule as the C does, except that tensors hold any integers.

    The output lies over the first input of the group as closely as is promised.
    """

    def __init__(self, graph: Graph, group: StreamedGroup, images: dict[int, Image]) -> None:
        self._graph, self._group, self._images = graph, group, images
        self._strips = [
            np.full((rows, *self._shape(group.steps[layer].writes[0])[1:]), _UNWRITTEN)
            for layer, rows in enumerate(group.strips)
        ]
        self._read = {
            (layer, tensor): 0 for layer, step in enumerate(group.steps) for tensor in step.reads
        }
        self._written = [0] * len(group.steps)
        source, distance = images[group.inputs[0]], group.distances[0]
        self._output_at, self._input_at = max(0, -distance), max(0, distance)
        size = int(np.prod(self._shape(group.output)))
        self._buffer = np.full(self._output_at + self._input_at + source.size + size, _UNWRITTEN)
        self._buffer[self._input_at : self._input_at + source.size] = source.ravel()

    def run(self) -> Image:
        for one in self._group.schedule:
            if isinstance(one, Call):
                self._call(one)
            else:
                self._move(one)
        shape = self._shape(self._group.output)
        size = int(np.prod(shape))
        return self._buffer[self._output_at : self._output_at + size].reshape(shape)

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return self._graph.tensors[tensor].shape[1:]

    def _rows(self, tensor: int, start: int, height: int) -> Image:
        writers = [step.writes[0] for step in self._group.steps]
        if tensor in writers:
            strip = self._strips[writers.index(tensor)]
            assert start + height <= self._written[writers.index(tensor)]
        elif tensor == self._group.inputs[0]:
            shape = self._shape(tensor)
            flat = self._buffer[self._input_at : self._input_at + int(np.prod(shape))]
            strip = flat.reshape(shape)
        else:
            strip = self._images[tensor]
        assert start >= 0
        found = strip[start : start + height].copy()
        assert len(found) == height
        return found

    def _call(self, call: Call) -> None:
        step = self._group.steps[call.layer]
        at = self._written[call.layer]
        last = call.layer == len(self._group.strips)
        if last:
            row = int(np.prod(self._shape(self._group.output)[1:]))
            target = self._buffer[self._output_at + at * row :][: call.rows * row]
            # The kernel may write any of its rows before it has read all of its input.
            target[:] = _UNWRITTEN
        rows = [
            self._rows(tensor, self._read[call.layer, tensor], call.height) for tensor in step.reads
        ]
        found = _on_rows(step.operator, self._graph, rows, call)
        if last:
            target[:] = found.ravel()
        else:
            assert at + call.rows <= self._group.strips[call.layer]
            self._strips[call.layer][at : at + call.rows] = found
        for tensor in set(step.reads):
            self._read[call.layer, tensor] += call.advance
        self._written[call.layer] += call.rows

    def _move(self, move: Move) -> None:
        strip = self._strips[move.layer]
        kept = strip[move.rows :].copy()
        strip[:] = _UNWRITTEN
        strip[: len(kept)] = kept
        self._written[move.layer] -= move.rows
        moved = self._group.steps[move.layer].writes[0]
        for layer, tensor in self._read:
            if tensor == moved:
                self._read[layer, tensor] -= move.rows


def _on_rows(operator: Operator, graph: Graph, rows: list[Image], call: Call) -> Image:
    """The operator on an image of as many rows as it was given."""
    window = operator.window
    if window is None:
        return rows[0] + 3 * rows[1 % len(rows)]
    padding = replace(window.padding, top=call.top, bottom=call.bottom)
    part = replace(operator, window=replace(window, padding=padding))
    return np.stack([_row(part, graph, [list(rows[0])], 0, row) for row in range(call.rows)])


class _Stack:
    """A graph that grows layer by layer."""

    def __init__(self, rows: int, columns: int) -> None:
        self.tensors: dict[int, Tensor] = {0: image(rows, columns, _CHANNELS)}
        self.operators: list[Operator] = []

    def add(self, kind: str, inputs: list[int], shape: tuple[int, ...], **more: Any) -> int:
        output = len(self.tensors)
        self.tensors[output] = Tensor("", shape, "int8")
        self.operators.append(Operator(kind, tuple(inputs), (output,), kind, **more))
        return output

    def windowed(self, kind: str, source: int, window: Window, weights: Image | None) -> int:
        _, height, width, channels = self.tensors[source].shape
        padding = window.padding
        rows, columns = window.kernel
        down = height + padding.top + padding.bottom - (rows - 1) * window.dilation[0] - 1
        across = width + padding.left + padding.right - (columns - 1) * window.dilation[1] - 1
        shape = (1, down // window.stride[0] + 1, across // window.stride[1] + 1, channels)
        inputs = [source]
        if weights is not None:
            inputs.append(len(self.tensors))
            self.tensors[inputs[1]] = Tensor("", weights.shape, "int8", data=weights)
            window = replace(window, kernel=(1, 1))
        return self.add(kind, inputs, shape, window=window)

    def graph(self) -> Graph:
        return Graph(self.tensors, tuple(self.operators), (0,), (self.operators[-1].outputs[0],))


@st.composite
def stacks(draw: st.DrawFn) -> Graph:
    """Convolutions, depthwise ones, poolings and additions of two tensors of one size."""
    stack = _Stack(draw(st.integers(1, 9)), draw(st.integers(1, 3)))
    newest = 0
    for _ in range(draw(st.integers(2, 6))):
        kinds = ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "ADD"]
        kind = draw(st.sampled_from(kinds))
        source = newest
        if kind == "ADD":
            shape = stack.tensors[newest].shape
            same = [
                t for t, one in stack.tensors.items() if one.shape == shape and one.data is None
            ]
            newest = stack.add("ADD", [draw(st.sampled_from(same)), newest], shape)
            continue
        if draw(st.integers(0, 3)) == 0:
            activations = [t for t, one in stack.tensors.items() if one.data is None]
            source = draw(st.sampled_from(activations))
        window = draw(_windows())
        _, height, width, _ = stack.tensors[source].shape
        assume(height + window.padding.top + window.padding.bottom >= _reach(window, 0))
        assume(width + window.padding.left + window.padding.right >= _reach(window, 1))
        outer = _CHANNELS if kind == "CONV_2D" else 1
        values = np.random.default_rng(draw(st.integers(0, 99))).integers(
            -9, 10, (outer, *window.kernel, _CHANNELS)
        )
        newest = stack.windowed(kind, source, window, None if kind == "MAX_POOL_2D" else values)
    return stack.graph()


def _reach(window: Window, axis: int) -> int:
    return (window.kernel[axis] - 1) * window.dilation[axis] + 1


@st.composite
def _windows(draw: st.DrawFn) -> Window:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    return Window(
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        dilation=(draw(st.sampled_from([1, 1, 2])), 1),
        padding=Padding(draw(st.integers(0, rows - 1)), draw(st.integers(0, rows - 1)), 0, 1),
        kernel=(rows, columns),
    )


@given(stacks(), st.integers(0, 6), st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_rows_in_strips_give_what_whole_layers_give(graph: Graph, rows: int, seed: int) -> None:
    steps = [step_of(operator, graph) for operator in graph.operators]
    first = np.random.default_rng(seed).integers(-99, 99, graph.tensors[0].shape[1:])
    images = _whole(graph, steps, {0: first})
    for begin in range(len(steps)):
        for end in range(begin + 1, len(steps)):
            group = stream_group(graph, steps, begin, end, rows)
            if group is None:
                continue
            found = _Interpreter(graph, group, images).run()
            np.testing.assert_array_equal(found, images[group.output])


def test_strips_hold_a_window_and_no_more() -> None:
    stack = _Stack(16, 4)
    ones = np.ones((_CHANNELS, 3, 3, _CHANNELS), np.int64)
    same = Window((1, 1), (1, 1), Padding(1, 1, 1, 1), (3, 3))
    first = stack.windowed("CONV_2D", 0, same, ones)
    second = stack.windowed("CONV_2D", first, same, ones)
    third = stack.windowed("CONV_2D", second, replace(same, stride=(2, 2)), ones)
    added = stack.windowed("DEPTHWISE_CONV_2D", third, same, ones[:1])
    stack.add("ADD", [third, added], stack.tensors[third].shape)
    graph = stack.graph()
    group = stream_group(graph, steps_of(graph), 0, 4, 0)

    assert group is not None
    assert group.strips == (3, 3, 3, 1)
    assert group.offsets == (0, 48, 96, 120)
    assert [one.layer for one in group.schedule[:6] if isinstance(one, Call)] == [0, 0, 1, 0, 1, 2]
    assert group.schedule[0] == Call(0, rows=1, height=2, top=1, bottom=0, advance=0)


def test_a_tensor_that_is_read_outside_keeps_a_group_from_forming() -> None:
    stack = _Stack(8, 4)
    pool = Window((1, 1), (1, 1), Padding(), (1, 1))
    first = stack.windowed("MAX_POOL_2D", 0, pool, None)
    second = stack.windowed("MAX_POOL_2D", first, pool, None)
    third = stack.windowed("MAX_POOL_2D", second, pool, None)
    graph = stack.graph()
    steps = steps_of(graph)

    assert stream_group(graph, steps, 0, 2, 0) is not None
    assert stream_group(replace(graph, outputs=(second, third)), steps, 0, 2, 0) is None
    late = step_of(Operator("ADD", (first, third), (third + 1,), "late"), _with(graph, third + 1))
    assert stream_group(graph, [*steps, late], 0, 2, 0) is None
    fixed = replace(steps[0], operator=replace(steps[0].operator, kind="CUSTOM"))
    assert stream_group(graph, [fixed, *steps[1:]], 0, 2, 0) is None


def _with(graph: Graph, tensor: int) -> Graph:
    return graph.with_tensors({tensor: image(8, 4, _CHANNELS)})
