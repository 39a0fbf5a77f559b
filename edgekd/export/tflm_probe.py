"""What tflite-micro needs for a TFLite file, found in a process of its own (see ``probe``)."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STDERR = 2
# More than any microcontroller has; only what is used is reported.
_ARENA_BYTES = 64 * 1024 * 1024
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")
_SOURCE = re.compile(r"^\S+\.(cc|h)(:\d+)?:? ")
_LARGEST_LOG = 64 * 1024


def main(path: Path, folder: Path) -> None:
    """Leave ``result.json`` in the folder: ``arena_bytes`` or ``problem``.

    The interpreter tells what it used on standard error only.
    """
    from tflite_micro import runtime

    problem = ""
    with tempfile.TemporaryFile() as log:
        with _stderr_into(log.fileno()):
            try:
                interpreter = runtime.Interpreter.from_file(str(path), arena_size=_ARENA_BYTES)
                interpreter.print_allocations()
            # A damaged file also fails in the package's own Python reader, with any error.
            except Exception as error:
                problem = str(error) or type(error).__name__
        log.seek(0)
        text = log.read(_LARGEST_LOG).decode(errors="replace")
    total = _TOTAL.search(text)
    result: dict[str, Any]
    if total and not problem:
        result = {"arena_bytes": int(total[1])}
    else:
        # The kernel that refused it speaks first; the exception is the same for all.
        lines = [_SOURCE.sub("", line).strip() for line in text.splitlines() if line.strip()]
        result = {"problem": (lines[0] if lines else problem)[:200]}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


@contextmanager
def _stderr_into(descriptor: int) -> Iterator[None]:
    original = os.dup(_STDERR)
    os.dup2(descriptor, _STDERR)
    try:
        yield
    finally:
        os.dup2(original, _STDERR)
        os.close(original)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
