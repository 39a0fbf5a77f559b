"""A stand-in for a phone: it listens on loopback, and the real ``adb`` client connects to it."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.devices.adb.peer.application import Application, Benchmark
from tests.devices.adb.peer.connection import Connection, Stream
from tests.devices.adb.peer.faults import Fault, Gate, Injection, Moment, Step
from tests.devices.adb.peer.host_benchmark import host_benchmark
from tests.devices.adb.peer.packets import ConnectionGone
from tests.devices.adb.peer.services import serve_shell
from tests.devices.adb.peer.state import Log, PhoneState
from tests.devices.adb.peer.sync import serve_sync
from tests.devices.adb.peer.tree import Tree

FEATURES = ("shell_v2", "cmd", "stat_v2", "fixed_push_mkdir")
_SERVICE = re.compile(r"(shell|exec)(?:,([^:]*))?:(.*)", re.DOTALL)


class Phone:
    """A running stand-in.

    Attributes:
        state: what the phone is like; read and set it.
        tree: its files.
        log: what ``logcat`` shows.
        application: the benchmark app; its starts, and how they err.
        steps: each command and each request of a transfer so far, in order.
        not_understood: command lines with syntax that the stand-in does not know.
        authorized: whether its user trusts the computer.
        struck: how many of the faults have struck so far.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state: PhoneState | None = None,
        benchmark: Benchmark = host_benchmark,
        features: tuple[str, ...] = FEATURES,
    ) -> None:
        self.state = state or PhoneState()
        self.tree = Tree(folder, self.state)
        self.log = Log()
        self.application = Application(self.tree, self.state, self.log, benchmark)
        self.steps: list[str] = []
        self.not_understood: list[str] = []
        self.authorized = True
        self.struck = 0
        self._listening = self._stopped = False
        self._features = features
        self._injections: list[Injection] = []
        self._gates: list[Gate] = []
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._listener = _bound(0)
        self._port: int = self._listener.getsockname()[1]
        self.come_back()

    @property
    def serial(self) -> str:
        """As ``adb devices`` lists it."""
        return f"127.0.0.1:{self._port}"

    def path(self, path: str) -> Path:
        """This machine's path of a file of the phone."""
        return self.tree.host(path)

    def inject(
        self, fault: Fault, *, matching: str = "", nth: int = 1, when: Moment = "start"
    ) -> None:
        """Let a fault strike once.

        Args:
            fault: of :mod:`faults`.
            matching: a regular expression that is found in the step.
            nth: which of the steps from now on that it is found in.
            when: before the step does anything; when it is done, but has not answered; or after
                so many bytes of what it is sent or sends.
        """
        with self._lock:
            self._injections.append(Injection(fault, re.compile(matching), nth, when))

    def step(self, name: str, stream: Stream) -> Step:
        """Note a step, and which fault it meets."""
        with self._lock:
            self.steps.append(name)
            met = [injection for injection in self._injections if injection.meets(name)]
        return Step(self, stream, met[0] if met else None)

    def note_strike(self) -> None:
        """A fault strikes now."""
        with self._lock:
            self.struck += 1

    def hold(self, gate: Gate) -> None:
        """Remember a gate, so that stopping the phone opens it."""
        with self._lock:
            self._gates.append(gate)
            stopped = self._stopped
        if stopped:
            gate.release()

    def come_back(self) -> None:
        """Take connections, on the same port as before, unless it does so already."""
        if self._listening:
            return
        self._listening = True
        self._listener.listen()
        thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def go_offline(self) -> None:
        """End all connections and take no new ones."""
        self._listening = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # Bound but not listening: connecting is refused, and nobody else gets the port.
        self._listener = _bound(self._port)
        for connection in self._connections:
            connection.close()

    def stop(self) -> None:
        """End everything; returns when no thread is left."""
        self.go_offline()
        self._listener.close()
        self.log.end()
        self.application.stop()
        with self._lock:
            self._stopped = True
            gates = list(self._gates)
        for gate in gates:
            gate.release()
        for thread in self._threads:
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(accepted, self._banner(), self._serve)
                self._connections.append(connection)
                thread = threading.Thread(
                    target=connection.run, kwargs={"authorized": self.authorized}, daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _banner(self) -> str:
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        told = "".join(f"{name}={self.state.properties[name]};" for name in names)
        return f"device::{told}features={','.join(self._features)}"

    def _serve(self, stream: Stream, service: str) -> None:
        if service == "sync:":
            serve_sync(self, stream)
        elif match := _SERVICE.fullmatch(service):
            name, options, line = match.groups()
            version = 2 if "v2" in (options or "").split(",") else 1
            serve_shell(self, stream, line, version=version, name=name)
        else:
            raise ConnectionGone(f"the stand-in has no service {service}")


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener
