"""The tiny library, written once, and a cache of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.devices.microcontroller.library import write_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``output = input * 3 + 1`` over 16 elements of int8."""
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(ROOT / ".cache" / "tests"))
