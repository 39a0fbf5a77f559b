"""Sizes of memory as people write them."""

from __future__ import annotations

import re
from fractions import Fraction

from edgekd.errors import BadInput

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?:([KMG])i?B|B)?", re.IGNORECASE)
_FACTORS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def parse_bytes(text: str) -> int:
    """Bytes of a size such as ``64KB``, ``256 KiB``, ``1.5MB`` or ``65536``.

    KB means 1,024 bytes, just as KiB does, and MB 1,024 KB: data sheets of microcontrollers count
    their memory so. Upper and lower case are alike. What is left of a byte is dropped.

    Raises:
        BadInput: the text is no size, or less than one byte.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(Fraction(match[1]) * _FACTORS[(match[2] or "").upper()]) if match else 0
    if size < 1:
        raise BadInput(f"{text!r} is not a size in bytes", mend="write it like 64KB or 1.5MB")
    return size
