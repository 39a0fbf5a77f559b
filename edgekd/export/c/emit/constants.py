"""Arrays and structs in flash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgekd.export.c.graph import Array
from edgekd.export.c.step import Constant, Parameters

_C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "float32": "float",
}
_LINE = 100


@dataclass
class Constants:
    """All constants of a library. Equal ones are stored once.

    Attributes:
        texts: C definitions in order.
    """

    texts: list[str] = field(default_factory=list)
    _symbols: dict[tuple[str, str, bytes], str] = field(default_factory=dict)

    def array(self, constant: Constant) -> str:
        """Define an array, unless it is there already; its symbol."""
        values = np.ascontiguousarray(constant.values)
        key = (constant.role, values.dtype.name, values.tobytes())
        if key in self._symbols:
            return self._symbols[key]
        symbol = f"model_{constant.role}_{len(self._symbols)}"
        self._symbols[key] = symbol
        c_type = _C_TYPES[values.dtype.name]
        # Kernels read weights by words.
        aligned = "__attribute__((aligned(4))) " if values.dtype.itemsize < 4 else ""
        head = f"static const {c_type} {aligned}{symbol}[{values.size}] = {{\n"
        self.texts.append(head + "\n".join(_lines(values)) + "\n};\n")
        return symbol

    def structure(self, parameters: Parameters, symbols: Mapping[str, str]) -> str:
        """Define a struct of sizes; its address.

        Args:
            parameters: what is in it.
            symbols: of the constants that its fields name.
        """
        members = "".join(
            f"    .{name} = {symbols[value] if isinstance(value, str) else _number(value)},\n"
            for name, value in parameters.fields.items()
        )
        key = ("parameters", parameters.structure, members.encode())
        if key not in self._symbols:
            symbol = f"model_parameters_{len(self._symbols)}"
            self._symbols[key] = symbol
            self.texts.append(
                f"static const struct {parameters.structure} {symbol} = {{\n{members}}};\n"
            )
        return f"&{self._symbols[key]}"


def _lines(values: Array) -> Iterator[str]:
    line = "   "
    for value in values.reshape(-1):
        text = f" {_number(value.item())},"
        if len(line) + len(text) > _LINE:
            yield line
            line = "   "
        line += text
    yield line


def _number(value: int | float) -> str:
    if isinstance(value, float):
        return f"{value.hex()}f"
    # The least 64-bit and 32-bit numbers have no literal of their own in C.
    if value in (-(2**31), -(2**63)):
        return f"({value + 1} - 1)"
    return str(value)
