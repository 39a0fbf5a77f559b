"""Packets of the ADB transport, as a phone's adbd sends and reads them.

Source: ``packages/modules/adb/protocol.txt`` of the Android Open Source Project: six little-endian
words (command, two arguments, length, checksum, inverted command), then the payload.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<6I")
_MASK = 0xFFFFFFFF
# Since this version, no side checks the checksum.
VERSION = 0x01000001
MAX_PAYLOAD = 256 * 1024

CNXN = int.from_bytes(b"CNXN", "little")
AUTH = int.from_bytes(b"AUTH", "little")
OPEN = int.from_bytes(b"OPEN", "little")
OKAY = int.from_bytes(b"OKAY", "little")
WRTE = int.from_bytes(b"WRTE", "little")
CLSE = int.from_bytes(b"CLSE", "little")


class ConnectionGone(Exception):
    """The other side, or a fault, ended the connection or the stream."""


@dataclass(frozen=True)
class Packet:
    """One packet; what its arguments mean depends on the command."""

    command: int
    first: int
    second: int
    payload: bytes = b""

    def encoded(self) -> bytes:
        size, checksum = len(self.payload), sum(self.payload) & _MASK
        words = (self.command, self.first, self.second, size, checksum, self.command ^ _MASK)
        return _HEADER.pack(*words) + self.payload


def read_packet(connection: socket.socket) -> Packet:
    """The next packet.

    Raises:
        ConnectionGone: the connection ended, or what came is no packet.
    """
    words = _HEADER.unpack(_read(connection, _HEADER.size))
    command, first, second, size, _, inverted = words
    if command ^ inverted != _MASK or size > MAX_PAYLOAD:
        raise ConnectionGone("this is no packet of ADB")
    return Packet(command, first, second, _read(connection, size))


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        try:
            part = connection.recv(size - len(data))
        except OSError as error:
            raise ConnectionGone from error
        if not part:
            raise ConnectionGone
        data += part
    return bytes(data)
