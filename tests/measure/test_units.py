"""Sizes of memory as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.measure.units import parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64KB", 64 * 1024),
        ("256KiB", 256 * 1024),
        ("1MB", 1024**2),
        ("1.5 MiB", 1536 * 1024),
        ("2GB", 2 * 1024**3),
        (" 65536 ", 65536),
        ("320 b", 320),
        ("64kb", 64 * 1024),
        ("0.1KB", 102),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@given(st.integers(1, 10**12), st.sampled_from(["", "B", "KB", "KiB", "MB", "MiB", "GB"]))
def test_a_unit_multiplies(number: int, unit: str) -> None:
    assert parse_bytes(f"{number}{unit}") == number * parse_bytes(f"1{unit}")


@pytest.mark.parametrize(
    "text",
    [
        *("", "KB", "64K", "64 TB", "-1KB", "+1KB", "1e3", "1,5MB", "1.MB", ".5MB", "64KB 1"),
        *("0", "0.0001KB", "nan", "\u0664KB", "9" * 5000),
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not a size in bytes"):
        parse_bytes(text)
