"""Reads the program in a ``.pte`` file: tensors, calls, delegates, and nothing of it is run.

executorch's own reader follows a damaged file wherever it leads, for hours if need be, and takes
five seconds to import; this one reads only what edgekd asks, and within bounds.
Format: ``executorch/schema/program.fbs`` (slots are the fields in their order there), and
``executorch/schema/extended_header.h``.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.errors import BadInput
from edgekd.export.flatbuffer import FlatBuffer, Table

HOLDS = "ExecuTorch program"
_IDENTIFIER = b"ET12"
# The header of the segments that follow the program, where there are any.
_HEADER_MAGIC = b"eh00"
_HEADER_AT = 8
_MAGIC_BYTES = 4
_MOST_RANK = 16
# Members of the unions, numbered from 1; 0 is none.
_TENSOR = 5
_KERNEL_CALL, _DELEGATE_CALL = 1, 2
_SEGMENT = 1
_SCALAR_TYPES = {
    0: "BYTE",
    1: "CHAR",
    2: "SHORT",
    3: "INT",
    4: "LONG",
    5: "HALF",
    6: "FLOAT",
    7: "DOUBLE",
    11: "BOOL",
    15: "BFLOAT16",
    27: "UINT16",
    28: "UINT32",
    29: "UINT64",
}


@dataclass(frozen=True)
class ProgramTensor:
    """A tensor value: the name of its scalar type in the schema, and its sizes."""

    scalar_type: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Delegate:
    """A call into a backend: the backend's name, and what it was handed at export.

    All of a file is on one budget, so ``data`` may be read at each call.
    """

    backend: str
    data: FlatBuffer


@dataclass(frozen=True)
class Kernel:
    """A call of an operator outside of every delegate, and the indices of its values."""

    operator: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Method:
    """One method of a program.

    Attributes:
        values: a tensor, or ``None`` for a value that is none.
        inputs: indices into ``values``.
        outputs: likewise.
        calls: in the order in which they run.
    """

    values: tuple[ProgramTensor | None, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: tuple[Delegate | Kernel, ...]

    def tensor(self, index: int) -> ProgramTensor | None:
        """The tensor with this index, if it is one.

        Raises:
            BadInput: there is no such value.
        """
        if not 0 <= index < len(self.values):
            raise BadInput(f"is a damaged {HOLDS}: it names value {index}, which is not there")
        return self.values[index]


def read_method(content: bytes, name: str, where: str) -> Method:
    """One method of a ``.pte`` file.

    Args:
        content: of the whole file.
        name: of the method.
        where: name of the file, for messages.

    Raises:
        BadInput: it is no ExecuTorch program, is damaged, or has no such method.
    """
    if content[4:8] != _IDENTIFIER:
        raise BadInput("is not an ExecuTorch program (.pte)", where=where)
    buffer = FlatBuffer(content, where, HOLDS)
    program = buffer.root()
    for plan in program.tables(1):
        if plan.text(0) == name:
            return _MethodReader(buffer, program, plan).read()
    raise BadInput(f"has no method {name!r}", where=where)


class _MethodReader:
    def __init__(self, buffer: FlatBuffer, program: Table, plan: Table) -> None:
        self._buffer = buffer
        self._plan = plan
        self._inline = program.tables(3)
        self._segments = program.tables(4)
        self._operators = [operator.text(0) for operator in plan.tables(6)]
        self._delegates = [self._delegate(delegate) for delegate in plan.tables(7)]

    def read(self) -> Method:
        return Method(
            values=tuple(self._value(value) for value in self._plan.tables(2)),
            inputs=self._plan.integers(3, "i"),
            outputs=self._plan.integers(4, "i"),
            calls=tuple(
                call
                for chain in self._plan.tables(5)
                for instruction in chain.tables(2)
                if (call := self._call(instruction)) is not None
            ),
        )

    def _value(self, value: Table) -> ProgramTensor | None:
        tensor = value.table(1)
        if value.integer(0, "B") != _TENSOR or tensor is None:
            return None
        number, sizes = tensor.integer(0, "b"), tensor.integers(2, "i")
        if number not in _SCALAR_TYPES:
            raise self._buffer.damaged(f"there is no scalar type {number}")
        if len(sizes) > _MOST_RANK or min(sizes, default=0) < 0:
            raise self._buffer.damaged(f"no tensor has the sizes {list(sizes[:_MOST_RANK])}")
        return ProgramTensor(_SCALAR_TYPES[number], sizes)

    def _call(self, instruction: Table) -> Delegate | Kernel | None:
        """``None`` for what moves a value, frees it or jumps."""
        kind, arguments = instruction.integer(0, "B"), instruction.table(1)
        if arguments is None or kind not in (_KERNEL_CALL, _DELEGATE_CALL):
            return None
        index = arguments.integer(0, "i")
        known = self._operators if kind == _KERNEL_CALL else self._delegates
        if not 0 <= index < len(known):
            raise self._buffer.damaged(f"it calls number {index} of {len(known)}")
        if kind == _DELEGATE_CALL:
            return self._delegates[index]
        return Kernel(self._operators[index], arguments.integers(1, "i"))

    def _delegate(self, delegate: Table) -> Delegate:
        processed = delegate.table(1)
        if processed is None:
            return Delegate(delegate.text(0), self._buffer.part(0, 0))
        index = processed.integer(1, "I")
        in_segment = processed.integer(0, "b") == _SEGMENT
        places = self._segments if in_segment else self._inline
        if index >= len(places):
            raise self._buffer.damaged(f"the data of a delegate is number {index} of {len(places)}")
        start, length = self._segment(places[index]) if in_segment else places[index].extent(0)
        return Delegate(delegate.text(0), self._buffer.part(start, length))

    def _segment(self, segment: Table) -> tuple[int, int]:
        content = self._buffer.content
        if content[_HEADER_AT : _HEADER_AT + _MAGIC_BYTES] != _HEADER_MAGIC:
            raise self._buffer.damaged("it has segments and no header that says where")
        # Magic, length of the header, size of the program, then where the segments start.
        base = self._buffer.integer("Q", _HEADER_AT + 16)
        start, length = base + segment.integer(0, "Q"), segment.integer(1, "Q")
        if start + length > len(content):
            raise self._buffer.damaged("a segment ends outside the file")
        return start, length
