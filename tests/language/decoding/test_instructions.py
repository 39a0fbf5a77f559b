"""Calls of a language model on an emulated core: counted the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekd.devices.arm64.sysroot import build_sysroot
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.decoding.contract import LanguageFormat
from edgekd.language.decoding.instructions import count_generation
from tests.devices.arm64.conftest import phone
from tests.language.decoding.small_artifacts import CACHE_LENGTH, CHUNK


def test_counts_are_the_same_each_time_and_grow_with_the_tokens(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    build_sysroot("executorch", "cortex-a76")
    first, again = (count_generation(artifact("executorch"), phone("executorch")) for _ in range(2))
    assert first.reasons == []
    assert first.counted is not None
    prefill, decode = first.counted.prefill, first.counted.decode
    assert (prefill.tokens, prefill.position) == (CACHE_LENGTH - 1, 0)
    assert (decode.tokens, decode.position) == (1, CACHE_LENGTH - 1)
    assert 100_000 < decode.instructions < prefill.instructions
    assert prefill.per_token < decode.per_token
    assert first.counted == again.counted
    assert first.profile is not None
    counted = sum(cost.instructions for cost in first.profile.functions)
    assert counted == pytest.approx(decode.instructions, rel=1e-3)
    assert (first.memory.ram_bytes or 0) > 0


def test_a_file_with_chunks_is_counted_at_one_of_them(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    build_sysroot("litert", "cortex-a76")
    counted = count_generation(artifact("tflite"), phone("litert"), prompt_tokens=CHUNK + 3).counted
    assert counted is not None
    assert (counted.prefill.tokens, counted.decode.position) == (CHUNK, CHUNK + 3)


def test_a_guest_that_is_stopped_becomes_a_reason(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    folder = artifact("executorch")
    assert read_language_bundle(folder).prefill == []
    found = count_generation(folder, phone("executorch"), timeout_seconds=0.01)
    assert found.counted is None
    [reason] = found.reasons
    assert "took longer than 0.01 s" in reason
