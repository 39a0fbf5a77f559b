"""A registry of npm packages on this machine, as far as ``npm pack`` asks it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, VERSION = "edgekd-test-piece", "1.0.0"


def tarball(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A package's tarball."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return written.getvalue()


def integrity(content: bytes) -> str:
    """As npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


@dataclass
class Registry:
    """What is offered, and what was asked.

    Attributes:
        content: the tarball.
        address: of this registry.
        asked: the paths that clients asked for.
        answering: set while tarballs are sent; until then a client waits for its own.
    """

    content: bytes
    address: str = ""
    asked: list[str] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)

    def document(self) -> bytes:
        """What a registry says of a package."""
        package = {
            "name": NAME,
            "version": VERSION,
            "dist": {
                "tarball": f"{self.address}{NAME}.tgz",
                "integrity": integrity(self.content),
                "shasum": hashlib.sha1(self.content).hexdigest(),
            },
        }
        whole = {"name": NAME, "dist-tags": {"latest": VERSION}, "versions": {VERSION: package}}
        return json.dumps(whole).encode()


@contextmanager
def serving(content: bytes) -> Iterator[Registry]:
    """A registry that offers one package with this tarball."""
    registry = Registry(content)
    registry.answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.asked.append(self.path)
            is_tarball = self.path.endswith(".tgz")
            if is_tarball:
                registry.answering.wait()
            answer = registry.content if is_tarball else registry.document()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        registry.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()
