"""The two places of metadata in a TFLite file: a named buffer, and a zip behind the model.

Source: ``metadata_schema.fbs`` of tflite-support, and its ``MetadataPopulator``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.tflite_sharing import check_sharing
from edgekd.third_party import reason, require

_ENTRY = b"TFLITE_METADATA"
_PASSIVE = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024


def parse_model(path: Path) -> Any:
    """The file as a ``ModelT`` of today's schema, with all its weights in it.

    Raises:
        BadInput: the file cannot be read, is no TFLite file, is damaged, or would unpack to many
            times its size.
        MissingPackage: LiteRT is not installed.
    """
    require("tflite", "ai_edge_litert")
    from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray

    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    check_sharing(content, str(path))
    try:
        return read_model_from_bytearray(bytearray(content))
    # A damaged table raises whatever the step that reads past it raises.
    except Exception as error:
        raise BadInput(f"is a damaged TFLite file: {reason(error)}", where=str(path)) from error


def has_metadata(path: Path, model: Any) -> bool:
    """Whether a parsed model names metadata, or its file has files packed behind it."""
    return zipfile.is_zipfile(path) or any(entry.name == _ENTRY for entry in model.metadata or ())


def outline(model: Any) -> bytes:
    """A TFLite file with the tensors of a parsed model alone: no weights, no operators."""
    from ai_edge_litert.schema_py_generated import BufferT, ModelT, SubGraphT
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    graph = SubGraphT()
    graph.inputs, graph.outputs = model.subgraphs[0].inputs, model.subgraphs[0].outputs
    graph.operators = []
    graph.tensors = [copy(tensor) for tensor in model.subgraphs[0].tensors]
    for tensor in graph.tensors:
        tensor.buffer = 0
    bare = ModelT()
    bare.version, bare.subgraphs, bare.buffers = model.version, [graph], [BufferT()]
    return bytes(convert_object_to_bytearray(bare))


def producer_of_output(model: Any) -> str:
    """The operator that makes the first output of a parsed model; empty where none does."""
    from ai_edge_litert.tools.flatbuffer_utils import opcode_to_name

    graph = model.subgraphs[0]
    wanted = graph.outputs[0]
    for operator in reversed(graph.operators or []):
        if wanted not in operator.outputs:
            continue
        name = opcode_to_name(model, operator.opcodeIndex) or ""
        if name not in _PASSIVE:
            return name
        wanted = operator.inputs[0]
    return ""


def packed(model: Any, metadata: bytes, files: Mapping[str, bytes]) -> bytes:
    """The model with its metadata and with files behind it; what it had of both is left out.

    The same arguments give the same bytes. Files are stored uncompressed, as the Task Library
    wants them.

    Args:
        model: a parsed model; it is changed.
        metadata: a flatbuffer ``M001``.
        files: name and content.
    """
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    content = BufferT()
    content.data = metadata
    entry = MetadataT()
    entry.name = _ENTRY.decode()
    old = [entry for entry in model.metadata or () if entry.name == _ENTRY]
    if old:
        entry.buffer = old[0].buffer
        model.buffers[entry.buffer] = content
    else:
        entry.buffer = len(model.buffers)
        model.buffers.append(content)
    model.metadata = [kept for kept in model.metadata or () if kept.name != _ENTRY] + [entry]
    stream = io.BytesIO()
    stream.write(convert_object_to_bytearray(model))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            # A fixed date.
            archive.writestr(zipfile.ZipInfo(name), file)
    return stream.getvalue()


def packed_files(path: Path) -> dict[str, bytes]:
    """Name and content of the files behind a model.

    Raises:
        BadInput: there are none, or they are damaged or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
                raise BadInput("holds more than 64 MiB of packed files", where=str(path))
            return {name: archive.read(name) for name in archive.namelist()}
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BadInput(f"holds no readable files: {error}", where=str(path)) from error
