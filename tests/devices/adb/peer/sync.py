"""The service ``sync``: what ``adb push``, ``pull`` and ``ls`` use.

Source: ``SYNC.TXT`` and ``file_sync_protocol.h`` of the Android Open Source Project. Requests are
four letters, a length, and a path.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.devices.adb.peer.connection import Stream
from tests.devices.adb.peer.faults import Refused, Step
from tests.devices.adb.peer.tree import SHELL

if TYPE_CHECKING:
    from tests.devices.adb.peer.phone import Phone

_MAX_DATA = 64 * 1024
_MAX_PATH = 1024
_HEADER = struct.Struct("<4sI")
# Mode, size, time.
_STAT = struct.Struct("<4s3I")
# Error, device, inode, mode, links, owner, group, size, and three times.
_STAT_2 = struct.Struct("<4sIQQIIIIQqqq")
# Mode, size, time, length of the name.
_ENTRY = struct.Struct("<4s4I")
_OWNER = 2000


def serve_sync(phone: Phone, stream: Stream) -> None:
    """Answer requests until the client quits."""
    while True:
        name, size = _HEADER.unpack(stream.read_exactly(_HEADER.size))
        if name not in _REQUESTS or size > _MAX_PATH:
            return
        path = stream.read_exactly(size).decode(errors="surrogateescape")
        step = phone.step(f"sync {name.decode()} {path}", stream)
        try:
            step.reach("start")
            phone.tree.refresh()
            _REQUESTS[name](phone, stream, step, path)
        except Refused as refused:
            _fail(stream, name, refused.message)
        except OSError as error:
            _fail(stream, name, error.strerror or str(error))


def _answer(stream: Stream, name: bytes, data: bytes = b"") -> None:
    stream.write(_HEADER.pack(name, len(data)) + data)


def _fail(stream: Stream, name: bytes, message: str) -> None:
    _answer(stream, b"FAIL", message.encode())
    if name == b"SEND":
        # As adbd does: some clients look for an answer only when they have sent all.
        for _ in _sent(stream):
            pass
        stream.finish()


def _sent(stream: Stream) -> Iterator[bytes]:
    """The data of one ``SEND``, until the client is done."""
    while True:
        name, size = _HEADER.unpack(stream.read_exactly(_HEADER.size))
        if name != b"DATA" or size > _MAX_DATA:
            return
        yield stream.read_exactly(size)


def _send(phone: Phone, stream: Stream, step: Step, path_and_mode: str) -> None:
    """``PATH,MODE``, then the data. A file that breaks off is left as far as it came."""
    path, _, mode = path_and_mode.rpartition(",")
    own = phone.tree.writable(path, SHELL)
    if not mode.isdigit() or stat.S_ISLNK(int(mode)):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    own.parent.mkdir(parents=True, exist_ok=True)
    own.unlink(missing_ok=True)
    with own.open("wb", buffering=0) as file:
        for data in _sent(stream):
            for part in step.parts(data):
                phone.tree.write(file, part)
    own.chmod(int(mode) & 0o777)
    step.reach("end")
    _answer(stream, b"OKAY")


def _receive(phone: Phone, stream: Stream, step: Step, path: str) -> None:
    with phone.tree.readable(path, SHELL).open("rb") as file:
        while data := file.read(_MAX_DATA):
            for part in step.parts(data):
                _answer(stream, b"DATA", part)
    step.reach("end")
    _answer(stream, b"DONE")


def _stat(phone: Phone, stream: Stream, step: Step, path: str) -> None:
    try:
        found = phone.tree.readable(path, SHELL).stat()
        words = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime))
    except OSError:
        words = (0, 0, 0)
    step.reach("end")
    stream.write(_STAT.pack(b"STAT", *words))


def _stat_2(name: bytes) -> Callable[[Phone, Stream, Step, str], None]:
    def request(phone: Phone, stream: Stream, step: Step, path: str) -> None:
        try:
            found = phone.tree.readable(path, SHELL).stat()
            times = [int(time) for time in (found.st_atime, found.st_mtime, found.st_ctime)]
            place = (found.st_dev, found.st_ino, found.st_mode, found.st_nlink)
            packed = _STAT_2.pack(name, 0, *place, _OWNER, _OWNER, found.st_size, *times)
        except OSError as error:
            packed = _STAT_2.pack(name, error.errno or errno.EIO, *[0] * 10)
        step.reach("end")
        stream.write(packed)

    return request


def _list(phone: Phone, stream: Stream, step: Step, path: str) -> None:
    for child in sorted(phone.tree.readable(path, SHELL).iterdir()):
        found, name = child.stat(), os.fsencode(child.name)
        words = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime), len(name))
        stream.write(_ENTRY.pack(b"DENT", *words) + name)
    step.reach("end")
    stream.write(_ENTRY.pack(b"DONE", 0, 0, 0, 0))


_REQUESTS: dict[bytes, Callable[[Phone, Stream, Step, str], None]] = {
    b"SEND": _send,
    b"RECV": _receive,
    b"STAT": _stat,
    b"STA2": _stat_2(b"STA2"),
    b"LST2": _stat_2(b"LST2"),
    b"LIST": _list,
}
