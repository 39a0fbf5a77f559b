"""Building, sharing, interrupting and removing tool environments, with the real pip."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekd.errors import BadInput, RunFailed
from edgekd.tool_environments import find_tool, tool_names
from tests.conftest import ROOT
from tests.tool_environments.small_tool import small_tool, use_only

BUILD = (
    "import sys; from pathlib import Path\n"
    "from edgekd.tool_environments import ToolEnvironment\n"
    "ToolEnvironment('small', Path(sys.argv[1])).build()\n"
)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all tools; none is there."""
    use_only(monkeypatch, tmp_path, tmp_path / "cache")
    return tmp_path / "cache" / "edgekd" / "tools"


def build_elsewhere(requirements: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(requirements)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def visible(tools: Path) -> list[str]:
    return sorted(path.name for path in tools.iterdir() if path.name[0] != ".")


def scratch(tools: Path) -> list[Path]:
    return list(tools.glob(".small-scratch-*"))


def test_it_is_built_once_kept_by_requirements_and_removed(tools: Path, tmp_path: Path) -> None:
    old, new = small_tool(tmp_path, "1.0"), small_tool(tmp_path, "2.0")
    assert not old.ready
    assert old.remove() == 0
    old.build()
    inode = old.folder.stat().st_ino
    old.build()
    assert old.folder.stat().st_ino == inode
    assert not new.ready
    new.build()
    assert visible(tools) == sorted([old.folder.name, new.folder.name])
    (tools / "small-other-tool").mkdir()
    assert new.remove() == 2
    assert visible(tools) == ["small-other-tool"]
    assert not scratch(tools)
    assert not new.ready


@pytest.mark.parametrize(("sha256", "part"), [("0" * 64, "HASHES"), (None, "Could not find")])
def test_a_file_that_is_not_the_pinned_one_leaves_nothing(
    tools: Path, tmp_path: Path, sha256: str | None, part: str
) -> None:
    tool = small_tool(tmp_path, sha256=sha256)
    if sha256 is None:
        (tmp_path / "smalltool-1.0-py3-none-any.whl").unlink()
    with pytest.raises(RunFailed, match=part) as caught:
        tool.build()
    assert str(caught.value).startswith("the tool small could not be installed: pip ended with")
    assert not visible(tools)
    assert not scratch(tools)


def test_several_processes_build_it_once(tools: Path, tmp_path: Path) -> None:
    tool = small_tool(tmp_path)
    builders = [build_elsewhere(tool.requirements) for _ in range(3)]
    assert [(b.communicate(timeout=120)[1], b.returncode) for b in builders] == [("", 0)] * 3
    assert visible(tools) == [tool.folder.name]
    assert not scratch(tools)


def test_a_build_that_is_killed_is_as_if_it_never_was(tools: Path, tmp_path: Path) -> None:
    tool = small_tool(tmp_path)
    builder = build_elsewhere(tool.requirements)
    while builder.poll() is None and not any(tools.glob(".small-scratch-*/*/pyvenv.cfg")):
        time.sleep(0.001)
    os.kill(builder.pid, signal.SIGKILL)
    builder.communicate()
    assert builder.returncode == -signal.SIGKILL
    assert not tool.ready
    assert scratch(tools)
    tool.build()
    assert (tool.folder / "bin" / "python").exists()
    assert visible(tools) == [tool.folder.name]


def test_the_settings_of_pip_cannot_send_packages_elsewhere(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_TARGET", "PIP_PREFIX", "PYTHONPATH"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PIP_USER", "1")
    tool = small_tool(tmp_path)
    tool.build()
    assert list(tool.folder.glob("lib/*/site-packages/smalltool.py"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    use_only(monkeypatch, tmp_path, tmp_path / "file")
    with pytest.raises(RunFailed, match="cannot be written: Not a directory"):
        small_tool(tmp_path).build()


def test_a_tool_that_is_not_known_is_refused() -> None:
    with pytest.raises(BadInput, match=r"no tool 'tflite' \(known: .*tflite-support"):
        find_tool("tflite")


def test_a_platform_without_pinned_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(BadInput, match=r"cp311-linux-riscv64.*one of: cp311-linux-x86_64"):
        find_tool("tflite-support")


@pytest.mark.parametrize("name", tool_names())
def test_every_requirement_is_exact_and_hashed(name: str) -> None:
    text = find_tool(name).requirements.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        requirement, *hashes = line.split()
        assert requirement.count("==") == 1
        assert hashes
        assert all(one.startswith("--hash=sha256:") for one in hashes)
