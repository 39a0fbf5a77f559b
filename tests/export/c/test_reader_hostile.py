"""Files damaged on purpose: the reader gives a graph that keeps its promises, or BadInput."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.export.c.graph import Graph
from edgekd.export.c.reader import parse_graph
from tests.export.c.one_operator import ONE_OPERATOR, small_network


@pytest.fixture(scope="module")
def good() -> bytes:
    model, outputs = small_network()
    return model.build(outputs)


def graph_or_bad_input(content: bytes) -> None:
    """Nothing but a graph that keeps its promises, or BadInput; and little memory."""
    tracemalloc.start()
    try:
        check_graph(parse_graph(content, "m"))
    except BadInput:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2**20 + 100 * len(content)


def check_graph(graph: Graph) -> None:
    written = set(graph.inputs)
    for operator in graph.operators:
        for index in operator.inputs:
            assert index == -1 or index in written or graph.tensors[index].data is not None
        written.update(operator.outputs)
    assert written.issuperset(graph.outputs)
    for tensor in graph.tensors.values():
        assert min(tensor.shape, default=1) >= 1
        assert tensor.data is None or tensor.data.shape == tensor.shape


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damaged_files_never_crash(good: bytes, data: st.DataObject) -> None:
    content = bytearray(good[: data.draw(st.integers(0, len(good)) | st.just(len(good)))])
    for _ in range(data.draw(st.integers(0, 6))):
        if content:
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
    graph_or_bad_input(bytes(content))


WORDS = [0, 1, 2, 4, 8, 2**15, 2**16 - 1, 2**30, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damaged_offsets_never_crash(data: st.DataObject) -> None:
    """Whole words of a model of any operator replaced: offsets, lengths, sizes, values."""
    model, outputs = ONE_OPERATOR[data.draw(st.sampled_from(sorted(ONE_OPERATOR)))]()
    content = bytearray(model.build(outputs))
    for _ in range(data.draw(st.integers(1, 3))):
        at = 4 * data.draw(st.integers(0, len(content) // 4 - 1))
        near = st.integers(-64, 64).map(lambda step: step % 2**32)
        word = data.draw(st.sampled_from(WORDS) | st.integers(0, len(content)) | near)
        content[at : at + 4] = word.to_bytes(4, "little")
    graph_or_bad_input(bytes(content))


def test_every_single_flipped_byte(good: bytes) -> None:
    """Each byte of the structures once; weights and biases do not matter to the reader."""
    for at in range(len(good)):
        content = bytearray(good)
        content[at] ^= 0xFF
        with suppress(BadInput):
            check_graph(parse_graph(bytes(content), "m"))
