"""Scripts in a tool environment: what they see, and what becomes of every way to fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgekd.errors import RunFailed
from edgekd.tool_environments import ToolEnvironment, run_script
from tests.conftest import ROOT
from tests.tool_environments.small_tool import small_tool, use_only


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolEnvironment]:
    folder = tmp_path_factory.mktemp("tool")
    with pytest.MonkeyPatch.context() as patch:
        use_only(patch, folder, folder / "cache")
        yield small_tool(folder)


def script(folder: Path, body: str) -> Path:
    path = folder / "script.py"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    path.write_text(f"import os, sys\ndef main(request):\n{lines}", encoding="utf-8")
    return path


def test_json_goes_in_and_out(tool: ToolEnvironment, tmp_path: Path) -> None:
    body = "import smalltool\nreturn [smalltool.VERSION, request]"
    request: dict[str, Any] = {"text": "\u00e9\n", "list": [1, 2.5, None, {"a": True}]}
    assert run_script(tool, script(tmp_path, body), request) == ["1.0", request]


def test_it_sees_nothing_of_edgekd_or_the_user(
    tool: ToolEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "told")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    body = (
        "from importlib.util import find_spec\n"
        "found = [name for name in ('edgekd', 'numpy', 'script', 'start') if find_spec(name)]\n"
        "same = os.path.samefile(os.getcwd(), os.environ['HOME'])\n"
        "return [found, sorted(os.environ), same, os.getcwd()]"
    )
    found, names, same, folder = run_script(tool, script(tmp_path, body), {})
    assert found == []
    assert "SECRET" not in names
    assert same
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("raise ValueError('bad\\nmodel ' + 'x' * 9999)", r"ValueError: bad model x{100,300}$"),
        ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such'"),
        ("return {1, 2}", "TypeError: Object of type set is not JSON"),
        ("return float('nan')", "ValueError: Out of range float"),
        ("sys.exit('gone ' + 'x' * 9999)", r"exit status 1 \(gone x{100,300}\)$"),
        ("print('y' * 10_000_000)\nos._exit(3)", r"exit status 3 \(y{100,300}\)$"),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("os._exit(0)", "left no valid answer"),
        ("open(sys.argv[5], 'w').write('[]')\nos._exit(0)", "has not the form"),
        ("open(sys.argv[5], 'w').truncate(2**27)\nos._exit(0)", "left no valid answer"),
    ],
)
def test_every_failure_is_one_line(
    tool: ToolEnvironment, tmp_path: Path, body: str, part: str
) -> None:
    with pytest.raises(RunFailed, match=part) as caught:
        run_script(tool, script(tmp_path, body), {})
    assert str(caught.value).startswith("tool small: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_script_that_does_not_end_is_stopped(tool: ToolEnvironment, tmp_path: Path) -> None:
    body = "import time\ntime.sleep(3600)"
    with pytest.raises(RunFailed, match=r"was stopped after 0\.5 s"):
        run_script(tool, script(tmp_path, body), {}, seconds=0.5)


def test_a_script_dies_with_edgekd(tool: ToolEnvironment, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    body = (
        "open(request['marker'] + '.new', 'w').write(str(os.getpid()))\n"
        "os.rename(request['marker'] + '.new', request['marker'])\n"
        "import time\ntime.sleep(3600)"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from edgekd.tool_environments import ToolEnvironment, run_script\n"
        "tool = ToolEnvironment('small', Path(sys.argv[1]))\n"
        "run_script(tool, Path(sys.argv[2]), {'marker': sys.argv[3]})\n"
    )
    paths = (tool.requirements, script(tmp_path, body), marker)
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    while parent.poll() is None and not marker.exists():
        time.sleep(0.01)
    child = psutil.Process(int(marker.read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(timeout=60)
    assert not child.is_running()


def test_an_environment_whose_python_is_gone_says_what_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_only(monkeypatch, tmp_path, tmp_path / "cache")
    broken = small_tool(tmp_path)
    broken.folder.mkdir(parents=True)
    with pytest.raises(RunFailed, match=r"cannot be started.*remove that folder"):
        run_script(broken, script(tmp_path, "return 1"), {})
