"""The plan of the arena is right for every graph, and the smallest for the real ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import DType, Graph, Operator, Padding, Tensor, Window
from edgekd.export.c.memory import MemoryPlan, plan_memory
from edgekd.export.c.memory_check import verify_plan
from edgekd.export.c.step import Overlay, Step
from edgekd.measure.footprint import Lifetime
from edgekd.measure.footprint import pack as pack_lifetimes
from tests.conftest import MLPERF_TINY

from .tiny_networks import (
    pixel_distance,
    read_network,
    row_distance,
    steps_of,
    with_planes,
)

needs_models = pytest.mark.skipif(
    not MLPERF_TINY.exists(), reason="the MLPerf Tiny models are not here"
)


def _step(reads: list[int], writes: list[int], **more: object) -> Step:
    operator = Operator("ADD", tuple(reads), tuple(writes), f"operator {writes[0]}")
    return replace(Step(operator, (), "", tuple(reads), tuple(writes)), **more)  # type: ignore[arg-type]


def _graph(sizes: list[int], inputs: list[int], outputs: list[int]) -> Graph:
    tensors = {i: Tensor(f"t{i}", (size,), "int8") for i, size in enumerate(sizes)}
    return Graph(tensors, (), tuple(inputs), tuple(outputs))


def _apart(steps: list[Step]) -> list[Step]:
    return [replace(step, overlays={}) for step in steps]


@needs_models
@pytest.mark.parametrize(
    ("name", "by_lifetime", "by_rows"),
    # kws: each depthwise layer moves down by two rows of 320 bytes, and a 1x1 layer cannot move up.
    [("kws", 16000, 8000 + 4 * 640), ("ic", 49152, 33792), ("vww", 55296, 37248), ("ad", 768, 768)],
)
def test_real_models_reach_the_optimum(name: str, by_lifetime: int, by_rows: int) -> None:
    graph = read_network(name)
    steps = steps_of(graph)
    apart, over = plan_memory(graph, _apart(steps)), plan_memory(graph, steps)

    assert verify_plan(graph, _apart(steps), apart) == []
    assert verify_plan(graph, steps, over) == []
    assert (apart.arena_bytes, over.arena_bytes) == (by_lifetime, by_rows)


@needs_models
def test_in_place_depthwise_layers_leave_one_image_and_its_scratch() -> None:
    graph = read_network("kws")
    steps = with_planes(steps_of(graph), graph)
    plan = plan_memory(graph, steps)

    assert verify_plan(graph, steps, plan) == []
    assert plan.arena_bytes == plan.lower_bound == 8000 + 2 * 27 * 7


def test_two_rows_of_scratch_for_the_depthwise_layers_of_kws() -> None:
    graph = _graph([490, *[8000] * 9, 64], [0], [10])
    steps = [_step([0], [1])]
    for number in range(1, 9):
        scratch = 640 if number % 2 else 0
        steps.append(_step([number], [number + 1], overlays={0: Overlay(0)}, scratch_bytes=scratch))
    steps.append(_step([9], [10]))

    assert plan_memory(graph, steps).arena_bytes == 8640


def test_a_graph_without_steps_keeps_its_inputs() -> None:
    plan = plan_memory(_graph([10, 7], [0, 1], [0]), [])

    assert sorted(plan.offsets.values()) in ([0, 8], [0, 12])
    assert plan.peak_step == -1


def test_an_output_that_nothing_reads_lives_to_the_end() -> None:
    graph = _graph([100, 100, 100, 100], [0], [1, 3])
    steps = [_step([0], [1]), _step([0], [2]), _step([2], [3])]

    assert plan_memory(graph, steps).arena_bytes == 300


def test_an_overlay_waits_for_the_last_reader_of_an_alias() -> None:
    graph = _graph([100, 100, 100, 100], [0], [3])
    in_place = {0: Overlay(0)}
    steps = [
        _step([0], [1], aliases=0),
        _step([0], [2], overlays=in_place),
        _step([1, 2], [3], overlays={0: Overlay(0), 1: Overlay(0)}),
    ]
    plan = plan_memory(graph, steps)

    assert verify_plan(graph, steps, plan) == []
    assert plan.arena_bytes == 200
    assert plan.offsets[0] == plan.offsets[1]


def test_an_operand_read_twice_needs_both_overlays() -> None:
    graph = _graph([100, 100], [0], [1])
    one, both = {0: Overlay(0)}, {0: Overlay(0), 1: Overlay(0)}

    assert plan_memory(graph, [_step([0, 0], [1], overlays=one)]).arena_bytes == 200
    assert plan_memory(graph, [_step([0, 0], [1], overlays=both)]).arena_bytes == 100


def test_a_negative_distance_may_put_the_output_above() -> None:
    graph = _graph([100, 100, 100], [0], [2])
    steps = [
        _step([0], [1], overlays={0: Overlay(-40)}),
        _step([1], [2], overlays={0: Overlay(40)}),
    ]
    plan = plan_memory(graph, steps)

    assert verify_plan(graph, steps, plan) == []
    assert plan.arena_bytes == 140


def test_distances_are_rounded_to_words_and_multiples() -> None:
    graph = _graph([100, 100], [0], [1])
    plan = plan_memory(graph, [_step([0], [1], overlays={0: Overlay(1, 3)})])

    assert plan.offsets == {0: 12, 1: 0}
    assert plan.blocks[1].overlaid_on == ("t0",)


def test_wide_types_and_scratch_are_aligned() -> None:
    tensors = {
        0: Tensor("a", (3,), "int8"),
        1: Tensor("b", (3,), "int64"),
        2: Tensor("c", (1,), "float32"),
    }
    graph = Graph(tensors, (), (0,), (1, 2))
    steps = [_step([0], [1], scratch_bytes=3), _step([0], [2], scratch_bytes=5)]
    plan = plan_memory(graph, steps)

    assert verify_plan(graph, steps, plan) == []
    assert plan.offsets[1] % 8 == 0
    assert all(offset % 8 == 0 for offset in plan.scratch.values())


def test_the_check_sees_what_is_wrong() -> None:
    graph = _graph([100, 100, 100], [0], [2])
    steps = [_step([0], [1], scratch_bytes=8), _step([0, 1], [2])]
    plan = plan_memory(graph, steps)
    good = dict(plan.offsets)

    assert verify_plan(graph, steps, plan) == []
    for tensor, other in ((1, 0), (2, 0), (2, 1)):
        bad = replace(plan, offsets={**good, tensor: good[other] + 4})
        assert verify_plan(graph, steps, bad)
    assert verify_plan(graph, steps, replace(plan, scratch={0: good[0] // 8 * 8}))
    assert verify_plan(graph, steps, replace(plan, scratch={}))
    assert verify_plan(graph, steps, replace(plan, arena_bytes=300 - 1))
    assert verify_plan(graph, steps, replace(plan, offsets={**good, 2: good[2] + 1}))


@st.composite
def random_steps(draw: st.DrawFn, most: int = 12, largest: int = 128) -> tuple[Graph, list[Step]]:
    """Any graph: several inputs and outputs, dead ends, aliases, overlays, scratch, wide types."""
    types: st.SearchStrategy[DType] = st.sampled_from(["int8", "int8", "int8", "int32", "int64"])
    tensors: dict[int, Tensor] = {}

    def new(elements: int, dtype: DType) -> int:
        tensors[len(tensors)] = Tensor(f"t{len(tensors)}", (elements,), dtype)
        return len(tensors) - 1

    sizes = st.one_of(st.integers(1, 40), st.sampled_from([64, 128])).map(lambda n: min(n, largest))
    most_inputs = 3 if most > 2 else 1
    inputs = [new(draw(sizes), draw(types)) for _ in range(draw(st.integers(1, most_inputs)))]
    steps = []
    for _ in range(draw(st.integers(0, most))):
        reads = draw(st.lists(st.sampled_from(sorted(tensors)), min_size=1, max_size=3))
        if draw(st.integers(0, 4)) == 0:
            source = tensors[reads[0]]
            steps.append(_step(reads[:1], [new(source.elements, source.dtype)], aliases=0))
            continue
        writes = [new(draw(sizes), draw(types)) for _ in range(draw(st.sampled_from([1, 1, 2])))]
        distances = st.builds(Overlay, st.integers(-50, 50), st.sampled_from([1, 1, 3, 8]))
        overlays = draw(st.dictionaries(st.integers(0, len(reads) - 1), distances))
        scratch = draw(st.sampled_from([0, 0, 5, 32]))
        steps.append(_step(reads, writes, overlays=overlays, scratch_bytes=scratch))
    outputs = draw(st.lists(st.sampled_from(sorted(tensors)), min_size=1, max_size=3, unique=True))
    return Graph(tensors, (), tuple(inputs), tuple(outputs)), steps


@given(random_steps())
@settings(deadline=None, max_examples=120)
def test_every_plan_is_right_and_no_larger_than_without_overlays(
    drawn: tuple[Graph, list[Step]],
) -> None:
    graph, steps = drawn
    over, apart = plan_memory(graph, steps), plan_memory(graph, _apart(steps))

    assert verify_plan(graph, steps, over) == []
    assert verify_plan(graph, _apart(steps), apart) == []
    assert over.lower_bound <= over.arena_bytes <= apart.arena_bytes
    assert apart.arena_bytes <= _packed_lifetimes(apart)
    assert plan_memory(graph, steps) == over


def _packed_lifetimes(plan: MemoryPlan) -> int:
    """What the planner of the static estimate needs, each block rounded up to 8 bytes."""
    lives = [Lifetime(b.first + 1, b.last + 1, -(-b.bytes // 8) * 8) for b in plan.blocks]
    at = pack_lifetimes(lives)
    return max(offset + life.size for offset, life in zip(at, lives, strict=True))


@given(random_steps(most=2, largest=12))
@settings(deadline=None, max_examples=100)
def test_small_graphs_get_the_smallest_arena(drawn: tuple[Graph, list[Step]]) -> None:
    graph, steps = drawn
    plan = plan_memory(graph, steps)
    movable = [block for block in plan.blocks if block.kind == "tensor"]
    smaller = plan.arena_bytes - 1
    assume(len(plan.blocks) <= 3)
    assume(smaller <= 100)

    places = [range(0, smaller - block.bytes + 1, 4) for block in movable]
    scratch = [range(0, smaller - steps[n].scratch_bytes + 1, 8) for n in plan.scratch]
    for chosen in product(*places, *scratch):
        at = {
            tensor: offset
            for block, offset in zip(movable, chosen[: len(movable)], strict=True)
            for tensor in block.tensors
        }
        scratch_at = dict(zip(plan.scratch, chosen[len(movable) :], strict=True))
        other = replace(plan, offsets=at, scratch=scratch_at, arena_bytes=smaller)
        assert verify_plan(graph, steps, other) != []


def test_hundreds_of_steps_take_seconds() -> None:
    random = np.random.default_rng(0)
    sizes = [int(size) * 64 for size in random.integers(1, 200, 301)]
    steps = [
        _step(
            sorted({int(random.integers(max(0, n - 8), n + 1)), n}),
            [n + 1],
            overlays={0: Overlay(int(random.integers(-64, 640)))},
            scratch_bytes=int(random.integers(0, 2000)),
        )
        for n in range(300)
    ]
    graph = _graph(sizes, [0], [300])
    plan = plan_memory(graph, steps)

    assert verify_plan(graph, steps, plan) == []
    assert plan.arena_bytes <= 1.1 * plan.lower_bound


@given(
    *(st.integers(1, 6),) * 2,
    *(st.integers(1, 4),) * 2,
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
)
@settings(deadline=None)
def test_the_row_distance_is_the_nearest_that_is_safe(
    rows: int, columns: int, channels: int, results: int, kernel: int, stride: int, top: int
) -> None:
    """Of the samples that these tests plan with: no input byte is overwritten before it is read."""
    top = min(top, kernel - 1)
    source = Tensor("", (1, rows, columns, channels), "int8")
    result = Tensor("", (1, (rows + top - kernel) // stride + 1, columns, results), "int8")
    assume(result.shape[1] >= 1)
    window = Window((stride, 1), (1, 1), Padding(top=top), (kernel, 1))
    distance = row_distance(source, result, window)

    def safe(difference: int) -> bool:
        read, written = columns * channels, columns * results
        at = max(0, difference), max(0, -difference)
        arena = np.full(max(at[0] + rows * read, at[1] + result.shape[1] * written), -1)
        arena[at[0] : at[0] + rows * read] = np.arange(rows * read)
        for row in range(result.shape[1]):
            # The row may be written before the last of its input is read.
            arena[at[1] + row * written : at[1] + (row + 1) * written] = -2
            start, end = max(0, row * stride - top), row * stride - top + kernel
            needed = np.arange(start * read, end * read)
            if (arena[at[0] + start * read : at[0] + end * read] != needed).any():
                return False
        return True

    assert safe(distance)
    assert not safe(distance - 1)
    assert pixel_distance(source, source) == 0
