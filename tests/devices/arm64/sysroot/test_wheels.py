"""Wheels through the real pip, from a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgekd.devices.arm64.sysroot.unpacking import unpack_wheel
from edgekd.devices.arm64.sysroot.wheels import download_wheel
from edgekd.errors import RunFailed
from tests.devices.arm64.sysroot.registry import Registry


def test_the_pinned_wheel_is_fetched_for_the_guest(registry: Registry, tmp_path: Path) -> None:
    pin = registry.add_wheel("small-runtime", "1.0", "answer = 42")
    registry.add_wheel("small-runtime", "1.1")
    wheel = download_wheel("small-runtime", pin, tmp_path)
    unpack_wheel(wheel, tmp_path / "files", ("small_runtime/",))
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["small_runtime"]
    assert (tmp_path / "files/small_runtime/__init__.py").read_text() == "answer = 42"


def test_another_content_is_refused(registry: Registry, tmp_path: Path) -> None:
    pin = registry.add_wheel("small-runtime", "1.0")
    registry.add_wheel("small-runtime", "1.0", "import planted")
    with pytest.raises(RunFailed, match=r"small-runtime 1.0 has another content") as failed:
        download_wheel("small-runtime", pin, tmp_path)
    assert "newer edgekd" in str(failed.value)


def test_a_version_that_is_not_there_says_so(registry: Registry, tmp_path: Path) -> None:
    pin = registry.add_wheel("small-runtime", "1.0")
    for wheel in registry.wheels.iterdir():
        wheel.unlink()
    with pytest.raises(RunFailed, match=r"small-runtime 1.0 .* could not be fetched"):
        download_wheel("small-runtime", pin, tmp_path)


def test_a_damaged_wheel_says_so(tmp_path: Path) -> None:
    wheel = tmp_path / "damaged.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("module.py", "x = 1\n" * 1000)
    content = bytearray(wheel.read_bytes())
    content[100] ^= 0xFF
    wheel.write_bytes(content)
    with pytest.raises(RunFailed, match=r"damaged\.whl cannot be unpacked"):
        unpack_wheel(wheel, tmp_path / "files")
