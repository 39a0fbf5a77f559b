"""Each fault at one step of ``edgekd bench``; ``benchmarks/phone_faults.py`` takes all steps."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.devices.adb.fault_matrix import (
    TROUBLES,
    Spot,
    check_trouble,
    has_middle,
    record_spots,
)


@pytest.fixture(scope="module")
def recorded() -> list[Spot]:
    return []


@pytest.fixture
def spots(recorded: list[Spot], adb_server: None, tmp_path: Path) -> list[Spot]:
    """The steps of a run without a fault."""
    if not recorded:
        recorded += record_spots(tmp_path / "recorded")
    return recorded


@pytest.mark.parametrize("name", TROUBLES)
def test_a_fault_costs_no_more_than_it_must(name: str, spots: list[Spot], tmp_path: Path) -> None:
    trouble = TROUBLES[name]
    spot = random.Random(name).choice([one for one in spots if has_middle(one)])
    check_trouble(tmp_path / "case", trouble, spot)
