"""Reads the graph that XNNPACK's delegate carries inside a ``.pte`` file.

Format: ``executorch/backends/xnnpack/serialization/schema.fbs``, behind a header that says where
the flatbuffer lies. executorch has no reader of it; flatc, which ships beside the schema, does.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput

_SECONDS = 30.0
_DATATYPE = "xnn_datatype_"
_FLOATS = {"fp32", "fp16", "bf16", "pfp32"}
# Nodes that move or convert values and compute nothing.
_MOVES = {
    "XNNConvert",
    "XNNCopy",
    "XNNStaticReshape",
    "XNNStaticTranspose",
    "XNNStaticSlice",
    "XNNStaticConstantPad",
    *(f"XNNConcatenate{inputs}" for inputs in range(2, 6)),
}


@dataclass(frozen=True)
class XnnpackNode:
    """One operator.

    Attributes:
        kind: its name in the schema.
        quantized: one of its values is quantized.
        computes: it is more than a move or a conversion.
        weights: the type of its weights without prefix, such as ``fp32``; ``None`` without any.
    """

    kind: str
    quantized: bool
    computes: bool
    weights: str | None


def read_xnnpack_graph(blob: bytes) -> list[XnnpackNode]:
    """The operators of a delegate, in order.

    Raises:
        BadInput: the blob is damaged.
    """
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader

    try:
        header = XNNHeader.from_bytes(blob[: XNNHeader.EXPECTED_LENGTH])
        start = header.flatbuffer_offset
        graph = _as_json(blob[start : start + header.flatbuffer_size])
        types = dict(map(_type_of, graph["xvalues"]))
        return [_node(entry, types) for entry in graph["xnodes"]]
    except (ValueError, KeyError, TypeError, AttributeError, subprocess.SubprocessError) as error:
        raise BadInput("has a damaged XNNPACK delegate") from error


def _as_json(flatbuffer: bytes) -> Any:
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import _get_schema_bytes
    from executorch.exir._serialize._flatbuffer import _get_flatc_path

    with tempfile.TemporaryDirectory(prefix="edgekd-xnnpack-") as name:
        folder = Path(name)
        (folder / "schema.fbs").write_bytes(_get_schema_bytes())
        (folder / "graph.bin").write_bytes(flatbuffer)
        command = [_get_flatc_path(), "--json", "--defaults-json", "--strict-json"]
        subprocess.run(
            [*command, "schema.fbs", "--", "graph.bin"],
            cwd=folder,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        text = (folder / "graph.json").read_text(encoding="utf-8")
    # flatc writes the open ends of a clamp as "inf"; JSON for Python wants "Infinity".
    return json.loads(re.sub(r":\s*(-?)inf\b", r": \1Infinity", text))


def _type_of(entry: dict[str, Any]) -> tuple[int, str]:
    """Identifier and type of a value."""
    value = entry["xvalue_union"]
    tensor = value.get("tensor_value", value)
    return tensor["id_out"], tensor["datatype"].removeprefix(_DATATYPE)


def _node(entry: dict[str, Any], types: dict[int, str]) -> XnnpackNode:
    kind, fields = entry["xnode_union_type"], entry["xnode_union"]
    used = [
        types[value] for name, value in fields.items() if name.endswith("_id") and value in types
    ]
    return XnnpackNode(
        kind=kind,
        quantized=not _FLOATS.issuperset(used),
        computes=kind not in _MOVES,
        weights=types[fields["filter_id"]] if "filter_id" in fields else None,
    )
