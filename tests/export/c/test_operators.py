"""Every operator, alone and in chains: the C on the host against LiteRT's reference kernels."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.generate import generate
from tests.export.c.host_library import build_for_host, random_inputs
from tests.export.c.models import builtin_ref
from tests.export.c.random_models import KINDS, RandomModel

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def assert_equal_to_reference(content: bytes, samples: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "model.tflite"
        file.write_bytes(content)
        library = generate(file, "plain", "size")
        compiled = build_for_host(library, folder / "c")
        for seed in range(samples):
            inputs = random_inputs(library, seed)
            wanted = builtin_ref(content, inputs)
            for ours, theirs in zip(compiled.run(inputs), wanted, strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_operator_equals_the_reference(kind: str, seed: int) -> None:
    assert_equal_to_reference(RandomModel(seed).build([kind]), samples=4)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=6))
def test_a_chain_equals_the_reference(seed: int, kinds: list[str]) -> None:
    assert_equal_to_reference(RandomModel(seed).build(kinds), samples=4)
