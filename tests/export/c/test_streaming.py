"""Row schedules compute what whole layers compute, and real models need the memory they promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import Graph, Operator, Padding, Tensor, Window
from edgekd.export.c.memory_check import verify_plan
from edgekd.export.c.step import Step
from edgekd.export.c.stream_plan import plan_streams
from edgekd.export.c.streaming import StreamedGroup, rows_read, stream_group

from .tiny_networks import FOLDER, image, overlay_of, read_network, step_of, steps_of

Image = npt.NDArray[np.int64]
needs_models = pytest.mark.skipif(not FOLDER.exists(), reason="the MLPerf Tiny models are not here")
_CHANNELS = 2


def _row(operator: Operator, graph: Graph, rows: list[list[Image]], start: int, row: int) -> Image:
    """One output row; ``rows`` of each input begin at input row ``start``."""
    if operator.kind == "ADD":
        return rows[0][0] + 3 * rows[1][0]
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


def _streamed(graph: Graph, group: StreamedGroup, images: dict[int, Image]) -> Image:
    """Run the schedule; inside the group there is nothing but the rings."""
    stores: dict[int, Image] = {tensor: images[tensor] for tensor in group.inputs}
    for tensor, rows in {**group.rings, group.output: graph.tensors[group.output].shape[1]}.items():
        # Rows that were never written would show in the result.
        stores[tensor] = np.full((rows, *graph.tensors[tensor].shape[2:]), 1 << 40)
    for position, row in group.schedule:
        step = group.steps[position]
        start, end = rows_read(step.operator, graph, row)
        inputs = [
            [stores[tensor][at % len(stores[tensor])].copy() for at in range(start, end)]
            for tensor in step.reads
        ]
        store = stores[step.writes[0]]
        store[row % len(store)] = _row(step.operator, graph, inputs, start, row)
    return stores[group.output]


def _in_one_buffer(graph: Graph, group: StreamedGroup, images: dict[int, Image]) -> Image:
    """As ``_streamed``, with the output over the first input at the distance that is promised."""
    [source] = group.inputs
    before, after = max(0, -group.distances[0]), max(0, group.distances[0])
    shape = graph.tensors[group.output].shape
    size = before + max(after + images[source].size, int(np.prod(shape)))
    buffer = np.full(size + before, 1 << 40)
    buffer[after : after + images[source].size] = images[source].ravel()
    rings = {t: np.full((n, *graph.tensors[t].shape[2:]), 1 << 40) for t, n in group.rings.items()}
    for position, row in group.schedule:
        step = group.steps[position]
        start, end = rows_read(step.operator, graph, row)
        whole = buffer[after : after + images[source].size].reshape(images[source].shape)
        result_size = shape[2] * shape[3]
        if step.writes[0] == group.output:
            # The kernel may write any part of the row before it has read all of its input.
            buffer[before + row * result_size : before + (row + 1) * result_size] = 1 << 41
        inputs = [
            [
                (rings[t][at % len(rings[t])] if t in rings else whole[at]).copy()
                for at in range(start, end)
            ]
            for t in step.reads
        ]
        found = _row(step.operator, graph, inputs, start, row)
        if step.writes[0] == group.output:
            buffer[before + row * result_size : before + (row + 1) * result_size] = found.ravel()
        else:
            rings[step.writes[0]][row % len(rings[step.writes[0]])] = found
    return buffer[before : before + int(np.prod(shape))].reshape(shape[1:])


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


@given(stacks(), st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_rows_in_rings_give_what_whole_layers_give(graph: Graph, seed: int) -> None:
    steps = [step_of(operator, graph) for operator in graph.operators]
    first = np.random.default_rng(seed).integers(-99, 99, graph.tensors[0].shape[1:])
    images = _whole(graph, steps, {0: first})
    for begin in range(len(steps)):
        for end in range(begin + 1, len(steps)):
            group = stream_group(graph, steps, begin, end)
            if group is None:
                continue
            np.testing.assert_array_equal(_streamed(graph, group, images), images[group.output])
            calls = group.schedule
            assert len(set(calls)) == len(calls)
            if len(group.inputs) == 1:
                found = _in_one_buffer(graph, group, images)
                np.testing.assert_array_equal(found, images[group.output])


@given(stacks())
@settings(deadline=None, max_examples=60)
def test_plans_with_groups_are_right_and_never_larger(graph: Graph) -> None:
    steps = [step_of(operator, graph) for operator in graph.operators]
    streamed, whole = plan_streams(graph, steps), plan_streams(graph, [_fixed(s) for s in steps])

    assert verify_plan(graph, streamed.steps, streamed.memory) == []
    assert whole.groups == ()
    assert streamed.memory.arena_bytes <= whole.memory.arena_bytes
    covered = [len(group.steps) - 1 for group in streamed.groups]
    assert len(streamed.steps) + sum(covered) == len(steps)


def _fixed(step: Step) -> Step:
    """The same step as one of a kind that cannot be streamed."""
    return replace(step, operator=replace(step.operator, kind="CUSTOM"))


def test_rings_hold_a_window_and_no_more() -> None:
    stack = _Stack(16, 4)
    ones = np.ones((_CHANNELS, 3, 3, _CHANNELS), np.int64)
    same = Window((1, 1), (1, 1), Padding(1, 1, 1, 1), (3, 3))
    first = stack.windowed("CONV_2D", 0, same, ones)
    second = stack.windowed("CONV_2D", first, same, ones)
    third = stack.windowed("CONV_2D", second, replace(same, stride=(2, 2)), ones)
    added = stack.windowed("DEPTHWISE_CONV_2D", third, same, ones[:1])
    stack.add("ADD", [third, added], stack.tensors[third].shape)
    graph = stack.graph()
    group = stream_group(graph, steps_of(graph), 0, 4)

    assert group is not None
    assert group.rings == {first: 3, second: 3, third: 3, added: 1}
    assert group.schedule[:6] == ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))


def test_a_tensor_that_is_read_outside_keeps_a_group_from_forming() -> None:
    stack = _Stack(8, 4)
    pool = Window((1, 1), (1, 1), Padding(), (1, 1))
    first = stack.windowed("MAX_POOL_2D", 0, pool, None)
    second = stack.windowed("MAX_POOL_2D", first, pool, None)
    third = stack.windowed("MAX_POOL_2D", second, pool, None)
    graph = stack.graph()
    steps = steps_of(graph)

    assert stream_group(graph, steps, 0, 2) is not None
    assert stream_group(replace(graph, outputs=(second, third)), steps, 0, 2) is None
    late = step_of(Operator("ADD", (first, third), (third + 1,), "late"), _with(graph, third + 1))
    assert stream_group(graph, [*steps, late], 0, 2) is None
    assert stream_group(graph, [_fixed(steps[0]), *steps[1:]], 0, 2) is None


def _with(graph: Graph, tensor: int) -> Graph:
    return graph.with_tensors({tensor: image(8, 4, _CHANNELS)})


@needs_models
@pytest.mark.parametrize(
    ("name", "arena", "layers"), [("ic", 15872, 8), ("vww", 28032, 3), ("ad", 768, 0)]
)
def test_real_models(name: str, arena: int, layers: int) -> None:
    graph = read_network(name)
    plan = plan_streams(graph, steps_of(graph))

    assert verify_plan(graph, plan.steps, plan.memory) == []
    assert plan.memory.arena_bytes == arena
    assert sum(len(group.steps) for group in plan.groups) == layers


@needs_models
def test_kws_gains_nothing_once_its_depthwise_layers_work_in_place() -> None:
    graph = read_network("kws")
    steps = [
        replace(step, overlays={0: replace(overlay_of(step.operator, graph)[0], distance=0)})
        if step.operator.kind == "DEPTHWISE_CONV_2D"
        else step
        for step in steps_of(graph)
    ]

    assert plan_streams(graph, steps).groups == ()
