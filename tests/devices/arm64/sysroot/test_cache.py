"""The cache of sysroots: whole or absent, shared, removable, whoever builds or is killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from edgekd.devices.arm64.sysroot.cache import SysrootCache
from edgekd.devices.arm64.sysroot.pins import Pins
from edgekd.errors import BadInput, RunFailed
from tests.conftest import ROOT
from tests.devices.arm64.sysroot.registry import Registry, small_pins

_BUILD = """
import sys
from pathlib import Path
from edgekd.devices.arm64.sysroot.cache import SysrootCache
from edgekd.devices.arm64.sysroot.pins import read_pins
cache = SysrootCache(Path(sys.argv[1]), read_pins(Path(sys.argv[2])))
sysroot = cache.build("litert", "cortex-a76")
print(sysroot.root, sysroot.key, (sysroot.root / "sysroot.json").stat().st_ino)
"""


ALL = [(runtime, core) for runtime in ("litert", "onnx") for core in ("cortex-a53", "cortex-a76")]


@dataclass(frozen=True)
class Shop:
    """Registries, pins of what is in them, and a cache with all the sysroots that can be built."""

    registry: Registry
    pins: Pins
    built: Path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    registry = Registry(folder / "registry")
    pins = small_pins(registry)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in registry.environment().items():
            patch.setenv(name, value)
        cache = SysrootCache(folder / "cache", pins)
        for runtime, core in ALL:
            cache.build(runtime, core)
    return Shop(registry, pins, folder / "cache")


@pytest.fixture
def cache(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SysrootCache:
    """A copy of the full cache in ``cache``, which a test may change."""
    for name, value in shop.registry.environment().items():
        monkeypatch.setenv(name, value)
    shutil.copytree(shop.built, tmp_path / "cache", symlinks=True)
    return SysrootCache(tmp_path / "cache", shop.pins)


def start_build(shop: Shop, tmp_path: Path) -> subprocess.Popen[str]:
    """Build one sysroot in a process of its own, into ``new``."""
    pins = tmp_path / "pins.yaml"
    pins.write_text(yaml.safe_dump(shop.pins.model_dump(mode="json")))
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD, tmp_path / "new", pins],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def names_in(folder: Path) -> list[str]:
    """Of parts and roots, without their keys."""
    return sorted(path.name.rpartition("-")[0] for path in folder.iterdir())


def check_swept(cache: SysrootCache, folder: Path) -> None:
    """No unfinished folder is left by those who write next."""
    # The first of them may come while what a killed build had started still writes into its folder.
    for _ in range(100):
        cache.remove(["onnx"])
        if not list(folder.glob(".scratch-*")):
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {list(folder.glob('.scratch-*'))}")


def test_a_sysroot_holds_its_parts_and_its_core(cache: SysrootCache) -> None:
    found = cache.find("litert", "cortex-a76")
    assert found is not None
    assert found == cache.build("litert", "cortex-a76")
    assert (found.root / "lib/libsmall.so").read_text() == "library"
    assert found.python is not None
    assert found.python.read_text() == "python"
    assert found.site_packages is not None
    assert found.runner is None
    assert [path.name for path in found.site_packages.glob("small_*")] == [
        "small_litert",
        "small_litert-2.0.dist-info",
    ]
    assert "asimddp" in (found.root / "proc/cpuinfo").read_text()
    assert (found.root / "sys/devices/system/cpu/online").read_text() == "0\n"
    assert found.versions == {"small-libc": "1.0", "small-python": "1:3.11", "small-litert": "2.0"}
    assert found.notes == ()


def test_sysroots_share_parts_but_not_keys(cache: SysrootCache, tmp_path: Path) -> None:
    found = [cache.find(runtime, core) for runtime, core in ALL]
    assert None not in found
    assert len({one.key for one in found if one}) == len({one.root for one in found if one}) == 4
    assert names_in(tmp_path / "cache/parts") == ["debian", "small-litert", "small-onnx"]


def test_the_cache_can_be_moved(cache: SysrootCache, tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "cache").rename(tmp_path / "moved")
    moved = SysrootCache(tmp_path / "moved", shop.pins).find("litert", "cortex-a53")
    assert moved is not None
    assert (moved.root / "lib/libsmall.so").read_text() == "library"


def test_two_processes_build_it_once(cache: SysrootCache, shop: Shop, tmp_path: Path) -> None:
    builds = [start_build(shop, tmp_path), start_build(shop, tmp_path)]
    told = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0]
    # The inode tells that the second one did not put its own in the first one's place.
    assert told[0] == told[1] != ""
    assert not list((tmp_path / "new").glob(".scratch-*"))


@pytest.mark.parametrize(
    "pattern", [".scratch-*/downloads/*.deb", "parts/debian-*"], ids=["fetched", "one part"]
)
def test_a_killed_build_leaves_nothing_broken(
    cache: SysrootCache, shop: Shop, tmp_path: Path, pattern: str
) -> None:
    build = start_build(shop, tmp_path)
    while not any((tmp_path / "new").glob(pattern)) and build.poll() is None:
        pass
    build.send_signal(signal.SIGKILL)
    build.communicate()
    unfinished = set((tmp_path / "new").glob(".scratch-*"))
    new = SysrootCache(tmp_path / "new", shop.pins)
    left, mended = new.find("litert", "cortex-a76"), new.build("litert", "cortex-a76")
    assert left in (None, mended)
    expected = cache.find("litert", "cortex-a76")
    assert expected is not None
    assert mended.key == expected.key
    assert mended.python is not None
    assert mended.python.read_text() == "python"
    # Nothing of its own, in any case.
    assert set((tmp_path / "new").glob(".scratch-*")) <= unfinished
    check_swept(new, tmp_path / "new")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: next(folder.glob("roots/litert-*/sysroot.json")).write_text("{"),
        lambda folder: shutil.rmtree(next(folder.glob("parts/debian-*"))),
    ],
    ids=["record", "part"],
)
def test_a_damaged_sysroot_is_built_anew(
    cache: SysrootCache, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    before = [cache.find("litert", core) for core in ("cortex-a53", "cortex-a76")]
    damage(tmp_path / "cache")
    damaged = [cache.find("litert", core) for core in ("cortex-a53", "cortex-a76")]
    assert None in damaged
    assert [cache.build("litert", core) for core in ("cortex-a53", "cortex-a76")] == before


def test_what_debian_replaced_is_noted_and_changes_the_key(
    registry: Registry, shop: Shop, tmp_path: Path
) -> None:
    replaced = SysrootCache(tmp_path / "new", small_pins(registry))
    registry.replace_package("small-libc", "1.1", {"lib/libsmall.so": "mended"})
    built = replaced.build("litert", "cortex-a53")
    before = SysrootCache(shop.built, shop.pins).find("litert", "cortex-a53")
    assert built.notes == ("Debian has replaced small-libc 1.0 by 1.1, which was taken",)
    assert built.versions["small-libc"] == "1.1"
    assert before is not None
    assert built.key != before.key


def test_a_failed_build_says_why_and_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    cache = SysrootCache(tmp_path / "new", small_pins(registry))
    registry.add_wheel("small-litert", "2.0", "planted")
    with pytest.raises(RunFailed, match="another content"):
        cache.build("litert", "cortex-a76")
    assert cache.find("litert", "cortex-a76") is None
    assert not list((tmp_path / "new").glob(".scratch-*"))


def test_removal_keeps_what_others_need(cache: SysrootCache, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    [root] = cache.remove(["litert"], "cortex-a53")
    assert root.name.startswith("litert-cortex-a53-")
    assert cache.find("litert", "cortex-a53") is None
    assert cache.find("litert", "cortex-a76") is not None
    assert len(cache.remove(["litert"])) == 2
    assert names_in(folder / "parts") == ["debian", "small-onnx"]
    assert cache.find("onnx", "cortex-a76") is not None
    assert len(cache.remove(["onnx", "litert"])) == 4
    assert cache.remove(["onnx", "litert"]) == []
    assert not [*folder.glob("*/*"), *folder.glob(".scratch-*")]


def test_nothing_to_remove(shop: Shop, tmp_path: Path) -> None:
    assert SysrootCache(tmp_path / "new", shop.pins).remove(["litert"]) == []
    assert not (tmp_path / "new").exists()


def test_a_core_or_runtime_that_is_not_known_is_refused(cache: SysrootCache) -> None:
    with pytest.raises(BadInput, match=r"no core 'max' \(known: .*cortex-a76"):
        cache.build("litert", "max")
    with pytest.raises(BadInput, match=r"no ARM64 runtime 'tflm' \(known: litert, onnx"):
        cache.find("tflm", "cortex-a53")


def test_a_folder_that_cannot_be_written_says_so(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFailed, match="XDG_CACHE_HOME"):
        SysrootCache(tmp_path / "file", shop.pins).build("litert", "cortex-a53")
