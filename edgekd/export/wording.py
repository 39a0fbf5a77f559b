"""Parts of the words that describe a scheme, which the formats share."""

from __future__ import annotations

from edgekd.export.contract import ExportRequest

STATIC_TABLES = "int8 with one scale"
GROUPED_TABLES = "int4 in groups of 32, int8 by rows where they do not divide"


def input_and_output(request: ExportRequest, dtype: str = "float32") -> str:
    """Types of input and output, where ``dtype`` is that of all tensors but numbers of tokens."""
    if request.dtype == "int32":
        return f"int32 input, {dtype} output"
    return f"{dtype} input and output"


def tables(request: ExportRequest, how: str) -> str:
    """How embedding tables are stored; nothing for a model that takes no tokens."""
    return f", embedding tables {how}" if request.dtype == "int32" else ""
