"""Read-only access to a FlatBuffer of unknown origin.

Nothing of the file is trusted: every offset is verified to lie inside the content before it is
followed, and every visited element is charged to a budget, because a small file may name the same
table or vector any number of times. Format: https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from copy import copy
from dataclasses import dataclass
from typing import Literal

from edgekd.errors import BadInput

# struct's letters of the scalars that the schemas of TFLite, ExecuTorch and XNNPACK use.
IntegerCode = Literal["b", "B", "H", "i", "I", "q", "Q"]
# Enough for 100,000 channels with scales and zero points; spent in about two seconds.
_STEPS = 500_000
_LONGEST_TEXT = 80


@dataclass
class _Budget:
    """Steps that are left."""

    steps: int


class FlatBuffer:
    """The content of a file, and how much may still be read of it.

    Args:
        content: the whole file.
        where: its name, for messages.
        holds: what it should be, for messages.
        steps: tables and vector elements that may be visited, each visit counted; no more than
            there are bytes.
    """

    def __init__(
        self, content: bytes, where: str, holds: str = "TFLite file", steps: int = _STEPS
    ) -> None:
        self.content = memoryview(content)
        self.where = where
        self._holds = holds
        # A table, and what names it, take eight bytes or more: no honest file needs as many.
        self._budget = _Budget(min(steps, len(content)))

    def part(self, position: int, length: int, holds: str | None = None) -> FlatBuffer:
        """What lies inside this one, on the same budget: a file may hold any number of buffers.

        It is not copied, and it ends where this one ends.
        """
        inner = copy(self)
        inner.content = self.content[position : position + length]
        inner._holds = holds or self._holds
        return inner

    def root(self) -> Table:
        """The table that the file starts with."""
        return Table(self, self.follow(0))

    def damaged(self, reason: str) -> BadInput:
        """The error for content that breaks the format."""
        return BadInput(
            f"is a damaged {self._holds}: {reason}",
            where=self.where,
            mend="convert or download the model again",
        )

    def charge(self, steps: int) -> None:
        """Count work against the budget.

        Raises:
            BadInput: the budget is spent.
        """
        self._budget.steps -= steps
        if self._budget.steps < 0:
            raise self.damaged("it names the same tables too often")

    def integer(self, code: IntegerCode, position: int) -> int:
        """The integer at a byte position."""
        return int(self._scalar(code, position))

    def real(self, position: int) -> float:
        """The float32 at a byte position."""
        return float(self._scalar("f", position))

    def follow(self, position: int) -> int:
        """Where the unsigned offset at a position leads."""
        target = position + self.integer("I", position)
        if target >= len(self.content) or target == position:
            raise self.damaged(f"the offset at byte {position} leads outside the file")
        return target

    def vector(self, position: int, item_bytes: int) -> tuple[int, int]:
        """Position of the first item and length of the vector at a position."""
        length = self.integer("I", position)
        start = position + 4
        if length * item_bytes > len(self.content) - start:
            raise self.damaged(f"the vector at byte {position} is longer than the file")
        return start, length

    def _scalar(self, code: str, position: int) -> int | float:
        if position < 0 or position + struct.calcsize(f"<{code}") > len(self.content):
            raise self.damaged(f"byte {position} is outside the file")
        value: int | float = struct.unpack_from(f"<{code}", self.content, position)[0]
        return value


class Table:
    """A table; its fields are named by their slot, 0 for the first one of the schema.

    Raises:
        BadInput: the table or its list of fields is not inside the file.
    """

    def __init__(self, buffer: FlatBuffer, position: int) -> None:
        buffer.charge(1)
        self._buffer = buffer
        self._position = position
        self._fields = position - buffer.integer("i", position)
        self._fields_bytes = buffer.integer("H", self._fields)
        self._bytes = buffer.integer("H", self._fields + 2)
        ends = (self._fields + self._fields_bytes, position + self._bytes)
        if self._fields_bytes < 4 or self._bytes < 4 or max(ends) > len(buffer.content):
            raise buffer.damaged(f"the table at byte {position} is not inside the file")

    def integer(self, slot: int, code: IntegerCode, default: int = 0) -> int:
        """An integer field or its default."""
        position = self._field(slot, struct.calcsize(f"<{code}"))
        return default if position is None else self._buffer.integer(code, position)

    def flag(self, slot: int) -> bool:
        """A boolean field, false if it is missing."""
        return self.integer(slot, "B") != 0

    def real(self, slot: int) -> float:
        """A float32 field, 0 if it is missing."""
        position = self._field(slot, 4)
        return 0.0 if position is None else self._buffer.real(position)

    def integers(self, slot: int, code: IntegerCode) -> tuple[int, ...]:
        """A vector of integers, empty if it is missing."""
        return tuple(int(value) for value in self._scalars(slot, code))

    def reals(self, slot: int) -> tuple[float, ...]:
        """A vector of float32, empty if it is missing."""
        return tuple(float(value) for value in self._scalars(slot, "f"))

    def extent(self, slot: int) -> tuple[int, int]:
        """Position and length in bytes of a vector of bytes; length 0 if it is missing."""
        position = self._field(slot, 4)
        return (0, 0) if position is None else self._vector(position, 1)

    def text(self, slot: int) -> str:
        """A string, at most 80 printable characters of it; empty if it is missing."""
        start, length = self.extent(slot)
        content = self._buffer.content[start : start + min(length, 4 * _LONGEST_TEXT)]
        text = str(content, "utf-8", errors="replace")
        return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_TEXT])

    def table(self, slot: int) -> Table | None:
        """A table, or ``None`` if it is missing."""
        position = self._field(slot, 4)
        return None if position is None else Table(self._buffer, self._buffer.follow(position))

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables, empty if it is missing."""
        position = self._field(slot, 4)
        if position is None:
            return []
        start, length = self._vector(position, 4)
        places = range(start, start + 4 * length, 4)
        # One by one: the budget may end long before the vector does.
        return [Table(self._buffer, self._buffer.follow(place)) for place in places]

    def _scalars(self, slot: int, code: str) -> tuple[int | float, ...]:
        position = self._field(slot, 4)
        if position is None:
            return ()
        start, length = self._vector(position, struct.calcsize(f"<{code}"))
        self._buffer.charge(length)
        return struct.unpack_from(f"<{length}{code}", self._buffer.content, start)

    def _vector(self, position: int, item_bytes: int) -> tuple[int, int]:
        return self._buffer.vector(self._buffer.follow(position), item_bytes)

    def _field(self, slot: int, size: int) -> int | None:
        """Position of a field, or ``None`` if it is missing."""
        entry = 4 + 2 * slot
        if entry + 2 > self._fields_bytes:
            return None
        offset = self._buffer.integer("H", self._fields + entry)
        if offset == 0:
            return None
        position = self._position + offset
        # Not the size that the table gives itself: writers share lists of fields between tables
        # whose fields are of other sizes.
        if position + size > len(self._buffer.content):
            raise self._buffer.damaged(f"the table at byte {self._position} is cut off")
        return position
