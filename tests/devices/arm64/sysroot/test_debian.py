"""Debian packages through the real apt, from an archive in a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgekd.devices.arm64.sysroot.debian import download_packages
from edgekd.errors import MissingPackage, RunFailed
from tests.devices.arm64.sysroot.registry import Registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "downloads with a space"
    made.mkdir()
    return made


def test_pinned_versions_are_taken_though_newer_ones_exist(
    registry: Registry, folder: Path
) -> None:
    pins = {
        "one": registry.add_package("one", "1:1.0-1+deb12u1", {"usr/one": "1"}),
        "two": registry.add_package("two", "2.0~rc1", {"usr/two": "2"}),
    }
    registry.add_package("one", "1:1.1-1", {"usr/one": "newer"})
    packages = download_packages(pins, folder)
    assert [(one.name, one.version, one.sha256, one.note) for one in packages] == [
        (name, pin.version, pin.sha256, "") for name, pin in pins.items()
    ]
    assert all(one.path.is_file() for one in packages)


def test_a_replaced_version_gives_way_to_the_one_in_the_index(
    registry: Registry, folder: Path
) -> None:
    pin = registry.add_package("one", "1.0-1", {"usr/one": "1"})
    newer = registry.replace_package("one", "1.0-1+deb12u1", {"usr/one": "mended"})
    [package] = download_packages({"one": pin}, folder)
    assert (package.version, package.sha256) == (newer.version, newer.sha256)
    assert package.note == "Debian has replaced one 1.0-1 by 1.0-1+deb12u1, which was taken"


def test_another_content_of_the_same_version_is_refused(registry: Registry, folder: Path) -> None:
    pin = registry.add_package("one", "1.0", {"usr/one": "1"})
    registry.replace_package("one", "1.0", {"usr/one": "planted"})
    with pytest.raises(RunFailed, match=r"one 1.0 has another content"):
        download_packages({"one": pin}, folder)


def test_a_file_that_is_not_what_the_index_names_is_refused(
    registry: Registry, folder: Path
) -> None:
    pin = registry.add_package("one", "1.0", {"usr/one": "1"})
    [package] = registry.debian.glob("*.deb")
    package.write_bytes(package.read_bytes()[:-1] + b"?")
    with pytest.raises(RunFailed, match=r"could not be fetched .*Hash Sum mismatch"):
        download_packages({"one": pin}, folder)


def test_an_archive_that_nobody_signed_is_refused(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "unsigned", signed=False)
    monkeypatch.setenv("APT_CONFIG", str(registry.apt_configuration))
    pin = registry.add_package("one", "1.0", {"usr/one": "1"})
    with pytest.raises(RunFailed, match=r"not signed|Release file"):
        download_packages({"one": pin}, folder)


def test_a_package_that_is_not_there_says_what_the_sources_must_offer(
    registry: Registry, folder: Path
) -> None:
    pin = registry.add_package("one", "1.0", {"usr/one": "1"})
    with pytest.raises(RunFailed, match=r"no package absent of arm64 .* Debian 12"):
        download_packages({"absent": pin}, folder)


def test_the_system_is_left_alone(registry: Registry, folder: Path) -> None:
    pin = registry.add_package("one", "1.0", {"usr/one": "1"})
    download_packages({"one": pin}, folder)
    lists = [path.name for path in Path("/var/lib/apt/lists").iterdir()]
    assert not [name for name in lists if registry.debian.name in name and "pytest" in name]
    assert not Path("/var/cache/apt/archives/one_1.0_arm64.deb").exists()
    known = subprocess.run(
        ["dpkg", "--print-foreign-architectures"], capture_output=True, text=True, check=True
    )
    assert "arm64" not in known.stdout
    assert not registry.hook_ran.exists()


def test_a_system_without_apt_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingPackage, match=r"apt-get is not installed .*Debian"):
        download_packages({}, folder)
