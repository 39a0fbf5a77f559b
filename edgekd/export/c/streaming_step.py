"""Makes one step of a streamed group: ordinary kernels, called on strips of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edgekd.export.c.graph import Graph, Operator, Tensor
from edgekd.export.c.lowering import lower
from edgekd.export.c.step import Constant, Flash, Instructions, Overlay, Parameters, Step
from edgekd.export.c.streaming import Call, Move, StreamedGroup, row_bytes

# The schedule holds their numbers in bytes.
_MOST_CASES = 256


@dataclass
class RowLowering:
    """Lowers layers on some of their rows, each kind of call once.

    Attributes:
        graph: that the layers are in.
        instructions: which kernels may be used.
        flash: as for :func:`edgekd.export.c.lowering.lower`.
    """

    graph: Graph
    instructions: Instructions
    flash: Flash
    _found: dict[tuple[int, Call], Step] = field(default_factory=dict)

    def step(self, operator: Operator, call: Call) -> Step:
        """The call as an operator on an image of as many rows as it reads."""
        form = replace(call, layer=0, advance=0)
        key = (operator.outputs[0], form)
        if key not in self._found:
            graph = self._on_rows(operator, call)
            [self._found[key]] = lower(graph, self.instructions, self.flash)
        return self._found[key]

    def _on_rows(self, operator: Operator, call: Call) -> Graph:
        changed = {
            tensor: _with_height(self.graph.tensors[tensor], rows)
            for tensors, rows in (
                (self.graph.activations(operator.inputs), call.height),
                (operator.outputs, call.rows),
            )
            for tensor in tensors
        }
        window = operator.window
        if window:
            padding = replace(window.padding, top=call.top, bottom=call.bottom)
            window = replace(window, padding=padding)
        part = replace(operator, window=window)
        return replace(self.graph.with_tensors(changed), operators=(part,))


def _with_height(tensor: Tensor, rows: int) -> Tensor:
    batch, _, *rest = tensor.shape
    return replace(tensor, shape=(batch, rows, *rest))


def lowered_calls(group: StreamedGroup, rows: RowLowering) -> dict[Call, Step] | None:
    """Each kind of call of a group, lowered.

    ``None`` where some rows need other kernels or another order of weights than the layer's whole
    image or its other rows: that would be in flash twice.
    """
    forms: dict[Call, Step] = {}
    weights: dict[int, list[bytes]] = {}
    for call in group.calls():
        step = group.steps[call.layer]
        form = forms[call] = rows.step(step.operator, call)
        found = [one.values.tobytes() for one in form.constants.values() if one.role == "weights"]
        if form.kernels != step.kernels or weights.setdefault(call.layer, found) != found:
            return None
    return forms if len(set(group.schedule)) <= _MOST_CASES else None


def outline(group: StreamedGroup, forms: Mapping[Call, Step]) -> Step:
    """The memory that a group needs, as a step without a call.

    Args:
        group: the layers.
        forms: their calls, lowered; what is missing counts nothing.
    """
    scratch = max((form.scratch_bytes for form in forms.values()), default=0)
    return Step(
        operator=group.steps[-1].operator,
        kernels=(),
        call="",
        reads=group.inputs,
        writes=(group.output,),
        scratch_bytes=group.strip_bytes + scratch,
        overlays={at: Overlay(distance) for at, distance in enumerate(group.distances)},
        macs=sum(step.macs for step in group.steps),
    )


def streamed_step(group: StreamedGroup, forms: Mapping[Call, Step], graph: Graph) -> Step:
    """One step that runs a group.

    Args:
        group: the layers.
        forms: each of their calls, lowered.
        graph: that the layers are in.
    """
    prefixes = {call: f"call{number}_" for number, call in enumerate(forms)}
    constants = {
        prefixes[call] + name: constant
        for call, form in forms.items()
        for name, constant in form.constants.items()
    }
    numbers = {one: number for number, one in enumerate(dict.fromkeys(group.schedule))}
    order = np.array([numbers[one] for one in group.schedule], np.uint8)
    names = ", ".join(step.operator.kind for step in group.steps)
    return replace(
        outline(group, forms),
        kernels=tuple(dict.fromkeys(name for form in forms.values() for name in form.kernels)),
        call=_Source(graph, group, forms, prefixes).text(),
        constants={**constants, "schedule": Constant("table", order)},
        parameters={
            prefixes[call] + name: _prefixed(parameters, prefixes[call])
            for call, form in forms.items()
            for name, parameters in form.parameters.items()
        },
        layers=len(group.steps),
        variant=f"{group.steps[-1].variant}; {len(group.steps)} layers by rows: {names}",
    )


def _prefixed(parameters: Parameters, prefix: str) -> Parameters:
    fields = {
        name: prefix + value if isinstance(value, str) else value
        for name, value in parameters.fields.items()
    }
    return Parameters(parameters.structure, fields)


@dataclass(frozen=True)
class _Source:
    """The C of a group: a loop over its schedule, each kind of call or move a case."""

    graph: Graph
    group: StreamedGroup
    forms: Mapping[Call, Step]
    prefixes: Mapping[Call, str]

    def text(self) -> str:
        lines = [
            "/* Rows between two layers lie in strips. A call appends some to its layer's strip;",
            "   a move takes away those that nothing reads any more. */",
            "uint8_t *const strips = (uint8_t *){scratch};",
            *self._pointers(),
            f"for (int32_t i = 0; i < {len(self.group.schedule)}; i++) {{",
            "    switch ({schedule}[i]) {",
        ]
        for number, one in enumerate(dict.fromkeys(self.group.schedule)):
            lines.append(f"    case {number}:")
            body = self._call(one) if isinstance(one, Call) else self._move(one)
            lines += [f"        {line}" for line in (*body, "break;")]
        return "\n".join([*lines, "    }", "}"])

    def _pointers(self) -> Iterator[str]:
        places = {tensor: f"{{input{at}}}" for at, tensor in enumerate(self.group.inputs)}
        for layer, offset in enumerate(self.group.offsets):
            places[self.group.steps[layer].writes[0]] = f"(int8_t *)strips + {offset}"
        places[self.group.output] = "{output0}"
        for layer, step in enumerate(self.group.steps):
            for position, tensor in enumerate(step.reads):
                yield f"const int8_t *{_input(layer, position)} = {places[tensor]};"
            yield f"int8_t *{_output(layer)} = {places[step.writes[0]]};"

    def _call(self, call: Call) -> Iterator[str]:
        step, form = self.group.steps[call.layer], self.forms[call]
        names = {
            f"input{position}": _input(call.layer, position)
            for position, _ in enumerate(form.reads)
        }
        names["output0"] = _output(call.layer)
        names["scratch"] = f"(void *)(strips + {self.group.strip_bytes})"
        prefix = self.prefixes[call]
        text = re.sub(
            r"\{(\w+)\}",
            lambda match: names.get(match[1]) or f"{{{prefix}{match[1]}}}",
            form.call,
        )
        yield from text.splitlines()
        for position, tensor in enumerate(form.reads):
            if call.advance:
                yield f"{_input(call.layer, position)} += {call.advance * self._row(tensor)};"
        yield f"{_output(call.layer)} += {call.rows * self._row(step.writes[0])};"

    def _move(self, move: Move) -> Iterator[str]:
        tensor = self.group.steps[move.layer].writes[0]
        to, dropped = self.group.offsets[move.layer], move.rows * self._row(tensor)
        end = _output(move.layer)
        yield (
            f"memmove(strips + {to}, strips + {to + dropped}, "
            f"(size_t)({end} - (int8_t *)strips - {to + dropped}));"
        )
        yield f"{end} -= {dropped};"
        for layer, step in enumerate(self.group.steps):
            for position, read in enumerate(step.reads):
                if read == tensor:
                    yield f"{_input(layer, position)} -= {dropped};"

    def _row(self, tensor: int) -> int:
        return row_bytes(self.graph, tensor)


def _input(layer: int, position: int) -> str:
    return f"input_{layer}_{position}"


def _output(layer: int) -> str:
    return f"output_{layer}"
