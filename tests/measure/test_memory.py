"""The process's own memory, seen to grow and shrink."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from edgekd.measure.memory import (
    library_resident_bytes,
    peak_resident_bytes,
    reset_peak,
    resident_bytes,
)

MEBIBYTE = 1024 * 1024


def test_resident_memory_follows_an_allocation() -> None:
    before = resident_bytes()
    block = np.ones(32 * MEBIBYTE, np.uint8)
    after = resident_bytes()
    assert before is not None
    assert after is not None
    assert 31 * MEBIBYTE < after - before < 40 * MEBIBYTE
    assert peak_resident_bytes() >= after
    del block


def test_the_peak_outlives_the_block_and_can_be_reset() -> None:
    block = np.ones(64 * MEBIBYTE, np.uint8)
    del block
    high = peak_resident_bytes()
    assert reset_peak()
    assert high - peak_resident_bytes() > 50 * MEBIBYTE


def test_libraries_are_a_part_that_grows_with_what_is_loaded() -> None:
    code = """
import json
from edgekd.measure.memory import library_resident_bytes, resident_bytes
bare = library_resident_bytes()
import numpy
print(json.dumps([bare, library_resident_bytes(), resident_bytes()]))
"""
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=60
    ).stdout
    bare, loaded, everything = json.loads(printed)
    assert 0 < bare < loaded < everything
    assert loaded - bare > MEBIBYTE


def test_data_is_not_counted_as_libraries() -> None:
    before = library_resident_bytes()
    block = np.ones(32 * MEBIBYTE, np.uint8)
    assert library_resident_bytes() - before < MEBIBYTE
    del block
