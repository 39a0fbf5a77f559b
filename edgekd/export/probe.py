"""Loads a file in a runtime of its own process: native code may crash on a hostile file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import edgekd
from edgekd import files
from edgekd.errors import BadInput

RESULT_FILE = "result.json"
_SECONDS = 120.0


def probe(module: str, path: Path) -> dict[str, Any]:
    """Run a probe module on a file.

    Args:
        module: run with the file and an empty folder as arguments; leaves ``result.json`` in the
            folder, with ``problem`` in it where the runtime refuses the file.
        path: the file.

    Returns:
        What the probe left.

    Raises:
        BadInput: the runtime refuses the file, crashes on it or does not end.
    """
    with tempfile.TemporaryDirectory(prefix="edgekd-probe-") as folder:
        command = [sys.executable, "-P", "-m", module, str(path.resolve()), folder]
        try:
            subprocess.run(
                command,
                check=True,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            raise BadInput("the runtime crashes while it loads it", where=str(path)) from error
        except subprocess.TimeoutExpired as error:
            raise BadInput(
                f"the runtime does not load it in {_SECONDS:g} s", where=str(path)
            ) from error
        result: dict[str, Any] = files.read_json(Path(folder, RESULT_FILE))
    if "problem" in result:
        raise BadInput(f"the runtime refuses it: {result['problem']}", where=str(path))
    return result


def _environment() -> dict[str, str]:
    """The child finds this very edgekd."""
    package_root = str(Path(edgekd.__file__).resolve().parent.parent)
    search_path = [package_root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in search_path if part)}
