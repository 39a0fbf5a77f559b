"""One child process with a time limit, of whose output only the end is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KEPT_BYTES = 64 * 1024
_LONGEST_LINE = 300


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: exit status; minus the signal's number where one killed it; ``None`` where it took
            too long.
        seconds: its time limit.
        lines: the last lines of its output, both streams.
    """

    status: int | None
    seconds: float
    lines: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether it ended with exit status 0."""
        return self.status == 0

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.status is None:
            return f"was stopped after {self.seconds:g} s"
        if self.status < 0:
            return f"was killed by {signal.Signals(-self.status).name}"
        return f"ended with exit status {self.status}"

    def first_line(self, beginning: str) -> str:
        """The first line that begins so, or else the last line; cut to a bearable length."""
        telling = [line for line in self.lines if line.startswith(beginning)]
        return "".join(telling[:1] or self.lines[-1:])[:_LONGEST_LINE]


def run_child(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float
) -> Ended:
    """Run a command to its end, or kill it and all that it started.

    Args:
        command: program and arguments.
        environment: all of its environment variables.
        folder: that it runs in.
        seconds: its time limit.

    Raises:
        OSError: it cannot be started.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status: int | None = None
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(max(0, output.seek(0, os.SEEK_END) - _KEPT_BYTES))
        lines = output.read().decode(errors="replace").splitlines()
    return Ended(status, seconds, tuple(line.strip() for line in lines if line.strip()))
