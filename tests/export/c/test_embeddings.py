"""Token numbers in, rows of a table and their mean: C against LiteRT, and numbers from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.devices.microcontroller.device import QemuDevice
from edgekd.errors import BadInput, EdgekdError
from edgekd.export.c.generate import Library, generate
from edgekd.export.c.passes import run_passes
from edgekd.export.c.reader import parse_graph
from edgekd.export.contract import ExportRequest
from tests.devices.microcontroller.library import target_named
from tests.export.c import model_operators as ops
from tests.export.c.emulated import run_emulated
from tests.export.c.executable import joined, run_sanitized
from tests.export.c.host_library import build_for_host, random_inputs
from tests.export.c.models import ROWS, ModelBuilder, builtin_ref, fully_connected
from tests.export.c.passes.compare import assert_same_outputs
from tests.export.c.test_emulated import assert_same, instructions_of, roomy

SAMPLES = 4
# How tables are stored: with one scale, in float, with a scale for each row.
STORED = ("int8", "float32", "scaled")


def add_embeddings(
    model: ModelBuilder, seed: int, tokens: int, width: int, stored: str, kind: str, mean: bool
) -> int:
    """Numbers ``[1, tokens]`` to rows, as int8, and to their mean if asked for."""
    draw = np.random.default_rng(seed)
    rows = ROWS + int(draw.integers(0, 5))
    numbers = model.input((1, tokens), dtype="int32", scale=None)
    values = draw.integers(-128, 128, (rows, width)).astype(np.int8)
    scale, zero_point = float(draw.uniform(0.01, 0.1)), int(draw.integers(-128, 128))
    if kind == "EMBEDDING_LOOKUP":
        numbers = ops.reshape(model, numbers, (tokens,))
    if stored == "int8":
        found = ops.lookup_rows(
            model, kind, numbers, model.constant(values, "int8", scale, zero_point)
        )
    else:
        scaled = stored == "scaled"
        table = (
            model.constant(values, "int8", draw.uniform(0.01, 0.1, rows).tolist())
            if scaled
            else model.constant(0.05 * values, "float32")
        )
        found = ops.lookup_rows(model, kind, numbers, table, "float32" if scaled else None)
        found = ops.unary(model, "QUANTIZE", found, scale=scale, zero_point=zero_point)
    found = ops.reshape(model, found, (1, tokens, width))
    if not mean:
        return found
    means = ops.reduction(model, "MEAN", found, [1], scale=scale / 3, zero_point=zero_point // 2)
    weights = draw.integers(-128, 128, (3, width)).astype(np.int8)
    return fully_connected(model, means, weights, 0.01, np.zeros(3, np.int32), scale=0.5)


def generated(content: bytes, folder: Path, instructions: Any = "plain") -> Library:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    return generate(folder / "model.tflite", instructions, "size")


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    tokens=st.integers(1, 12),
    width=st.integers(1, 9),
    stored=st.sampled_from(STORED),
    mean=st.booleans(),
    gather=st.booleans(),
)
def test_lookups_equal_the_reference(
    seed: int,
    tokens: int,
    width: int,
    stored: str,
    mean: bool,
    gather: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # LiteRT's GATHER does not scale.
    kind = "GATHER" if gather and stored != "scaled" else "EMBEDDING_LOOKUP"
    model = ModelBuilder()
    content = model.build([add_embeddings(model, seed, tokens, width, stored, kind, mean)])
    folder = tmp_path_factory.mktemp("embeddings")
    library = generated(content, folder)
    kinds = [step.operator.kind for step in library.steps if step.aliases is None]
    assert kinds == (["EMBEDDING_MEAN", "FULLY_CONNECTED"] if mean else [kind])
    compiled = build_for_host(library, folder / "c")
    for sample in range(SAMPLES):
        inputs = random_inputs(library, sample)
        for ours, theirs in zip(compiled.run(inputs), builtin_ref(content, inputs), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_rewriting_is_exact_and_needs_no_room_for_the_rows() -> None:
    model = ModelBuilder()
    content = model.build(
        [add_embeddings(model, 3, 40, 16, "float32", "EMBEDDING_LOOKUP", mean=True)]
    )
    graph, _ = run_passes(parse_graph(content, "model"))
    assert_same_outputs(content, graph)
    tables = [t for t in graph.tensors.values() if t.data is not None and t.shape[-1:] == (16,)]
    assert {table.dtype for table in tables} == {"int8"}


def test_the_arena_holds_numbers_and_means_alone(tmp_path: Path) -> None:
    model = ModelBuilder()
    content = model.build([add_embeddings(model, 3, 40, 16, "int8", "GATHER", mean=True)])
    assert generated(content, tmp_path).plan.arena_bytes <= 4 * 40 + 16 + 16


def test_rows_that_something_else_reads_are_kept(tmp_path: Path) -> None:
    """A mean over the width is no mean of rows, and neither is one of rows that are put out."""
    model = ModelBuilder()
    table = model.constant(np.ones((ROWS, 4), np.int8), "int8", 0.1)
    found = ops.lookup_rows(model, "GATHER", model.input((1, 4), dtype="int32"), table)
    outputs = [ops.reduction(model, "MEAN", found, [axis]) for axis in (1, 2)]
    library = generated(model.build(outputs), tmp_path)
    assert [step.operator.kind for step in library.steps] == ["GATHER", "MEAN", "MEAN"]
    model = ModelBuilder()
    table = model.constant(np.ones((ROWS, 4), np.int8), "int8", 0.1)
    found = ops.lookup_rows(model, "GATHER", model.input((1, 4), dtype="int32"), table)
    library = generated(model.build([ops.reduction(model, "MEAN", found, [2])]), tmp_path)
    assert [step.operator.kind for step in library.steps] == ["GATHER", "MEAN"]


@pytest.mark.parametrize("mean", [True, False], ids=["mean", "rows"])
def test_a_number_outside_the_table_counts_as_0(mean: bool, tmp_path: Path) -> None:
    """Under the sanitizers: nothing outside the table is read."""
    model = ModelBuilder()
    content = model.build([add_embeddings(model, 5, 6, 5, "int8", "EMBEDDING_LOOKUP", mean)])
    library = generated(content, tmp_path)
    [lookup] = [o for o in parse_graph(content, "model").operators if o.kind == "EMBEDDING_LOOKUP"]
    rows = parse_graph(content, "model").tensors[lookup.inputs[1]].shape[0]
    outside = [-1, -(2**31), 2**31 - 1, rows, 2**30, rows + 1]
    numbers = [np.array([one], np.int32) for one in (outside, [rows - 1, 3, *outside[:4]])]
    found = run_sanitized(library, tmp_path / "c", [[one] for one in numbers])
    inside = [np.where((one < 0) | (one >= rows), 0, one).astype(np.int32) for one in numbers]
    assert found == b"".join(joined(builtin_ref(content, [one])) for one in inside)


@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m55", "riscv32"])
def test_boards_equal_the_reference(board: str, tmp_path: Path) -> None:
    """Widths that fill vectors and do not, and more tokens than 16-bit sums can take."""
    model = ModelBuilder()
    sizes = [(1, 1), (7, 3), (5, 4), (300, 8), (1000, 12), (20, 18)]
    outputs = [
        add_embeddings(model, number, *size, STORED[number % 3], "EMBEDDING_LOOKUP", mean=True)
        for number, size in enumerate(sizes)
    ]
    outputs.append(add_embeddings(model, 9, 6, 7, "int8", "GATHER", mean=False))
    content = model.build(outputs)
    target = roomy(board)
    library = generated(content, tmp_path, instructions_of(target))
    samples = [random_inputs(library, seed) for seed in range(SAMPLES)]
    # One row over and over: the largest sums.
    samples.append([np.full_like(one, 3) for one in samples[0]])
    wanted = [builtin_ref(content, inputs) for inputs in samples]
    assert_same(run_emulated(library, tmp_path, target, samples), wanted, board)


def test_a_student_of_texts_runs_on_a_board(tmp_path: Path) -> None:
    """From torch to an emulated core, with int32 tokens all the way."""
    import torch

    from edgekd.export.c.exporter import CExporter
    from models.zoo.text import bag_of_embeddings

    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    tokens = draw.integers(1, 50, (16, 12)).astype(np.int32)
    tokens[np.arange(12) >= draw.integers(2, 13, (16, 1))] = 0
    target = target_named("cortex-m4")
    request = ExportRequest(
        bag_of_embeddings(50, 12, 4, width=8, hidden=8).eval(),
        (12,),
        "int8",
        tmp_path,
        calibration=tokens,
        microcontroller=target.microcontroller,
        dtype="int32",
    )
    exported = CExporter().export(request)
    assert [(spec.dtype, spec.shape) for spec in exported.inputs] == [("int32", [1, 12])]
    assert exported.library is not None
    assert [layer.name.split()[1] for layer in exported.library.layers] == [
        *("reshape", "embedding_mean", "fully_connected", "fully_connected"),
    ]
    [found] = QemuDevice().run_outputs(exported.path, target, [tokens])
    content = (tmp_path / "model.tflite").read_bytes()
    [output] = exported.outputs
    assert output.scale is not None
    assert output.zero_point is not None
    for text, answer in zip(tokens, found, strict=True):
        stored = builtin_ref(content, [text[None]])[0][0].astype(np.int32)
        expected = np.float32(output.scale) * (stored - output.zero_point).astype(np.float32)
        np.testing.assert_array_equal(answer, expected)


def _lookup(kind: str = "EMBEDDING_LOOKUP", **changes: Any) -> ModelBuilder:
    """A lookup with something changed: ``numbers``, their shape; ``type``; ``zero_point``; ..."""
    model = ModelBuilder()
    numbers = model.input(changes.get("numbers", (3,)), dtype=changes.get("type", "int32"))
    values = np.ones(changes.get("table", (ROWS, 4)), np.int8)
    if changes.get("computed"):
        table = model.input(values.shape)
    else:
        table = model.constant(
            values, changes.get("stored", "int8"), 0.1, changes.get("zero_point", 0)
        )
    output = ops.lookup_rows(model, kind, numbers, table, changes.get("output"))
    if "axis" in changes:
        model.graph.operators[0].builtinOptions.axis = changes["axis"]
    model.graph.outputs = [output]
    return model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"computed": True}, "a table that is computed at run time"),
        ({"computed": True, "kind": "GATHER"}, "a table that is computed at run time"),
        ({"type": "int64"}, "numbers of type int64"),
        ({"type": "int64", "kind": "GATHER"}, "numbers of type int64"),
        ({"numbers": (1, 3)}, "shape 1x3, not of 1 sizes"),
        ({"table": (ROWS,)}, "a table without rows"),
        ({"kind": "GATHER", "axis": 1}, "not whole rows"),
        ({"output": "float32", "zero_point": 3}, "not scaled by rows around zero"),
        ({"output": "float32", "stored": "int4"}, "a table of type int4"),
    ],
)
def test_lookups_that_c_cannot_do_are_refused(changes: dict[str, Any], message: str) -> None:
    model = _lookup(**changes)
    with pytest.raises(BadInput, match=message):
        parse_graph(model.build(model.graph.outputs), "model")


def test_rows_that_stay_in_float_have_no_kernel(tmp_path: Path) -> None:
    model = _lookup(output="float32")
    with pytest.raises(EdgekdError, match="no kernel takes operator 0"):
        generated(model.build(model.graph.outputs), tmp_path)
