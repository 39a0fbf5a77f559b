"""Generated C on emulated boards and on the host against LiteRT's reference kernels, to the bit.

One firmware holds several random chains, each with an input and an output of its own: compiling
takes most of the time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgekd.export.c.generate import Library, generate
from edgekd.export.c.step import Instructions
from edgekd.target import Budget, Target
from tests.conftest import MLPERF_TINY
from tests.devices.microcontroller.library import TARGETS, target_named
from tests.export.c.emulated import Array, run_emulated
from tests.export.c.host_library import build_for_host, random_inputs
from tests.export.c.models import builtin_ref
from tests.export.c.random_models import KINDS, RandomModel
from tests.export.c.random_networks import BLOCKS, RandomNetwork

SAMPLES = 4
# Boards that share their kernels with another one get fewer examples.
EXAMPLES = {"cortex-m4": 8, "cortex-m55": 8, "cortex-m3": 3}
seeds = st.integers(0, 2**32)
# Shrinking compiles each attempt: a failure names the outputs, that is the chains, that differ.
quick = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Firmware of random models is never asked for again: it goes with the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def roomy(name: str) -> Target:
    """A shipped target without a budget: random models need not fit."""
    return target_named(name).model_copy(update={"budget": Budget()})


def instructions_of(target: Target) -> Instructions:
    assert target.microcontroller is not None
    return target.microcontroller.instructions


def assert_equal_on(names: tuple[str, ...], content: bytes) -> None:
    """On boards, and the plain kernels on the host."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.tflite"
        model.write_bytes(content)
        plain = generate(model, "plain", "size")
        samples = [random_inputs(plain, seed) for seed in range(SAMPLES)]
        wanted = [builtin_ref(content, inputs) for inputs in samples]
        host = build_for_host(plain, folder / "host")
        assert_same([host.run(inputs) for inputs in samples], wanted, "host")
        for board in names:
            target = roomy(board)
            library = generate(model, instructions_of(target), "size")
            assert_same(run_emulated(library, folder / board, target, samples), wanted, board)


def assert_same(found: list[list[Array]], wanted: list[list[Array]], where: str) -> None:
    assert len(found) == len(wanted)
    for sample, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        for output, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            message = f"{where}, sample {sample}, output {output}"
            np.testing.assert_array_equal(one, other, message, strict=True)


@pytest.mark.parametrize("board", TARGETS)
def test_random_operators(board: str) -> None:
    """Every operator, with odd shapes, strides, paddings, dilations and multipliers."""

    @settings(quick, max_examples=EXAMPLES.get(board, 2))
    @given(seed=seeds, chains=st.lists(_some(KINDS), min_size=4, max_size=6))
    def check(seed: int, chains: list[list[str]]) -> None:
        assert_equal_on((board,), RandomModel(seed).build(*chains))

    check()


@pytest.mark.parametrize("board", TARGETS)
def test_random_networks(board: str) -> None:
    """Layers as people train them, wide enough for every block of the fast kernels."""

    @settings(quick, max_examples=EXAMPLES.get(board, 2))
    @given(seed=seeds, chains=st.lists(_some(BLOCKS), min_size=3, max_size=4))
    def check(seed: int, chains: list[list[str]]) -> None:
        assert_equal_on((board,), RandomNetwork(seed).build(*chains))

    check()


def _some(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=4)


@cache
def published(name: str, instructions: Instructions) -> Library:
    return generate(MLPERF_TINY / f"{name}_int8.tflite", instructions, "size")


@pytest.mark.skipif(not MLPERF_TINY.is_dir(), reason=f"there are no models in {MLPERF_TINY}")
@pytest.mark.parametrize("board", TARGETS)
@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_published_models(name: str, board: str, tmp_path: Path) -> None:
    """The models of MLPerf Tiny, within the board's budget."""
    target = target_named(board)
    library = published(name, instructions_of(target))
    content = (MLPERF_TINY / f"{name}_int8.tflite").read_bytes()
    samples = [random_inputs(library, seed) for seed in range(SAMPLES)]
    wanted = [builtin_ref(content, inputs) for inputs in samples]
    assert_same(run_emulated(library, tmp_path, target, samples), wanted, board)
