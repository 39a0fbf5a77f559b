"""Where an inference spends its instructions: by layer and by function, in a user's own words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from edgekd.devices.microcontroller.counts.records import LAYER_PREFIX, Counts
from edgekd.devices.microcontroller.firmware.image import Image

_LAYER = re.compile(rf"{LAYER_PREFIX}(\d+)_(\w+)")
# What gcc appends to the name of a clone: edgekd_conv.constprop.0
_CLONE = re.compile(r"\.(constprop|isra|part|cold|lto_priv|\d)[.\w]*$")
_KERNEL_PREFIX = "edgekd_"
# They run between the layers.
_CALLERS = ("model_run", "edgekd_region", "edgekd_reset")
OUTSIDE = "between layers"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """One line of a profile.

    Attributes:
        name: ``3 conv_2d`` for a layer, the kernel's name for a function.
        instructions: of one run, the mean over the runs, rounded.
        share: of the whole region, 0 to 1.
    """

    name: str
    instructions: int
    share: float


@dataclass(frozen=True)
class Profile:
    """Instructions of one run.

    Attributes:
        layers: in the order of their numbers; what the layers call counts for them. The last one
            is what ran outside of all layers.
        functions: most instructions first; a function counts without what it calls.
    """

    layers: tuple[Line, ...]
    functions: tuple[Line, ...]


def profile(counts: Counts, image: Image) -> Profile:
    """Sum a count up by layer and by function.

    An instruction in the function of a layer counts for that layer, whatever layer began last;
    one in a kernel counts for the layer that began last.
    """
    by_layer: Counter[str] = Counter()
    by_function: Counter[str] = Counter()
    for layer, histogram in counts.layers.items():
        for address, executed in histogram.executed.items():
            symbol = image.at(address)
            name = symbol.name if symbol is not None else UNKNOWN
            by_function[function_name(name)] += executed
            by_layer[_layer_of(name, layer)] += executed
    return Profile(
        layers=_lines(by_layer, counts, sorted(by_layer, key=_layer_order)),
        functions=_lines(by_function, counts, [name for name, _ in by_function.most_common()]),
    )


def layer_name(symbol: str) -> str:
    """``3 conv_2d`` for ``model_layer_3_conv_2d``; other names stay as they are."""
    found = _LAYER.fullmatch(_CLONE.sub("", symbol))
    return f"{found[1]} {found[2]}" if found else symbol


def function_name(symbol: str) -> str:
    """A function's name as the source has it, without the library's prefix."""
    bare = _CLONE.sub("", symbol)
    return layer_name(bare).removeprefix(_KERNEL_PREFIX)


def _layer_of(function: str, began_last: str) -> str:
    if function.startswith(LAYER_PREFIX):
        return layer_name(function)
    if not began_last or function.startswith(_CALLERS):
        return OUTSIDE
    return layer_name(began_last)


def _layer_order(name: str) -> tuple[bool, int, str]:
    number = name.split(" ")[0]
    return (not number.isdigit(), int(number) if number.isdigit() else 0, name)


def _lines(sums: Counter[str], counts: Counts, order: list[str]) -> tuple[Line, ...]:
    whole = sum(counts.runs)
    return tuple(
        Line(name, round(sums[name] / len(counts.runs)), sums[name] / whole) for name in order
    )
