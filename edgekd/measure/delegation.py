"""Which operators of a LiteRT graph a delegate took."""

from __future__ import annotations

from collections.abc import Collection, Sequence

# Indices of the tensors that a node reads, and of those that it writes.
Edges = tuple[Collection[int], Collection[int]]


def taken_by_delegates(delegates: Sequence[Edges], operators: Sequence[Edges]) -> set[int]:
    """Indices of the operators inside a delegate: those between its outputs and its inputs.

    LiteRT lists a delegate as one more node, and leaves the operators that it took in the list.
    """
    producers = {output: at for at, (_, outputs) in enumerate(operators) for output in outputs}
    taken: set[int] = set()
    for inputs, outputs in delegates:
        edge, wanted = set(inputs), list(outputs)
        while wanted:
            producer = producers.get(wanted.pop())
            if producer is not None and producer not in taken:
                taken.add(producer)
                wanted.extend(set(operators[producer][0]) - edge)
    return taken
