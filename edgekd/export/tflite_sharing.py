"""Refuses a TFLite file whose tables name one another over and over.

A reader that unpacks every table, as flatbuffers' object API does, makes gigabytes of a few such
kilobytes. Format: TFLite's ``schema.fbs``; slots are the fields in their order there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekd.errors import BadInput
from edgekd.export.flatbuffer import FlatBuffer, Table

_IDENTIFIER = b"TFL3"
# An honest table takes 16 bytes or more, with what names it. Small files have some to spare.
_BYTES_PER_STEP = 16
_SPARE_STEPS = 100_000
# Scalars and text are copied at once, not one by one.
_ITEMS_PER_STEP = 64


@dataclass(frozen=True)
class _Layout:
    """What a table holds, by slots: vectors of tables, tables, vectors of scalars or text."""

    tables: Mapping[int, _Layout] = field(default_factory=dict)
    single: Mapping[int, _Layout] = field(default_factory=dict)
    vectors: tuple[int, ...] = ()


_INDICES = _Layout(vectors=(0,))
_DIMENSION = _Layout(single={3: _INDICES, 5: _INDICES})
_TENSOR = _Layout(
    tables={9: _Layout(vectors=(0,))},
    single={
        4: _Layout(vectors=(0, 1, 2, 3)),
        6: _Layout(tables={2: _DIMENSION}, vectors=(0, 1)),
    },
    vectors=(0, 3, 7),
)
# What is in the options of an operator is not followed: they hold no vectors of tables.
_OPERATOR = _Layout(single={4: _Layout(), 12: _Layout()}, vectors=(1, 2, 5, 7, 8))
_NAMED = _Layout(vectors=(0,))
_MODEL = _Layout(
    tables={
        1: _Layout(vectors=(1,)),
        2: _Layout(tables={0: _TENSOR, 3: _OPERATOR}, vectors=(1, 2, 4)),
        4: _Layout(vectors=(0,)),
        6: _NAMED,
        7: _Layout(tables={0: _NAMED, 1: _NAMED}, vectors=(2,)),
        8: _NAMED,
        9: _Layout(),
    },
    vectors=(3, 5),
)


def check_sharing(content: bytes, where: str) -> None:
    """Refuse what would grow far beyond the size of its file when it is unpacked.

    Args:
        content: of the whole file.
        where: its name, for messages.

    Raises:
        BadInput: it does, or the file is damaged or no TFLite file.
    """
    if content[4:8] != _IDENTIFIER:
        raise BadInput("is not a TFLite file (no TFL3 identifier)", where=where)
    steps = _SPARE_STEPS + len(content) // _BYTES_PER_STEP
    buffer = FlatBuffer(content, where, steps=steps)
    _visit(buffer, buffer.root(), _MODEL)


def _visit(buffer: FlatBuffer, table: Table, layout: _Layout) -> None:
    for slot in layout.vectors:
        _, length = table.extent(slot)
        buffer.charge(length // _ITEMS_PER_STEP)
    for slot, inner in layout.single.items():
        one = table.table(slot)
        if one is not None:
            _visit(buffer, one, inner)
    for slot, inner in layout.tables.items():
        for one in table.tables(slot):
            _visit(buffer, one, inner)
