"""The host's side of the frames that the firmware speaks; see ``targets/firmware/protocol.h``.

What comes from the other side is hostile until it is checked: every length is bounded before
anything is read or made of it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from edgekd.devices.contract import DType, Signature, TensorInfo
from edgekd.errors import RunFailed

VERSION = 1
MAGIC = b"EDGK"
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
MAX_SKIPPED_BYTES = 64 * 1024
MAX_TENSORS = 64
MAX_RANK = 6
MAX_NAME_BYTES = 1024
_HEADER = struct.Struct("<III")
_CHECK = struct.Struct("<I")
_CHUNK_BYTES = 64 * 1024
# enum model_type of model.h.
_DTYPES: dict[int, DType] = {
    1: "int8",
    2: "uint8",
    3: "int16",
    4: "int32",
    5: "float32",
    6: "bool",
    7: "int64",
}

Read = Callable[[int], bytes]


class FrameType(IntEnum):
    """What a frame carries: ``enum frame_type`` of ``protocol.h``."""

    HELLO = 1
    RUN = 2
    HELLO_ANSWER = 0x81
    RUN_ANSWER = 0x82
    ERROR = 0xE0
    FAULT = 0xF0


class ErrorCode(IntEnum):
    """Why a request was not carried out: ``enum frame_error`` of ``protocol.h``."""

    DAMAGED = 1
    LENGTH = 2
    TYPE = 3
    STACK = 4


class DamagedFrame(RunFailed):
    """What came is no whole frame of this protocol; asking again may help on a serial line."""


@dataclass(frozen=True)
class Frame:
    """One frame whose CRC was right."""

    type: FrameType
    sequence: int
    payload: bytes


@dataclass(frozen=True)
class Hello:
    """What the firmware says of itself.

    Attributes:
        version: of the protocol.
        core: that it was built for.
        image: hash of what it was built from, ``Firmware.image``.
        arena_bytes: tensors and scratch.
        stack_limit_bytes: room for the stack.
        counts_cycles: whether the core's cycle counter counts.
        signature: the library's inputs and outputs.
        input_bytes: of each input.
        output_bytes: of each output.
    """

    version: int
    core: str
    image: str
    arena_bytes: int
    stack_limit_bytes: int
    counts_cycles: bool
    signature: Signature
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """One inference.

    Attributes:
        stack_bytes: the most that the call used.
        cycles: of the cycle counter, modulo 2**32; 0 where there is none.
        outputs: the bytes of all outputs, one after the other.
    """

    stack_bytes: int
    cycles: int
    outputs: bytes


@dataclass(frozen=True)
class Fault:
    """Where the core stopped.

    Attributes:
        pc: of the instruction; 0: unknown.
        lr: return address there; 0: unknown.
        cause: CFSR on Cortex-M, mcause on RISC-V.
        address: that was accessed; 0: unknown.
    """

    pc: int
    lr: int
    cause: int
    address: int


def encode_frame(kind: FrameType, sequence: int, payload: bytes = b"") -> bytes:
    """A frame as it goes over the line."""
    body = _HEADER.pack(kind, sequence, len(payload)) + payload
    return MAGIC + body + _CHECK.pack(zlib.crc32(body))


def read_frame(read: Read) -> Frame | None:
    """The next frame of a stream; ``None`` at its end.

    Args:
        read: gives at most as many bytes as it is asked for; fewer at the end of the stream, or
            when a line has been silent for too long.

    Raises:
        DamagedFrame: cut short, another CRC, an unknown type, too long, or only rubbish comes.
    """
    if not _find_magic(read):
        return None
    head = _exactly(read, _HEADER.size)
    kind, sequence, length = _HEADER.unpack(head)
    if length > MAX_PAYLOAD_BYTES:
        raise DamagedFrame(f"a frame claims {length} bytes")
    payload = _exactly(read, length)
    (check,) = _CHECK.unpack(_exactly(read, _CHECK.size))
    if check != zlib.crc32(payload, zlib.crc32(head)):
        raise DamagedFrame("a frame's check sum is wrong")
    try:
        return Frame(FrameType(kind), sequence, payload)
    except ValueError as error:
        raise DamagedFrame(f"a frame has the unknown type {kind:#x}") from error


def _find_magic(read: Read) -> bool:
    window = b""
    for _ in range(MAX_SKIPPED_BYTES):
        more = read(len(MAGIC) - len(window))
        if not more:
            if window:
                raise DamagedFrame("a frame is cut short")
            return False
        window += more
        if window == MAGIC:
            return True
        if len(window) == len(MAGIC):
            window = window[1:]
    raise DamagedFrame("only rubbish comes, and no frame")


def _exactly(read: Read, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0:
        part = read(min(size, _CHUNK_BYTES))
        if not part:
            raise DamagedFrame("a frame is cut short")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def parse_hello(payload: bytes) -> Hello:
    """Read the payload of a ``HELLO_ANSWER``.

    Raises:
        RunFailed: it does not hold together, or is of another version of the protocol.
    """
    fields = _Fields(payload)
    version = fields.word()
    if version != VERSION:
        raise RunFailed(
            f"the firmware speaks version {version} of the protocol, not {VERSION}",
            mend="build and flash it anew",
        )
    arena, stack, counts, inputs, outputs = (fields.word() for _ in range(5))
    if max(inputs, outputs) > MAX_TENSORS:
        raise RunFailed("the firmware claims more inputs or outputs than there can be")
    core, image = fields.text(), fields.text()
    tensors = [fields.tensor() for _ in range(inputs + outputs)]
    fields.end()
    infos, sizes = [info for info, _ in tensors], tuple(size for _, size in tensors)
    return Hello(
        version=version,
        core=core,
        image=image,
        arena_bytes=arena,
        stack_limit_bytes=stack,
        counts_cycles=bool(counts),
        signature=Signature(inputs=infos[:inputs], outputs=infos[inputs:]),
        input_bytes=sizes[:inputs],
        output_bytes=sizes[inputs:],
    )


def parse_answer(payload: bytes, hello: Hello) -> Answer:
    """Read the payload of a ``RUN_ANSWER``.

    Raises:
        RunFailed: it has not the length of the outputs.
    """
    fields = _Fields(payload)
    stack, cycles = fields.word(), fields.word()
    outputs = fields.take(sum(hello.output_bytes))
    fields.end()
    return Answer(stack, cycles, outputs)


def parse_fault(payload: bytes) -> Fault:
    """Read the payload of a ``FAULT``.

    Raises:
        RunFailed: it has another length.
    """
    fields = _Fields(payload)
    fault = Fault(fields.word(), fields.word(), fields.word(), fields.word())
    fields.end()
    return fault


def parse_error(payload: bytes) -> ErrorCode:
    """Read the payload of an ``ERROR``.

    Raises:
        RunFailed: it has another length, or the code is unknown.
    """
    fields = _Fields(payload)
    code = fields.word()
    fields.end()
    try:
        return ErrorCode(code)
    except ValueError as error:
        raise RunFailed(f"the firmware reports the unknown error {code}") from error


class _Fields:
    """Takes fields off a payload, none beyond its end."""

    def __init__(self, payload: bytes) -> None:
        self._rest = payload

    def take(self, size: int) -> bytes:
        if size > len(self._rest):
            raise RunFailed("the firmware's answer is shorter than what it announces")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def word(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def text(self) -> str:
        size = self.word()
        if size > MAX_NAME_BYTES:
            raise RunFailed("the firmware gives a name that is too long")
        return self.take(size).decode("utf-8", errors="replace")

    def tensor(self) -> tuple[TensorInfo, int]:
        size, kind, rank = self.word(), self.word(), self.word()
        if kind not in _DTYPES or rank > MAX_RANK:
            raise RunFailed("the firmware describes a tensor of unknown type or rank")
        shape = [self.word() for _ in range(rank)]
        scale, zero_point = struct.unpack("<fi", self.take(8))
        name = self.text()
        if size != math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize:
            raise RunFailed(f"the firmware's size of {name!r} does not fit its shape")
        if not (math.isfinite(scale) and scale >= 0):
            raise RunFailed(f"the firmware's scale of {name!r} is no scale")
        quantized = scale > 0
        info = TensorInfo(
            name=name,
            shape=shape,
            dtype=_DTYPES[kind],
            scale=scale if quantized else None,
            zero_point=zero_point if quantized else None,
        )
        return info, size

    def end(self) -> None:
        if self._rest:
            raise RunFailed("the firmware's answer is longer than what it announces")
