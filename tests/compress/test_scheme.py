"""The scheme follows from the precision and the kinds of layers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.compress.scheme import Scheme, scheme_of
from edgekd.records import Precision


@pytest.mark.parametrize(
    ("precision", "scheme"),
    [
        ("fp32", "float32"),
        ("fp16", "float16"),
        ("int8", "static-int8"),
        ("int8-qat", "static-int8"),
        ("int4", "static-int4-weights"),
    ],
)
def test_scheme_of_a_model_with_convolutions(precision: Precision, scheme: Scheme) -> None:
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.Flatten(), nn.Linear(32, 10))
    assert scheme_of(model, precision) == scheme


@given(st.lists(st.integers(1, 130), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_linear_models_are_grouped_only_where_every_layer_divides(widths: list[int]) -> None:
    model = nn.Sequential(*(nn.Linear(width, 3) for width in widths))
    whole = all(width % 32 == 0 for width in widths)
    assert scheme_of(model, "int4") == ("grouped-int4" if whole else "static-int4-weights")


def test_a_model_without_weights_is_not_grouped() -> None:
    assert scheme_of(nn.Sequential(nn.Flatten(), nn.ReLU()), "int4") == "static-int4-weights"
