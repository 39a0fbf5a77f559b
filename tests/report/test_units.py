"""Figures and strings as a reader sees them."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.report import units


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.9684, "96.84%"), (1.0, "100.00%"), (None, units.MISSING)]
)
def test_percent(fraction: float | None, text: str) -> None:
    assert units.percent(fraction) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.92, "+3.92"), (-2.4, "\N{MINUS SIGN}2.40"), (0.001, "0.00"), (-0.0049, "0.00")],
)
def test_points_carry_a_sign_unless_they_round_to_zero(value: float, text: str) -> None:
    assert units.points(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (7_760, "7.58 KiB"),
        (1_152_680, "1.10 MiB"),
        (64_300_000, "61.3 MiB"),
        (3 * 1024**3, "3.00 GiB"),
        (None, units.MISSING),
    ],
)
def test_size(count: int | None, text: str) -> None:
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.02, "0.0200"),
        (0.0123, "0.0123"),
        (1.6, "1.60"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (0.00001, "1.00e-05"),
        (0.0, "0"),
    ],
)
def test_milliseconds_have_three_digits(value: float, text: str) -> None:
    assert units.milliseconds(value) == text


def test_no_noise_is_exact() -> None:
    assert units.decibels(None) == "exact"
    assert units.decibels(38.24) == "38.2"


@given(st.text(st.characters()))
def test_clean_text_fits_every_output(text: str) -> None:
    cleaned = units.clean(text)

    assert units.clean(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()
    assert not {"Cc", "Cs"} & {unicodedata.category(character) for character in cleaned}
    element = ElementTree.Element("text")
    element.text = cleaned
    parsed = ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode"))
    assert (parsed.text or "") == cleaned


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert units.clean(text) == text
