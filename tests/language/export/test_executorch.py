"""``.pte`` files of a language model, run by ExecuTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgekd.errors import BadInput, Unavailable
from edgekd.language.export.executorch import export_executorch
from edgekd.records import Precision
from tests.language.export.artifacts import (
    CACHE_LENGTH,
    check_greedy,
    opened,
    reference,
    small_model,
)
from tests.language.models import tiny_model

# By the file: without padding of the program, weights alone, embedding and output stored twice.
_WEIGHTS = 45_056 + 2 * 290 * 64
# Where the weights are not rounded as the reference rounds them, int4 is 2 to 4 away.
_CASES: list[tuple[Precision, float, float]] = [
    ("fp32", 1e-4, 4.2),
    ("int4", 0.3, 0.95),
]


@pytest.mark.parametrize(("precision", "rounded", "bytes_each"), _CASES)
def test_file_says_what_its_reference_says(
    tmp_path: Path, precision: Precision, rounded: float, bytes_each: float
) -> None:
    exported = export_executorch(small_model(), precision, CACHE_LENGTH, tmp_path)
    decoder = opened(exported, "executorch", precision)
    check_greedy(decoder, reference(precision), exact=1e-4, rounded=rounded)
    check_greedy(decoder, reference(precision), exact=1e-4, rounded=rounded)
    program = 60_000
    assert exported.path.stat().st_size < bytes_each * _WEIGHTS + program
    assert exported.prefill == []
    notes = " ".join(exported.preflight.notes)
    assert "all arithmetic is inside" in notes
    assert "stored twice" in notes
    assert exported.preflight.operators["XNNBatchMatrixMultiply"] == 2
    lookup = "aten::embedding" if precision == "fp32" else "quantized_decomposed::embedding_byte"
    assert exported.preflight.undelegated[lookup] == 1
    assert exported.preflight.undelegated["aten::index_put_"] == 2


def test_a_narrow_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="int4 needs a multiple of 32 inputs") as caught:
        export_executorch(tiny_model(), "int4", CACHE_LENGTH, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_overflows_float16_is_refused(tmp_path: Path) -> None:
    model = small_model()
    with torch.no_grad():
        # A large activation that every norm takes away again, as language models have.
        model.embedding.weight[:, 0] = 3000.0
    with pytest.raises(Unavailable, match="overflows float16"):
        export_executorch(model, "fp16", CACHE_LENGTH, tmp_path)
