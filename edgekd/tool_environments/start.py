"""The first file that runs inside a tool environment: calls ``main`` of a script, JSON to JSON.

It runs under the tool's own Python, so it imports nothing of edgekd.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

ANSWERS = frozenset({"answer", "problem"})


def main(processes: str, parent: str, script: str, request: str, answer: str) -> None:
    """Leave ``{"answer": …}`` or ``{"problem": text}`` as JSON in the file ``answer``."""
    _module(processes).die_with_parent(int(parent))
    try:
        asked = json.loads(Path(request).read_text(encoding="utf-8"))
        found = {"answer": _module(script).main(asked)}
        text = json.dumps(found, allow_nan=False)
    # A tool raises whatever it raises: it becomes one line of edgekd's.
    except Exception as error:
        text = json.dumps({"problem": f"{type(error).__name__}: {error}"})
    Path(answer).write_text(text, encoding="utf-8")


def _module(path: str) -> ModuleType:
    """The Python file as a module, without its folder on the search path."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
