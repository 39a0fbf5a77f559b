"""Writes what a user of TensorFlow Lite Micro needs: model data, operator resolver, arena size."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import BadInput
from edgekd.export.probe import probe
from edgekd.export.tflite_preflight import inspect_tflite
from edgekd.export.tflm_operators import RESOLVER_METHODS
from edgekd.files import write_text
from edgekd.third_party import versions

_PACKAGE = "tflite-micro"
_LARGEST_MODEL = 64 * 1024 * 1024
_BYTES_A_LINE = 16

_DATA_HEADER = """\
/* The model as a .tflite file in memory, for tflite::GetModel(). */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

constexpr unsigned int model_data_size = {size}u;
extern const unsigned char model_data[model_data_size];

#endif
"""

_DATA = """\
#include "model_data.h"

/* TensorFlow Lite Micro reads weights in place: their alignment in the file must hold in memory. */
alignas(16) const unsigned char model_data[model_data_size] = {{
{rows}
}};
"""

_RESOLVER = """\
/* The operators of this model, no more: the linker leaves all other kernels out. */
#ifndef MODEL_RESOLVER_H
#define MODEL_RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

{arena}

/* The class moved from tflite to tflite::micro in 2026; this finds it in either. */
namespace tflite {{
namespace micro {{}}
}}  // namespace tflite
namespace model_resolver {{
using namespace tflite;
using namespace tflite::micro;
using Resolver = MicroMutableOpResolver<{count}>;
}}  // namespace model_resolver

/* False if an operator cannot be added; every status but kTfLiteOk is other than 0. */
inline bool AddModelOperators(model_resolver::Resolver& resolver) {{
  bool added = true;
{calls}
  return added;
}}

#endif
"""

_ARENA = """\
/* Bytes of the tensor arena that {tool} reports for this model, on a
   64-bit host with portable kernels. On a board it differs: pointers take half as much, but
   optimized kernels (CMSIS-NN, above all with Helium) may need more scratch. Begin with more, and
   lower it to MicroInterpreter::arena_used_bytes(). */
#define MODEL_TENSOR_ARENA_BYTES {arena_bytes}"""

_NO_ARENA = """\
/* The size of the tensor arena is unknown: {reason}.
   Begin with plenty, and lower it to MicroInterpreter::arena_used_bytes(). */"""


@dataclass(frozen=True)
class TflmExport:
    """What was written.

    Attributes:
        data_header: ``model_data.h``, declares the array.
        data: ``model_data.cc``, the model as an array aligned to 16 bytes.
        resolver: ``model_resolver.h``, adds exactly the model's operators.
        operators: names in the TFLite schema, in the order in which they are added.
        arena_bytes: what the tflite-micro interpreter reports, on a 64-bit host with portable
            kernels; ``None`` where it is unknown.
        arena_reason: why it is unknown.
        tools: name and version of the interpreter that was asked.
    """

    data_header: Path
    data: Path
    resolver: Path
    operators: list[str]
    arena_bytes: int | None
    arena_reason: str
    tools: dict[str, str]


def write_tflm(model: Path, out: Path) -> TflmExport:
    """Write ``model_data.h``, ``model_data.cc`` and ``model_resolver.h`` into an existing folder.

    Raises:
        BadInput: it is not a TFLite file that LiteRT loads, holds an operator that TensorFlow Lite
            Micro has not, or is refused by its interpreter.
        MissingPackage: LiteRT is not installed.
        RunFailed: the folder cannot be written.
    """
    operators = list(inspect_tflite(model)[2].operators)
    _check_operators(operators, model)
    content = model.read_bytes()
    if len(content) > _LARGEST_MODEL:
        raise BadInput(f"{len(content)} bytes fit no microcontroller", where=str(model))
    arena_bytes, arena_reason = _arena(model)
    tools = versions(_PACKAGE) if arena_bytes is not None else {}
    export = TflmExport(
        data_header=out / "model_data.h",
        data=out / "model_data.cc",
        resolver=out / "model_resolver.h",
        operators=operators,
        arena_bytes=arena_bytes,
        arena_reason=arena_reason,
        tools=tools,
    )
    write_text(export.data_header, _DATA_HEADER.format(size=len(content)))
    write_text(export.data, _DATA.format(rows=_rows(content)))
    write_text(export.resolver, _resolver(export))
    return export


def _check_operators(operators: list[str], model: Path) -> None:
    unknown = [name for name in operators if name not in RESOLVER_METHODS]
    if unknown:
        raise BadInput(
            f"TensorFlow Lite Micro has no operator {', '.join(unknown)}",
            where=str(model),
            mend="replace it in the model, or write a custom kernel",
        )


def _arena(model: Path) -> tuple[int | None, str]:
    """Bytes of the arena, or why they are unknown."""
    if find_spec("tflite_micro") is None:
        return None, 'tflite-micro is not installed (pip install "edgekd[tflm]")'
    return int(probe("edgekd.export.tflm_probe", model)["arena_bytes"]), ""


def _rows(content: bytes) -> str:
    rows = [content[at : at + _BYTES_A_LINE] for at in range(0, len(content), _BYTES_A_LINE)]
    return "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)


def _resolver(export: TflmExport) -> str:
    if export.arena_bytes is None:
        arena = _NO_ARENA.format(reason=export.arena_reason)
    else:
        [(name, version)] = export.tools.items()
        arena = _ARENA.format(tool=f"{name} {version}", arena_bytes=export.arena_bytes)
    calls = [
        f"  added = resolver.Add{RESOLVER_METHODS[name]}() == 0 && added;"
        for name in export.operators
    ]
    return _RESOLVER.format(arena=arena, count=len(export.operators), calls="\n".join(calls))
