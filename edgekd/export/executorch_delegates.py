"""What the delegates of a ``.pte`` file for phones hold: Vulkan's graph, Core ML's program.

Formats: ``backends/vulkan/serialization/schema.fbs`` (slots are the fields in their order there)
behind the header of ``vulkan_graph_serialize.py``, and ``backends/apple/coreml/runtime/inmemoryfs``
of ExecuTorch. Nothing of a file is run or written elsewhere.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.contract import TensorSpec
from edgekd.export.coreml_program import read_ml_program
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.export.executorch_program import Delegate, read_method
from edgekd.export.flatbuffer import FlatBuffer, Table
from edgekd.records import Preflight

_METHOD = "forward"
_VULKAN_MAGIC, _VULKAN_MAGIC_AT = b"VH00", slice(4, 8)
# Four bytes of zeros, the magic, the header's length; then offset and size of the flatbuffer.
_VULKAN_HEADER = struct.Struct("<10xII")
_VULKAN_TENSOR, _VULKAN_LIST = 5, 9
_INT8 = 2
# Operators of Vulkan that compute nothing: they copy, convert or only rename.
_VULKAN_MOVES = {
    "et_vk::prepack",
    "aten::clone",
    "aten::view_copy",
    "aten::squeeze_copy",
    "aten::unsqueeze_copy",
    "aten::permute_copy",
    "aten::slice_copy",
    "aten::expand_copy",
    "aten::cat",
}
_TRANSPOSES = {"aten::permute_copy", "aten::transpose_copy", "aten::t_copy", "transpose"}
_MOST_INDEX_BYTES = 1 << 20
# Of JSON and protobuf, whose own parsers are quick: enough steps for a hundred megabytes.
_BYTES_PER_STEP = 256
_SPECIFICATION = "model.mlmodel"


@dataclass(frozen=True)
class DelegateContent:
    """The operators inside one delegate, and those that compute in float though others do not."""

    operators: Counter[str]
    float_fallbacks: Counter[str]


def inspect_program(path: Path) -> tuple[list[TensorSpec], list[TensorSpec], Preflight]:
    """Inputs, outputs and preflight of any ``.pte`` file, delegates for phones opened.

    Raises:
        BadInput: it is not an ExecuTorch program, is damaged, or cannot be fed.
        MissingPackage: coremltools is not installed and the file holds a Core ML model.
    """
    inputs, outputs, found = inspect_executorch(path)
    calls = read_method(path.read_bytes(), _METHOD, str(path)).calls
    opened = [
        (call.backend, _READERS[call.backend](call.data))
        for call in calls
        if isinstance(call, Delegate) and call.backend in _READERS
    ]
    return inputs, outputs, _with_contents(found, opened) if opened else found


def _with_contents(found: Preflight, opened: list[tuple[str, DelegateContent]]) -> Preflight:
    """A preflight in which each opened delegate counts as its operators."""
    backends = {backend for backend, _ in opened}
    inside = sum((content.operators for _, content in opened), Counter[str]())
    floats = sum((content.float_fallbacks for _, content in opened), Counter(found.float_fallbacks))
    kept = {name: n for name, n in found.operators.items() if name not in backends}
    update: dict[str, Any] = {
        "operators": dict(sorted((inside + Counter(kept)).items())),
        "delegated": found.delegated - len(opened) + inside.total(),
        "transposes": found.transposes + sum(inside[name] for name in _TRANSPOSES),
        "float_fallbacks": dict(sorted(floats.items())),
        "notes": [note for note in found.notes if not any(name in note for name in backends)],
    }
    return found.model_copy(update=update)


def _read_vulkan(data: FlatBuffer) -> DelegateContent:
    if len(data.content) < _VULKAN_HEADER.size or data.content[_VULKAN_MAGIC_AT] != _VULKAN_MAGIC:
        raise BadInput("has a damaged Vulkan delegate", where=data.where)
    start, length = _VULKAN_HEADER.unpack_from(data.content)
    graph = data.part(start, length, "Vulkan delegate").root()
    integers = _integer_values(graph.tables(2))
    operators: Counter[str] = Counter()
    floats: Counter[str] = Counter()
    for call in graph.tables(1):
        # "aten.linear.default", where the overload says nothing
        namespace, _, rest = call.text(1).partition(".")
        name = f"{namespace}::{rest.partition('.')[0]}"
        operators[name] += 1
        if integers.isdisjoint(call.integers(2, "i")) and name not in _VULKAN_MOVES:
            floats[name] += 1
    return DelegateContent(operators, floats if integers else Counter())


def _integer_values(values: list[Table]) -> set[int]:
    """Indices of the int8 tensors, and of the lists that hold one."""
    kinds = [(value.integer(0, "B"), value.table(1)) for value in values]
    found = {
        index
        for index, (kind, value) in enumerate(kinds)
        if kind == _VULKAN_TENSOR and value is not None and value.integer(0, "b") == _INT8
    }
    lists = {
        index
        for index, (kind, value) in enumerate(kinds)
        if kind == _VULKAN_LIST and value is not None and found & set(value.integers(0, "i"))
    }
    return found | lists


def _read_coreml(data: FlatBuffer) -> DelegateContent:
    program = read_ml_program(_specification(data), data.where)
    return DelegateContent(program.operators, program.float_fallbacks)


def _specification(data: FlatBuffer) -> bytes:
    """The model's specification in a small file system.

    That is the contents one after another, then an index in JSON, written backwards from the end.
    """
    content = data.content
    tail = bytes(content[: -_MOST_INDEX_BYTES - 1 : -1])
    data.charge(len(tail) // _BYTES_PER_STEP)
    try:
        index, _ = json.JSONDecoder().raw_decode(tail.decode("latin-1"))
        [region] = [one["dataRegion"] for one in index["nodes"] if one["name"] == _SPECIFICATION]
        start, size = region["offset"], region["size"]
        inside = type(start) is type(size) is int and 0 <= start <= start + size <= len(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput("has a damaged Core ML delegate", where=data.where) from error
    if not inside:
        raise BadInput("has a Core ML delegate that is cut off", where=data.where)
    data.charge(size // _BYTES_PER_STEP)
    return bytes(content[start : start + size])


_READERS: dict[str, Callable[[FlatBuffer], DelegateContent]] = {
    "VulkanBackend": _read_vulkan,
    "CoreMLBackend": _read_coreml,
}
