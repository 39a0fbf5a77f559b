from __future__ import annotations

import pytest
import torch

from edgekd.distill.signals.numeric import full_precision, unit_rows


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_widened(given: torch.dtype, computed: torch.dtype) -> None:
    assert full_precision(torch.ones(2, dtype=given)).dtype == computed


def test_rows_have_length_one() -> None:
    rows = unit_rows(torch.tensor([[3.0, 4.0], [0.0, -2.0]]))
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_a_row_of_zeros_stays_one_with_a_small_gradient() -> None:
    values = torch.zeros(2, 3, requires_grad=True)
    rows = unit_rows(values)
    (rows * 5).sum().backward()
    assert rows.eq(0).all()
    assert values.grad is not None
    assert values.grad.abs().max() <= 5
