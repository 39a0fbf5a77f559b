"""Damaged and forged model files: ends missing, bits, sizes, offsets and scales replaced."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tests.export.c.one_operator import ONE_OPERATOR, small_network
from tests.export.c.random_networks import BLOCKS, RandomNetwork

_WORDS = (
    *(0, 1, 2, 3, 4, 8, 64, 127, 128, 255, 2**15, 2**16 - 1, 2**16, 2**24, 2**26),
    *(2**30, 2**31 - 1, 2**31, 2**32 - 128, 2**32 - 4, 2**32 - 1),
)
_FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 1e-45, 2.0**-126, 1e-10, 2.0**-20, 2.0**20, 1e10, 3e38),
    *(float("inf"), float("nan")),
)


def _originals() -> list[bytes]:
    single = [build() for build in (*ONE_OPERATOR.values(), small_network)]
    return [model.build(outputs) for model, outputs in single] + [
        RandomNetwork(seed).build([block]) for seed, block in enumerate(BLOCKS)
    ]


_ORIGINALS = _originals()


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A good file with a few of these, or with its end missing."""
    content = bytearray(draw(st.sampled_from(_ORIGINALS)))
    if draw(st.integers(0, 9)) == 0:
        return bytes(content[: draw(st.integers(0, len(content)))])
    # Words that hold small numbers are sizes, indices, options; those that are floats are scales.
    words = [word for (word,) in struct.iter_unpack("<I", content[: len(content) // 4 * 4])]
    floats = [value for (value,) in struct.iter_unpack("<f", content[: len(content) // 4 * 4])]
    small = [at for at, word in enumerate(words) if 0 < word < 300]
    real = [at for at, value in enumerate(floats) if 1e-6 < abs(value) < 10]
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["bit", "word", "near", "near", "float", "offset"]))
        if kind == "bit":
            at = draw(st.integers(0, 8 * len(content) - 1))
            content[at // 8] ^= 1 << at % 8
            continue
        if kind == "float":
            at, new = draw(st.sampled_from(real)), struct.pack("<f", draw(st.sampled_from(_FLOATS)))
        elif kind == "near":
            at = draw(st.sampled_from(small))
            new = struct.pack("<I", (words[at] + draw(st.integers(-3, 3))) % 2**32)
        elif kind == "word":
            at, new = draw(st.sampled_from(small)), struct.pack("<I", draw(st.sampled_from(_WORDS)))
        else:
            at = draw(st.integers(0, len(words) - 1))
            new = struct.pack("<I", draw(st.integers(0, len(content))))
        content[4 * at : 4 * at + 4] = new
    return bytes(content)
