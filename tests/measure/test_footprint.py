"""The static estimate against real MLPerf Tiny files, hand-worked graphs and brute force."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from edgekd.compress.folding import fold_batch_norm
from edgekd.errors import BadInput
from edgekd.measure.footprint import Footprint, Lifetime, estimate_footprint, live_peak, pack
from edgekd.networks import build_network
from edgekd.recipe import Network
from edgekd.records import Precision
from tests.conftest import MLPERF_TINY, ROOT

needs_files = pytest.mark.skipif(
    not MLPERF_TINY.is_dir(), reason="the MLPerf Tiny models are not in ../shared/data"
)


def zoo(network: str) -> nn.Module:
    """A network of the zoo with its batch normalization folded."""
    file = ROOT / "models" / "zoo" / "mlperf_tiny.py"
    return fold_batch_norm(build_network(Network(network=f"{file.name}:{network}"), file))


@dataclass(frozen=True)
class Reference:
    """One MLPerf Tiny network.

    Attributes:
        ram: bytes of its tensors with lifetime packing.
        arena: bytes that TensorFlow Lite Micro took on a Cortex-M4, its own records included.
        file_share: flash estimate as a share of the TFLite file. The rest are zero points, names
            and structure. It is above 1 for the autoencoder, whose file has one scale a layer.
    """

    name: str
    network: str
    sample_shape: tuple[int, ...]
    macs: int
    ram: int
    arena: int
    file_share: float
    peak: str

    def estimate(self) -> Footprint:
        return estimate_footprint(zoo(self.network), self.sample_shape, "int8")


KWS = Reference(
    *("kws", "ds_cnn", (1, 49, 10), 2_656_768),
    *(16_000, 22_820, 0.495, "blocks.0.0 (convolution)"),
)
IC = Reference(
    *("ic", "resnet8", (3, 32, 32), 12_501_632),
    *(49_152, 54_996, 0.814, "blocks.0.body.3 (convolution)"),
)
VWW = Reference(
    *("vww", "mobilenet_v1", (3, 96, 96), 7_489_664),
    *(55_296, 100_708, 0.690, "blocks.0.3 (convolution)"),
)
AD = Reference(
    *("ad", "autoencoder", (640,), 264_192),
    *(768, 2_580, 1.002, "encoder.0.0 (addmm)"),
)
each_reference = pytest.mark.parametrize("reference", [KWS, IC, VWW, AD], ids=lambda r: r.name)


class TfliteFile:
    """What a TFLite file itself says of its tensors."""

    def __init__(self, name: str) -> None:
        from ai_edge_litert.schema_py_generated import ModelT

        path = MLPERF_TINY / f"{name}_int8.tflite"
        self.size = path.stat().st_size
        model: Any = ModelT.InitFromPackedBuf(path.read_bytes())
        self._graph = model.subgraphs[0]
        self._buffers = model.buffers

    def constants(self) -> list[tuple[int, int]]:
        """Bytes and number of scales of each weight and bias (a list of dimensions is neither)."""
        stored = [(t, self._buffers[t.buffer].data) for t in self._graph.tensors]
        return [
            (len(data), len(tensor.quantization.scale))
            for tensor, data in stored
            if data is not None and tensor.quantization.scale is not None
        ]

    def lifetimes(self) -> list[Lifetime]:
        """Of the activations, which take a byte an element; a reshape has its own output."""
        first = dict.fromkeys(self._graph.inputs, 0)
        last = dict.fromkeys(first, 0)
        for step, operator in enumerate(self._graph.operators, 1):
            first.update(dict.fromkeys(operator.outputs, step))
            last.update(dict.fromkeys([*operator.inputs, *operator.outputs], step))
        tensors = self._graph.tensors
        return [Lifetime(first[n], last[n], int(np.prod(tensors[n].shape))) for n in first]


@each_reference
def test_ram_is_that_of_lifetime_packing(reference: Reference) -> None:
    footprint = reference.estimate()
    assert footprint.ram_bytes == reference.ram
    assert footprint.ram_bytes < reference.arena
    assert footprint.peak == reference.peak
    assert footprint.macs == reference.macs


@needs_files
@each_reference
def test_the_files_own_tensors_need_as_much(reference: Reference) -> None:
    _, alive = live_peak(TfliteFile(reference.name).lifetimes())
    assert reference.ram == alive


@needs_files
@each_reference
def test_flash_is_the_weights_of_the_file_and_a_scale_for_each_channel(
    reference: Reference,
) -> None:
    file = TfliteFile(reference.name)
    stored = sum(size for size, _ in file.constants())
    parameters = list(zoo(reference.network).parameters())
    channels = sum(p.shape[0] for p in parameters if p.ndim > 1)
    footprint = reference.estimate()
    assert footprint.flash_bytes == stored + 4 * channels
    assert stored + 4 * sum(scales for _, scales in file.constants()) < file.size
    assert footprint.flash_bytes / file.size == pytest.approx(reference.file_share, abs=0.001)
    assert footprint.parameters == sum(p.numel() for p in parameters)


@pytest.mark.parametrize(
    ("precision", "flash", "ram"),
    [
        ("fp32", 4 * (27 * 5 + 5 + 60 + 3), 4 * (75 + 125)),
        ("fp16", 2 * (27 * 5 + 5 + 60 + 3), 4 * (75 + 125)),
        ("int8", 27 * 5 + 60 + 4 * 8 + 4 * 8, 75 + 125),
        ("int8-qat", 27 * 5 + 60 + 4 * 8 + 4 * 8, 75 + 125),
        ("int4", 68 + 30 + 4 * 8 + 4 * 8, 75 + 125),
    ],
)
def test_bytes_at_each_precision(precision: Precision, flash: int, ram: int) -> None:
    layers = [nn.Conv2d(3, 5, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 3)]
    network = nn.Sequential(*layers).eval()
    footprint = estimate_footprint(network, (3, 5, 5), precision)
    assert (footprint.flash_bytes, footprint.ram_bytes) == (flash, ram)
    assert footprint.macs == 27 * 5 * 25 + 60
    assert footprint.peak == "0 (convolution)"


class Graph(nn.Module):
    """A function of a convolution's output (4 channels) and of the input (4x8x8, 256 bytes)."""

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.function = function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs, self.convolution(inputs))


def _written_in_place(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    y += x
    return y


@pytest.mark.parametrize(
    ("function", "tensors", "peak"),
    [
        (lambda x, y: y.relu(), 2, "convolution (convolution)"),
        (lambda x, y: functional.hardswish(y * 2).sigmoid(), 2, "convolution (convolution)"),
        # What is still read may not be written.
        (lambda x, y: y.relu() + y, 3, "add"),
        (lambda x, y: y.relu() + y.tanh(), 3, "add"),
        (lambda x, y: functional.max_pool2d(y, 1).relu(), 2, "convolution (convolution)"),
        (lambda x, y: x + y, 3, "add"),
        (_written_in_place, 3, "add"),
        (lambda x, y: (x + y).relu_(), 3, "add"),
        # The input belongs to the caller and is never written.
        (lambda x, y: x.relu() + y, 3, "relu"),
        (lambda x, y: y.chunk(2, 1)[1].reshape(2, 64).permute(1, 0).clone(), 2, None),
        (lambda x, y: y + x.clone() + x, 3, "add"),
        (lambda x, y: functional.dropout(y, 0.5, training=False).flatten(1), 2, None),
        (lambda x, y: torch.cat([y, x], 1), 4, "cat"),
        (lambda x, y: functional.conv2d(functional.pad(y, (1, 1, 1, 1)), torch.ones(4, 4, 3, 3)),
         2, None),
        (lambda x, y: functional.pad(y, (0, 8)), 3, "constant_pad_nd"),
        (lambda x, y: y.sort(), 3, "sort"),
    ],
)  # fmt: skip
def test_which_tensors_live_together(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], tensors: int, peak: str | None
) -> None:
    footprint = estimate_footprint(Graph(function).eval(), (4, 8, 8), "int8")
    assert footprint.ram_bytes == tensors * 256
    assert footprint.peak == (peak or "convolution (convolution)")


def test_a_result_larger_than_its_operand_has_memory_of_its_own() -> None:
    graph = Graph(lambda x, y: y.mean((2, 3), keepdim=True) * 2 * torch.ones(1, 4, 32, 32))
    assert estimate_footprint(graph.eval(), (4, 8, 8), "int8").ram_bytes == 4 + 4 * 32 * 32


def test_only_what_is_read_is_stored() -> None:
    unused = estimate_footprint(Graph(lambda x, y: y), (4, 8, 8), "fp32")
    scaled = Graph(lambda x, y: y)
    scaled.function = lambda x, y: y * scaled.scale.exp()
    used = estimate_footprint(scaled, (4, 8, 8), "fp32")
    assert (unused.parameters, used.parameters) == (20, 24)
    assert used.flash_bytes - unused.flash_bytes == 16


def test_weights_of_two_layers_are_stored_once() -> None:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    footprint = estimate_footprint(nn.Sequential(first, second), (8,), "int8")
    assert footprint.flash_bytes == 64 + 8 * 4 + 2 * 8 * 4


def test_the_scores_of_attention_are_seen() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    short, long = (estimate_footprint(layer, (n, 8), "int8") for n in (32, 64))
    assert long.peak.startswith("self_attn")
    assert long.ram_bytes > 2 * 2 * 64 * 64
    assert long.ram_bytes > 3 * short.ram_bytes
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_network_without_operators_holds_its_input() -> None:
    assert estimate_footprint(nn.Identity(), (5, 8), "int8") == Footprint(0, 40, 0, 0, "input")


def test_the_network_is_left_as_it_was() -> None:
    network = zoo("ds_cnn")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = estimate_footprint(network, (1, 49, 10), "int8")
    assert estimate_footprint(network, (1, 49, 10), "int8") == first
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_wrong_input_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match=r"does not take inputs of shape \[2, 49, 10\]") as raised:
        estimate_footprint(zoo("ds_cnn"), (2, 49, 10), "int8")
    assert "\n" not in str(raised.value)


lifetimes = st.lists(
    st.builds(
        lambda first, length, size: Lifetime(first, first + length, size),
        st.integers(0, 6),
        st.integers(0, 4),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=6,
)


def _alive_at(tensors: list[Lifetime], step: int) -> list[int]:
    return [i for i, life in enumerate(tensors) if step in range(life.first, life.last + 1)]


def _top(tensors: list[Lifetime], offsets: list[int]) -> int:
    return max(at + life.size for at, life in zip(offsets, tensors, strict=True))


def _smallest_arena(tensors: list[Lifetime], bound: int) -> int:
    """By trying all orders: some order, each tensor put as low as it goes, is optimal."""
    best = sum(life.size for life in tensors)
    for order in itertools.permutations(range(len(tensors))):
        placed: dict[int, int] = {}
        for index in order:
            life = tensors[index]
            taken = {
                byte
                for other, at in placed.items()
                if set(range(life.first, life.last + 1))
                & set(range(tensors[other].first, tensors[other].last + 1))
                for byte in range(at, at + tensors[other].size)
            }
            at = 0
            while not taken.isdisjoint(range(at, at + life.size)):
                at += 1
            placed[index] = at
        best = min(best, _top(tensors, [placed[index] for index in range(len(tensors))]))
        if best == bound:
            break
    return best


@given(lifetimes)
def test_the_peak_is_the_largest_sum_of_what_is_alive(tensors: list[Lifetime]) -> None:
    sums = {step: sum(tensors[i].size for i in _alive_at(tensors, step)) for step in range(12)}
    step, alive = live_peak(tensors)
    assert alive == max(sums.values()) == sums[step]
    assert all(sums[earlier] < alive for earlier in range(step))


@given(lifetimes)
def test_packing_never_overlaps_and_fits_between_its_bounds(tensors: list[Lifetime]) -> None:
    offsets = pack(tensors)
    for step in range(12):
        painted: set[int] = set()
        for index in _alive_at(tensors, step):
            block = set(range(offsets[index], offsets[index] + tensors[index].size))
            assert not painted & block
            painted |= block
    assert live_peak(tensors)[1] <= _top(tensors, offsets) <= sum(life.size for life in tensors)


@settings(max_examples=25, deadline=None)
@given(lifetimes)
def test_packing_against_all_orders(tensors: list[Lifetime]) -> None:
    bound = live_peak(tensors)[1]
    smallest = _smallest_arena(tensors, bound)
    assert bound <= smallest <= _top(tensors, pack(tensors)) < 2 * smallest


def test_packing_goes_beyond_greedy_by_size() -> None:
    # By size alone the first of 36,864 lies below, and the second 18,432 then above all: 64,512.
    sizes = [27_648, 18_432, 18_432, 36_864, 9_216]
    tensors = [Lifetime(step, step + 1, size) for step, size in enumerate(sizes)]
    assert live_peak(tensors) == (3, 55_296)
    assert _top(tensors, pack(tensors)) == 55_296


def test_packing_of_a_case_worked_by_hand() -> None:
    # The largest lies below; the third fits where the second was, the last above both.
    tensors = [Lifetime(0, 3, 8), Lifetime(0, 1, 4), Lifetime(2, 4, 3), Lifetime(3, 4, 2)]
    assert pack(tensors) == [0, 8, 8, 11]
    assert live_peak(tensors) == (3, 13)


def test_tables_of_tokens_are_bytes_with_one_scale() -> None:
    network = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(32, 4)).eval()
    found = {
        precision: estimate_footprint(network, (4,), precision, "int32")
        for precision in ("fp32", "fp16", "int8", "int4")
    }
    assert {one.parameters for one in found.values()} == {800 + 128 + 4}
    layer = {"fp32": 4 * 132, "fp16": 2 * 132, "int8": 128 + 16 + 16, "int4": 64 + 16 + 16}
    table = {"fp32": 3200, "fp16": 1600, "int8": 804, "int4": 804}
    assert {p: one.flash_bytes for p, one in found.items()} == {
        p: table[p] + layer[p] for p in layer
    }
    # Four numbers of four bytes beside the 32 values that they name.
    assert found["int8"].ram_bytes == 4 * 4 + 32
