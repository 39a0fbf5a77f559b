"""Runs a script inside a tool environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekd import processes
from edgekd.errors import EdgekdError, RunFailed
from edgekd.files import read_json, write_json
from edgekd.tool_environments import start
from edgekd.tool_environments.child import Ended, run_child
from edgekd.tool_environments.environment import ToolEnvironment

_LONGEST_REASON = 300


def run_script(
    tool: ToolEnvironment, script: Path, request: Mapping[str, Any], *, seconds: float = 120.0
) -> Any:
    """Call ``main(request)`` of a script in a process of the tool's own Python.

    The environment is built where it is missing. The process sees neither edgekd nor the user's
    environment variables; its working folder, home and temporary folder is one that is removed
    afterwards, and one thread is all that numerical libraries take.

    Args:
        tool: whose packages the script imports.
        script: a Python file; it imports nothing of edgekd.
        request: JSON-able; files are named by absolute paths.
        seconds: time limit.

    Returns:
        What ``main`` returned: untrusted JSON of at most 64 MiB.

    Raises:
        MissingPackage, RunFailed: the environment cannot be built.
        RunFailed: the script raised an exception, crashed, took too long or left no valid answer.
    """
    tool.build()
    with tempfile.TemporaryDirectory(prefix="edgekd-tool-") as name:
        folder = Path(name)
        answer = folder / "answer.json"
        write_json(folder / "request.json", dict(request))
        files = (processes.__file__, str(os.getpid()), script.resolve(), folder / "request.json")
        command = [str(tool.python), "-I", start.__file__, *map(str, files), str(answer)]
        try:
            ended = run_child(
                command, environment=_environment(folder), folder=folder, seconds=seconds
            )
        except OSError as error:
            raise RunFailed(
                f"the tool {tool.name} cannot be started: {error.strerror}",
                where=str(tool.python),
                mend="remove that folder: it is built again",
            ) from error
        return _answer(answer, ended, tool.name)


def _environment(folder: Path) -> dict[str, str]:
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    folders = dict.fromkeys(("HOME", "TMPDIR"), str(folder))
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **folders, **dict.fromkeys(pools, "1")}


def _answer(path: Path, ended: Ended, name: str) -> Any:
    where = f"tool {name}"
    if not ended.well:
        raise RunFailed(f"it {ended.how}", where=where, mend=ended.first_line("Fatal"))
    try:
        answer = read_json(path)
    except EdgekdError as error:
        raise RunFailed("it left no valid answer", where=where) from error
    if not isinstance(answer, dict) or len(answer) != 1 or not answer.keys() <= start.ANSWERS:
        raise RunFailed("its answer has not the form of one", where=where)
    if "problem" in answer:
        raise RunFailed(str(answer["problem"])[:_LONGEST_REASON], where=where)
    return answer["answer"]
