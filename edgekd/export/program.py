"""Reads a ``.pt2`` file (``torch.export.save``) from a stranger.

``torch.export.load`` unpickles what it finds where it cannot help it, evaluates symbolic sizes as
Python text, and resolves any name below ``torch`` as an operator. So the archive is checked first:
only plain tensors, plain symbols and operators of known namespaces pass.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, MissingPackage
from edgekd.export.contract import InputType

if TYPE_CHECKING:
    import torch

MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_JSON_BYTES = 256 * 1024**2

# Everything else in an archive is a pickle, a compiled library, or unknown.
_ENTRY = re.compile(
    r"archive_(format|version)|byteorder|version|\.data/(version|serialization_id)|\.format_version"
    r"|models/\w+\.json|data/(weights|constants)/(\w+_config\.json|(weight|tensor)_\d+)"
    r"|data/sample_inputs/\w+\.pt|extra/[\w.]+"
)
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|quantized_decomposed|torchao|prims)\.\w+(\.\w+)?"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge)"
    r"|torch\.sym_\w+|math\.(ceil|floor)"
)
_SYMBOL = re.compile(r"Symbol\('[a-z]\d+'(, (positive|integer|nonnegative|zero)=(True|False))*\)")
_FUNCTION = re.compile(r"\b(Max|Min|Mod|FloorDiv|CeilDiv|Integer|Eq|Ne|oo)\b")
_ARITHMETIC = re.compile(r"[\d\s+\-*/(),.<>=]*")
_REFUSED = "would run code of its own when loaded"
_MEND = "export it again with plain tensors and aten operators only"


def load_program(path: Path) -> torch.export.ExportedProgram:
    """Load an exported program after checking that loading it runs nothing.

    Raises:
        BadInput: not a ``.pt2`` archive, too large, or it holds pickles or foreign operators.
        MissingPackage: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPackage(
            "torch is not installed", mend='pip install "edgekd[train]"'
        ) from error
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            checked = _checked_copy(archive, path)
        program: torch.export.ExportedProgram = torch.export.load(checked)
    except BadInput:
        raise
    except Exception as error:  # A damaged archive fails in many ways.
        raise BadInput(
            "is not a .pt2 file that torch.export can load", where=str(path), mend=str(error)[:200]
        ) from error
    return program


def sample_shape_of(program: torch.export.ExportedProgram, path: Path) -> tuple[int, ...]:
    """Shape of its one input without the batch.

    Raises:
        BadInput: it takes several inputs, something other than a tensor, or sizes are symbolic
            beyond the batch.
    """
    names = program.graph_signature.user_inputs
    values = [node.meta.get("val") for node in program.graph.nodes if node.name in names]
    if len(values) != 1 or not hasattr(values[0], "shape"):
        raise BadInput(
            f"takes {len(names)} inputs", where=str(path), mend="export a model of one tensor"
        )
    shape = tuple(values[0].shape)
    if not all(isinstance(size, int) for size in shape[1:]) or len(shape) < 2:
        raise BadInput(
            f"its input has shape {list(map(str, shape))}",
            where=str(path),
            mend="export it with fixed sizes behind the batch",
        )
    return tuple(int(size) for size in shape[1:])


def input_type_of(program: torch.export.ExportedProgram, path: Path) -> InputType:
    """Type of its one input, whose shape :func:`sample_shape_of` tells.

    Raises:
        BadInput: it takes neither float32 nor int32.
    """
    import torch

    [name] = program.graph_signature.user_inputs
    [dtype] = [node.meta["val"].dtype for node in program.graph.nodes if node.name == name]
    known: dict[Any, InputType] = {torch.float32: "float32", torch.int32: "int32"}
    if dtype not in known:
        raise BadInput(
            f"its input is {str(dtype).removeprefix('torch.')}",
            where=str(path),
            mend="export it with a float32 input, or an int32 one for numbers of tokens",
        )
    return known[dtype]


def _checked_copy(archive: zipfile.ZipFile, path: Path) -> io.BytesIO:
    """The archive packed anew from entries that were checked: what torch reads is what was seen."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise BadInput("unpacks to more than 8 GiB", where=str(path))
    if not any(re.search(r"^[^/]+/models/\w+\.json$", entry.filename) for entry in entries):
        raise BadInput("is not a .pt2 archive of torch 2.9 or later", where=str(path), mend=_MEND)
    if len({entry.filename for entry in entries}) != len(entries):
        raise BadInput("holds an entry twice", where=str(path), mend=_MEND)
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as packed:
        for entry in entries:
            content = archive.read(entry)
            _check_entry(entry.filename.partition("/")[2], content, path)
            packed.writestr(entry.filename, content)
    copy.seek(0)
    return copy


def _check_entry(name: str, content: bytes, path: Path) -> None:
    import torch

    if not _ENTRY.fullmatch(name):
        raise BadInput(f"{_REFUSED}: {name[:80]!r}", where=str(path), mend=_MEND)
    if name.startswith("data/sample_inputs/"):
        torch.load(io.BytesIO(content), weights_only=True)
    elif name.endswith(".json"):
        if len(content) > MAX_JSON_BYTES:
            raise BadInput(f"{name} is too large", where=str(path))
        _check_json(json.loads(content), name, path)


def _check_json(value: Any, name: str, path: Path) -> None:
    for key, text in _leaves(value):
        refused = (
            (key == "use_pickle" and text is not False)
            or (key == "target" and not _OPERATOR.fullmatch(str(text)))
            or (key == "expr_str" and not _is_plain_expression(str(text)))
        )
        if refused:
            what = f"{_REFUSED}: {key} {str(text)[:80]!r}"
            raise BadInput(what, where=f"{path}: {name}", mend=_MEND)


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key whose value is no container, at any depth."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending += current
        elif isinstance(current, dict):
            for key, inner in current.items():
                if isinstance(inner, dict | list):
                    pending.append(inner)
                else:
                    yield key, inner


def _is_plain_expression(text: str) -> bool:
    without_names = _FUNCTION.sub("", _SYMBOL.sub("0", text))
    return _ARITHMETIC.fullmatch(without_names) is not None
