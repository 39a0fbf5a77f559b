"""Registries of a test's own, and the sysroots that are really used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.devices.arm64.sysroot.registry import Registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Empty registries that apt and pip of this test talk to."""
    made = Registry(tmp_path / "registry")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made
