from __future__ import annotations

import json

import pytest

from edgekd.devices.arm64.placement import parse_operators
from edgekd.errors import RunFailed


def node(name: str, inputs: list[int], outputs: list[int]) -> dict[str, object]:
    return {"name": name, "inputs": inputs, "outputs": outputs}


def test_what_lies_between_the_edges_of_a_delegate_was_taken() -> None:
    nodes = [
        node("CONV_2D", [0, 1], [2]),
        node("RELU", [2], [3]),
        node("CUSTOM", [3], [4]),
        node("CONV_2D", [4, 5], [6]),
        node("DELEGATE", [0], [3]),
        node("DELEGATE", [4], [6]),
    ]
    assert parse_operators(json.dumps({"nodes": nodes}).encode()) == {
        "XNNPACK": {"CONV_2D": 2, "RELU": 1},
        "LiteRT's own kernels": {"CUSTOM": 1},
    }


def test_a_graph_without_a_delegate_runs_in_the_runtime() -> None:
    reply = json.dumps({"nodes": [node("ADD", [0, 1], [2])]}).encode()
    assert parse_operators(reply) == {"LiteRT's own kernels": {"ADD": 1}}


def test_providers_are_given_as_they_are_told() -> None:
    ran = {"CPUExecutionProvider": {"QLinearConv": 2}}
    assert parse_operators(json.dumps({"ran": ran}).encode()) == ran


@pytest.mark.parametrize(
    "reply", [b"", b"[]", b'{"nodes": [{}]}', b'{"ran": {"a": "b"}}', b"[" * 9999]
)
def test_a_damaged_answer_is_refused(reply: bytes) -> None:
    with pytest.raises(RunFailed, match="damaged"):
        parse_operators(reply)
