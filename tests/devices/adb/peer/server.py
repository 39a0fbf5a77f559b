"""A server of the real ``adb`` of one's own: its port, its keys, and no process left behind."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekd.processes import die_with_parent

# Else the server looks for emulators on sixteen ports of this machine, again and again.
_NO_EMULATORS = {"ADB_LOCAL_TRANSPORT_MAX_PORT": "5554"}
_READY = b"OK\n"


@contextmanager
def private_server(home: Path) -> Iterator[dict[str, str]]:
    """Run a server in the foreground; the environment for its clients.

    Raises:
        FileNotFoundError: ``adb`` is not installed.
    """
    port = _free_port()
    environment = {
        "ANDROID_ADB_SERVER_PORT": str(port),
        "HOME": str(home),
        # Caches of other programs stay where they were.
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        **_NO_EMULATORS,
    }
    reading, writing = os.pipe()
    parent = os.getpid()
    command = ["adb", "-L", f"tcp:localhost:{port}", "fork-server", "server"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--reply-fd", str(writing)],
            env={**os.environ, **environment},
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: die_with_parent(parent),
        )
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as reply:
            answer = reply.read(len(_READY))
        assert answer == _READY, (home / "server.log").read_text(errors="replace")
        yield environment
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
