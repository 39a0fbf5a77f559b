"""Operators of a TFLite file: which, on which tensors, with what options, and whether right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.c.graph import ABSENT, Operator, Tensor
from edgekd.export.c.reading.node import Node
from edgekd.export.c.reading.rules import MENDS, RULES, Rule
from edgekd.export.c.reading.schema import (
    ACTIVATIONS,
    MIRROR_MODES,
    OPERATORS,
    OPTIONS,
    PADDINGS,
    Field,
)
from edgekd.export.c.reading.tensors import TensorReader
from edgekd.export.c.reading.windows import WINDOW_OPTIONS
from edgekd.export.flatbuffer import FlatBuffer, IntegerCode, Table

# What the numbers of an enumeration stand for, by the name of the option.
_NAMES = {"activation": ACTIVATIONS, "mode": MIRROR_MODES, "padding": PADDINGS}
# Axes or sizes: no tensor has as many dimensions.
_LONGEST_OPTION = 64
_CUSTOM = "CUSTOM"


class OperatorReader:
    """Reads the operators of one subgraph.

    Args:
        buffer: the file.
        codes: the model's operator codes.
        tensors: the subgraph's.
    """

    def __init__(self, buffer: FlatBuffer, codes: list[Table], tensors: TensorReader) -> None:
        self._buffer = buffer
        self._tensors = tensors
        self._codes = [(_kind(code, buffer), code.text(1)) for code in codes]

    def read(self, table: Table, number: int) -> Operator:
        """The operator of a table.

        Args:
            table: of the operator.
            number: its position in the file, for messages.

        Raises:
            BadInput: it is malformed, not supported, or not full-integer.
        """
        code = table.integer(0, "I")
        if code >= len(self._codes):
            raise self._buffer.damaged(f"operator {number} has the code {code}, which is missing")
        kind, custom = self._codes[code]
        inputs, outputs = table.integers(1, "i"), table.integers(2, "i")
        operator = Operator(kind, inputs, outputs, self._place(number, custom or kind, outputs))
        rule = RULES.get(kind)
        if rule is None:
            raise self._unknown(operator, custom)
        self._check_count(operator, rule)
        given = {index for index in inputs if index != ABSENT}
        tensors = {index: self._tensors[index] for index in (*given, *outputs)}
        return self._checked(self._with_options(operator, table), tensors, rule)

    def _checked(self, operator: Operator, tensors: dict[int, Tensor], rule: Rule) -> Operator:
        node = Node(operator, tensors, self._buffer.where)
        if rule.window is not None:
            options = {k: v for k, v in operator.options.items() if k not in WINDOW_OPTIONS}
            operator = replace(operator, window=rule.window(node), options=options)
            node = replace(node, operator=operator)
        rule.check(node)
        if operator.activation != "NONE":
            node.check_activation()
        return operator

    def _place(self, number: int, kind: str, outputs: tuple[int, ...]) -> str:
        name = self._tensors.name(outputs[0]) if outputs else ""
        return f'operator {number} ({kind}, "{name}")'

    def _unknown(self, operator: Operator, custom: str) -> BadInput:
        kind = operator.kind
        mend = MENDS.get(kind, "change the model so that it does without")
        what = "is not supported on microcontrollers"
        if kind == _CUSTOM:
            what = f"is the custom operator {custom!r}, which C cannot be generated for"
        return BadInput(f"{operator.place} {what}", where=self._buffer.where, mend=mend)

    def _check_count(self, operator: Operator, rule: Rule) -> None:
        least, most = rule.inputs
        given = operator.inputs
        if not least <= len(given) <= most or not 1 <= len(operator.outputs) <= rule.outputs:
            raise self._buffer.damaged(
                f"{operator.place} has {len(given)} inputs and {len(operator.outputs)} outputs"
            )
        absent = [position for position, index in enumerate(given) if index == ABSENT]
        if any(position != rule.optional for position in absent):
            raise self._buffer.damaged(f"{operator.place} lacks input {absent[0]}")

    def _with_options(self, operator: Operator, table: Table) -> Operator:
        layout = OPTIONS.get(operator.kind)
        if layout is None:
            return operator
        number, stored = table.integer(3, "B"), table.table(4)
        if stored is not None and number != layout.number:
            raise self._buffer.damaged(f"{operator.place} has options of another operator")
        options = {field.name: _value(stored, field) for field in layout.fields}
        if any(isinstance(v, tuple) and len(v) > _LONGEST_OPTION for v in options.values()):
            raise self._buffer.damaged(f"{operator.place} has a very long option")
        for name, names in _NAMES.items():
            if name in options:
                options[name] = self._named(operator, name, options[name], names)
        activation = options.pop("activation", "NONE")
        return replace(operator, activation=activation, options=options)

    def _named(self, operator: Operator, name: str, number: int, names: tuple[str, ...]) -> str:
        if not 0 <= number < len(names):
            what = f"{operator.place} has a kind of {name} that is not supported"
            mend = f"use one of {', '.join(names)}"
            raise BadInput(what, where=self._buffer.where, mend=mend)
        return names[number]


def _kind(code: Table, buffer: FlatBuffer) -> str:
    """Name of an operator code; the old field holds only the first 127 of them."""
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    if not 0 <= number < len(OPERATORS):
        raise buffer.damaged(f"it has the operator code {number}")
    return OPERATORS[number]


def _value(table: Table | None, field: Field) -> Any:
    if field.kind == "integers":
        return () if table is None else table.integers(field.slot, "i")
    if field.kind == "real":
        return 0.0 if table is None else table.real(field.slot)
    if field.kind == "flag":
        return False if table is None else table.flag(field.slot)
    code: IntegerCode = "b" if field.kind == "byte" else "i"
    return field.default if table is None else table.integer(field.slot, code, field.default)
