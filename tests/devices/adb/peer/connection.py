"""One connection of an ADB server to the stand-in, and the streams that it carries."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.devices.adb.peer.packets import (
    AUTH,
    CLSE,
    CNXN,
    MAX_PAYLOAD,
    OKAY,
    OPEN,
    VERSION,
    WRTE,
    ConnectionGone,
    Packet,
    read_packet,
)

_AUTH_TOKEN = 1
_TOKEN = bytes(20)
# What a service has not read yet is acknowledged up to here, as by adbd's sockets.
_HELD_BYTES = 128 * 1024


class Stream:
    """One service that the client opened: bytes both ways, each packet acknowledged."""

    def __init__(self, connection: Connection, own: int, other: int) -> None:
        self._connection = connection
        self._ids = (own, other)
        # With whether it was acknowledged when it came.
        self._arrived: queue.SimpleQueue[tuple[bytes, bool] | None] = queue.SimpleQueue()
        self._held = 0
        self._counting = threading.Lock()
        self._buffer = b""
        self._may_write = threading.Semaphore(0)
        self.closed = threading.Event()
        self._when_closed: list[Callable[[], None]] = []

    def read(self) -> bytes:
        """What has arrived, waiting for it.

        Raises:
            ConnectionGone: the client closed the stream.
        """
        # What came before the end is read first, as from any socket.
        arrived = self._arrived.get()
        if arrived is None:
            self._arrived.put(None)
            raise ConnectionGone
        data, acknowledged = arrived
        with self._counting:
            self._held -= len(data)
        if not acknowledged:
            with suppress(ConnectionGone):
                self._send(OKAY)
        return data

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self.read()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def write(self, data: bytes) -> None:
        """Send, each packet after the one before it was acknowledged."""
        for start in range(0, len(data), MAX_PAYLOAD):
            self._send(WRTE, data[start : start + MAX_PAYLOAD])
            self._may_write.acquire()
            if self.closed.is_set():
                raise ConnectionGone

    def when_closed(self, call: Callable[[], None]) -> None:
        """Call this as soon as the stream ends, or now if it has."""
        self._when_closed.append(call)
        if self.closed.is_set():
            call()

    def finish(self) -> None:
        """The service is done."""
        with suppress(ConnectionGone):
            self._send(CLSE)
        self.end()

    def end(self) -> None:
        """Wake whoever waits: nothing comes any more."""
        self.closed.set()
        self._connection.forget(self._ids[0])
        # First: a program that is killed must not take the end of its input for an order.
        for call in self._when_closed:
            call()
        self._arrived.put(None)
        self._may_write.release()

    def receive(self, packet: Packet) -> None:
        if packet.command == WRTE:
            with self._counting:
                self._held += len(packet.payload)
                acknowledged = self._held <= _HELD_BYTES
            self._arrived.put((packet.payload, acknowledged))
            if acknowledged:
                with suppress(ConnectionGone):
                    self._send(OKAY)
        elif packet.command == OKAY:
            self._may_write.release()
        else:
            self.end()

    def drop(self) -> None:
        """Pull the cable.

        Raises:
            ConnectionGone: always; the service cannot go on.
        """
        self._connection.close()
        raise ConnectionGone

    def _send(self, command: int, payload: bytes = b"") -> None:
        if self.closed.is_set():
            raise ConnectionGone
        self._connection.send(Packet(command, *self._ids, payload))


Service = Callable[[Stream, str], None]


class Connection:
    """Shakes hands, then gives each stream that is opened a thread of its own."""

    def __init__(self, connection: socket.socket, banner: str, service: Service) -> None:
        self._socket = connection
        self._banner = banner
        self._service = service
        self._streams: dict[int, Stream] = {}
        self._next = 1
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def run(self, *, authorized: bool) -> None:
        """Serve until the connection ends."""
        try:
            while True:
                packet = read_packet(self._socket)
                if packet.command in (CNXN, AUTH):
                    self._greet(packet, authorized=authorized)
                elif packet.command == OPEN:
                    self._open(packet)
                elif stream := self._streams.get(packet.second):
                    stream.receive(packet)
        except ConnectionGone:
            self.close()
        for thread in self._threads:
            thread.join()

    def send(self, packet: Packet) -> None:
        try:
            with self._lock:
                self._socket.sendall(packet.encoded())
        except OSError as error:
            raise ConnectionGone from error

    def forget(self, stream: int) -> None:
        self._streams.pop(stream, None)

    def close(self) -> None:
        """End the connection and all it carries."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for stream in list(self._streams.values()):
            stream.end()

    def _greet(self, packet: Packet, *, authorized: bool) -> None:
        if authorized:
            self.send(Packet(CNXN, VERSION, MAX_PAYLOAD, self._banner.encode()))
        elif packet.command == CNXN or packet.first != _AUTH_TOKEN + 2:
            # The client offers signatures, then its key, which waits for the user to agree.
            self.send(Packet(AUTH, _AUTH_TOKEN, 0, _TOKEN))

    def _open(self, packet: Packet) -> None:
        own, self._next = self._next, self._next + 1
        stream = Stream(self, own, packet.first)
        self._streams[own] = stream
        self.send(Packet(OKAY, own, packet.first))
        name = packet.payload.rstrip(b"\0").decode(errors="surrogateescape")
        thread = threading.Thread(target=self._serve, args=(stream, name), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, stream: Stream, name: str) -> None:
        with suppress(ConnectionGone):
            self._service(stream, name)
        stream.finish()
