"""``.tflite`` files of a language model, run by LiteRT."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from edgekd.errors import BadInput
from edgekd.language.export import tflite
from edgekd.records import Precision
from tests.language.export.artifacts import (
    CACHE_LENGTH,
    check_greedy,
    opened,
    reference,
    small_model,
)
from tests.language.models import tiny_model

_CASES: list[tuple[Precision, float]] = [
    ("fp32", 1e-4),
    ("fp16", 0.05),
    ("int8", 0.3),
    ("int4", 0.3),
]


@pytest.fixture(scope="module", autouse=True)
def _one_conversion() -> object:
    """Convert the small model once: quantization starts from its float file."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.lru_cache(tflite._converted)
        model = small_model()
        patch.setattr(tflite, "_converted", lambda _, length, count: once(model, length, count))
        yield


@pytest.mark.parametrize(("precision", "rounded"), _CASES)
def test_file_says_what_its_reference_says(
    tmp_path: Path, precision: Precision, rounded: float
) -> None:
    exported = tflite.export_tflite(small_model(), precision, CACHE_LENGTH, tmp_path)
    assert exported.prefill == [32]
    decoder = opened(exported, "tflite", precision)
    exact = 0.05 if precision == "fp16" else 1e-4
    # 37 tokens: one chunk and five single tokens.
    check_greedy(decoder, reference(precision), exact=exact, rounded=rounded)
    check_greedy(decoder, reference(precision), exact=exact, rounded=rounded)
    assert exported.preflight.operators["DYNAMIC_UPDATE_SLICE"] == 2
    assert "FULLY_CONNECTED" not in exported.preflight.undelegated
    assert "BATCH_MATMUL" not in exported.preflight.undelegated


def test_files_shrink(tmp_path: Path) -> None:
    sizes = {}
    for precision, _ in _CASES:
        exported = tflite.export_tflite(small_model(), precision, CACHE_LENGTH, tmp_path)
        sizes[precision] = exported.path.stat().st_size
    assert sizes["int4"] < sizes["int8"] < sizes["fp16"] < sizes["fp32"]


def test_a_narrow_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="int4 needs a multiple of 32 inputs") as caught:
        tflite.export_tflite(tiny_model(), "int4", CACHE_LENGTH, tmp_path)
    assert "\n" not in str(caught.value)
