"""Which operators a delegate or a provider really took in the guest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from pydantic import Field, ValidationError

from edgekd.errors import RunFailed
from edgekd.measure.delegation import Edges, taken_by_delegates
from edgekd.records import Record

_DELEGATE = "DELEGATE"
XNNPACK, BUILT_IN = "XNNPACK", "LiteRT's own kernels"


class Node(Record):
    """A node of LiteRT's graph, with indices of tensors; delegates are nodes themselves."""

    name: str = Field(max_length=4096)
    inputs: list[int]
    outputs: list[int]


class _Answer(Record):
    """LiteRT tells nodes, ONNX Runtime kernels of each provider."""

    nodes: list[Node] = Field(default_factory=list)
    ran: dict[str, dict[str, int]] = Field(default_factory=dict)


def parse_operators(reply: bytes) -> dict[str, dict[str, int]]:
    """Who ran what: delegate or provider to operator to count.

    Args:
        reply: to the request ``OPERATORS``.

    Raises:
        RunFailed: it is not one.
    """
    try:
        answer = _Answer.model_validate(json.loads(reply))
    except (ValueError, RecursionError, ValidationError) as error:
        raise RunFailed("what the guest says of its operators is damaged") from error
    if not answer.nodes:
        return {who: dict(sorted(counts.items())) for who, counts in sorted(answer.ran.items())}
    operators = [node for node in answer.nodes if node.name != _DELEGATE]
    delegates = [node for node in answer.nodes if node.name == _DELEGATE]
    taken = taken_by_delegates(*(_edges(nodes) for nodes in (delegates, operators)))
    ran = {
        XNNPACK: Counter(operators[at].name for at in sorted(taken)),
        BUILT_IN: Counter(node.name for at, node in enumerate(operators) if at not in taken),
    }
    return {who: dict(sorted(counts.items())) for who, counts in ran.items() if counts}


def _edges(nodes: Sequence[Node]) -> list[Edges]:
    return [(node.inputs, node.outputs) for node in nodes]
