from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgekd.devices.microcontroller.counts.counting import PLUGIN_SOURCE
from edgekd.devices.plugins import build_plugin, plugin_arguments
from edgekd.errors import MissingPackage, RunFailed

EMULATOR = "qemu-system-arm"

pytestmark = pytest.mark.skipif(not shutil.which(EMULATOR), reason="the emulator is not installed")


def test_a_plugin_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plugin = build_plugin(PLUGIN_SOURCE, EMULATOR)
    assert plugin.parent == tmp_path / "edgekd" / "plugins"
    made = plugin.stat().st_mtime_ns
    assert build_plugin(PLUGIN_SOURCE, EMULATOR) == plugin
    assert plugin.stat().st_mtime_ns == made
    assert os.listdir(plugin.parent) == [plugin.name]


def test_a_changed_source_is_another_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / PLUGIN_SOURCE.name
    source.write_text(PLUGIN_SOURCE.read_text() + "/* changed */\n")
    assert build_plugin(source, EMULATOR) != build_plugin(PLUGIN_SOURCE, EMULATOR)


def test_a_source_that_does_not_compile_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "broken.c"
    source.write_text("int broken(")
    with pytest.raises(RunFailed, match="does not compile"):
        build_plugin(source, EMULATOR)
    assert os.listdir(tmp_path / "cache" / "edgekd" / "plugins") == []


def test_without_a_compiler_the_plugin_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shutil.which(EMULATOR)
    assert found is not None
    (tmp_path / EMULATOR).symlink_to(found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackage, match="C compiler"):
        build_plugin(PLUGIN_SOURCE, EMULATOR)


def test_an_emulator_with_another_plugin_interface_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "qemu-system-newer"
    newer.write_text("#!/bin/sh\necho 'QEMU emulator version 10.0.2 (-plugin)'\n")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MissingPackage, match=r"10\.0\.2 does not take plugins"):
        build_plugin(PLUGIN_SOURCE, "qemu-system-newer")
    with pytest.raises(MissingPackage):
        build_plugin(PLUGIN_SOURCE, "qemu-system-of-nobody")


def test_options_are_kept_apart_from_what_is_in_them() -> None:
    options = {"out": "/a,b", "layer": ["1", "2"]}
    assert plugin_arguments(Path("p.so"), options) == [
        "-plugin",
        "file=p.so,out=/a,,b,layer=1,layer=2",
    ]
