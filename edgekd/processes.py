"""Child processes that never outlive the run that started them, and stay within bounds.

This file is also a program: it sets the bounds on itself and then becomes the command that it is
given. Python code between fork and exec would do the same, but may hang where the parent has
threads, as torch, JAX and XNNPACK start them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

# prctl(2); both are kept across execve.
_PR_SET_PDEATHSIG = 1
_PR_SET_THP_DISABLE = 41
_CANNOT_BE_RUN = 127


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, even by SIGKILL (Linux only).

    Args:
        parent: process id of the parent, as the parent knows it.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before the request was made.
        os._exit(1)


def bounded(
    command: Sequence[str],
    *,
    file_bytes: int,
    processor: int | None = None,
    huge_pages: bool = True,
) -> list[str]:
    """The command that runs a command within bounds, and kills it when this process dies.

    Args:
        command: a program and its arguments.
        file_bytes: the largest file that it may write.
        processor: the only one that it may run on; ``None``: any.
        huge_pages: whether the kernel may give it 2 MiB where one page was touched.
    """
    bounds = {
        "parent": os.getpid(),
        "file_bytes": file_bytes,
        "processor": processor,
        "huge_pages": huge_pages,
    }
    # Without site packages it starts in a hundredth of a second.
    this = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*this, json.dumps(bounds), *command]


def _become(bounds: dict[str, int | None], command: list[str]) -> None:
    die_with_parent(bounds["parent"] or 0)
    if bounds["processor"] is not None:
        os.sched_setaffinity(0, {bounds["processor"]})
    if not bounds["huge_pages"]:
        ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    most = bounds["file_bytes"] or 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        sys.exit(_CANNOT_BE_RUN)


if __name__ == "__main__":
    _become(json.loads(sys.argv[1]), sys.argv[2:])
