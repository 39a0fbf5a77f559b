"""Small ``.pte`` files that name the same things over and over are refused, not followed."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import pytest

from edgekd.errors import BadInput
from edgekd.export import find_inspector
from edgekd.export.executorch_preflight import inspect_executorch

_DELEGATE_CALL, _MOVE_CALL = 2, 3
_ADD = 1
_TOO_OFTEN = "names the same tables too often"


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Tables and vectors without generated classes; offsets may be named any number of times."""

    def table(self, offsets: dict[int, int], numbers: dict[int, tuple[str, int]]) -> int:
        """A table by its slots: offsets, and scalars with their types."""
        self.StartObject(8)
        for slot, offset in offsets.items():
            self.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, (kind, value) in numbers.items():
            getattr(self, f"Prepend{kind}Slot")(slot, value, 0)
        return int(self.EndObject())

    def vector(self, offsets: Sequence[int]) -> int:
        self.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.PrependUOffsetTRelative(offset)
        return int(self.EndVector())

    def call(self, kind: int) -> int:
        """An instruction with the first operator or delegate."""
        return self.table({1: self.table({}, {})}, {0: ("Uint8", kind)})

    def program(
        self,
        instructions: Sequence[int],
        chains: int,
        data: bytes,
        delegates: int = 1,
        backend: str = "XnnpackBackend",
    ) -> bytes:
        """A program whose chains are all one, and whose delegates are all one."""
        chain = self.table({2: self.vector(instructions)}, {})
        inline = self.table({0: self.CreateByteVector(data)}, {})
        delegate = self.table({0: self.CreateString(backend), 1: self.table({}, {})}, {})
        plan = self.table(
            {
                0: self.CreateString("forward"),
                5: self.vector([chain] * chains),
                7: self.vector([delegate] * delegates),
            },
            {},
        )
        self.Finish(self.table({1: self.vector([plan]), 3: self.vector([inline])}, {}), b"ET12")
        return bytes(self.Output())


def _xnnpack(nodes: int) -> bytes:
    """A delegate whose nodes are all one addition."""
    builder = _Builder(64)
    node = builder.table({1: builder.table({}, {})}, {0: ("Uint8", _ADD)})
    return _behind_header(b"XH00", builder, [node] * nodes)


def _vulkan(nodes: int) -> bytes:
    """A delegate whose nodes are all one call."""
    builder = _Builder(64)
    node = builder.table({1: builder.CreateString("aten.add.Tensor")}, {})
    return _behind_header(b"VH00", builder, [node] * nodes)


def _behind_header(magic: bytes, builder: _Builder, nodes: Sequence[int]) -> bytes:
    builder.Finish(builder.table({1: builder.vector(nodes)}, {}), b"XN00")
    graph = bytes(builder.Output())
    return struct.pack("<4x4sHII", magic, 30, 30, len(graph)) + bytes(12) + graph


def _written(content: bytes, folder: Path) -> Path:
    path = folder / "model.pte"
    path.write_bytes(content)
    return path


def test_the_files_made_here_are_read_while_they_are_small(tmp_path: Path) -> None:
    builder = _Builder(64)
    content = builder.program([builder.call(_DELEGATE_CALL)] * 2, 3, _xnnpack(nodes=4))
    _, _, preflight = inspect_executorch(_written(content, tmp_path))
    assert preflight.operators == {"XNNAdd": 2 * 3 * 4}


def test_a_chain_that_is_named_by_nested_vectors_is_refused(tmp_path: Path) -> None:
    builder = _Builder(64)
    content = builder.program([builder.call(_MOVE_CALL)] * 2000, 2000, b"")
    assert len(content) < 20_000
    with pytest.raises(BadInput, match=_TOO_OFTEN):
        inspect_executorch(_written(content, tmp_path))


@pytest.mark.parametrize(
    ("backend", "data"), [("XnnpackBackend", _xnnpack(1000)), ("VulkanBackend", _vulkan(1000))]
)
def test_a_delegate_that_is_called_over_and_over_is_refused(
    tmp_path: Path, backend: str, data: bytes
) -> None:
    builder = _Builder(64)
    calls = [builder.call(_DELEGATE_CALL)] * 1000
    content = builder.program(calls, 1, data, backend=backend)
    with pytest.raises(BadInput, match=_TOO_OFTEN):
        find_inspector("executorch")(_written(content, tmp_path))


def test_the_data_of_a_delegate_is_not_copied_for_each_that_names_it(tmp_path: Path) -> None:
    builder = _Builder(64)
    path = _written(builder.program([], 1, bytes(1_000_000), delegates=500), tmp_path)
    tracemalloc.start()
    try:
        inspect_executorch(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5 * path.stat().st_size


@pytest.mark.parametrize("value", [2**31 - 1, 2**32 - 1])
def test_damaged_lengths_are_one_line(tmp_path: Path, value: int) -> None:
    builder = _Builder(64)
    content = builder.program([builder.call(_DELEGATE_CALL)], 1, _xnnpack(nodes=2))
    path = tmp_path / "model.pte"
    refusals = []
    for position in range(8, len(content) - 3, 4):
        damaged = content[:position] + struct.pack("<I", value) + content[position + 4 :]
        path.write_bytes(damaged)
        try:
            inspect_executorch(path)
        except BadInput as error:
            refusals.append(error)
    assert {refusal.where for refusal in refusals} == {str(path)}
    assert not any("\n" in str(refusal) for refusal in refusals)
