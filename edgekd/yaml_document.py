"""YAML from strangers: bounded, no aliases, no doubled keys, and each key knows its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgekd.errors import BadInput

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
_MAPPING_TAG = "tag:yaml.org,2002:map"
_SEQUENCE_TAG = "tag:yaml.org,2002:seq"

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A parsed YAML mapping and the line (from 1) of each of its keys."""

    path: Path
    value: dict[str, Any]
    lines: dict[KeyPath, int]

    def where(self, key: Sequence[str | int]) -> str:
        """``file:line: key`` of a key, or of its nearest ancestor that has a line."""
        for length in range(len(key), -1, -1):
            line = self.lines.get(tuple(key[:length]))
            if line is not None:
                return f"{self.path}:{line}: {dotted(key)}".rstrip(": ")
        return f"{self.path}: {dotted(key)}".rstrip(": ")


def dotted(key: Sequence[str | int]) -> str:
    """A key path as a user writes it after ``--set``."""
    return ".".join(str(part) for part in key)


def read_document(path: Path) -> Document:
    """Read a YAML file whose top is a mapping.

    Raises:
        BadInput: missing, too large, not YAML, an alias, a doubled key, or not a mapping.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput("is larger than 1 MiB", where=str(path))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise BadInput("is not UTF-8 text", where=str(path)) from error
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise BadInput("YAML aliases are not read here", where=str(path), mend="write it out")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadInput("is not valid YAML", where=str(path), mend=str(error)) from error
    except RecursionError as error:
        raise BadInput("is nested too deeply", where=str(path)) from error
    if not isinstance(root, yaml.MappingNode):
        raise BadInput("must be a mapping of keys to values", where=str(path))
    lines: dict[KeyPath, int] = {(): 1}
    value = _Reader(path, lines).mapping(root, ())
    return Document(path, value, lines)


class _Reader:
    """Turns YAML nodes into plain values and records the line of each key."""

    def __init__(self, path: Path, lines: dict[KeyPath, int]) -> None:
        self._path = path
        self._lines = lines
        self._scalars = yaml.SafeLoader("")

    def mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadInput("a key must be plain text", where=f"{self._path}:{line}")
            key = str(key_node.value)
            if key in result:
                raise BadInput(f"the key {key!r} stands twice", where=f"{self._path}:{line}")
            self._lines[(*at, key)] = line
            result[key] = self._value(value_node, (*at, key))
        return result

    def _value(self, node: yaml.Node, at: KeyPath) -> Any:
        if len(at) > MAX_DEPTH:
            raise BadInput("is nested too deeply", where=str(self._path))
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING_TAG:
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE_TAG:
            for index, item in enumerate(node.value):
                self._lines[(*at, index)] = item.start_mark.line + 1
            return [self._value(item, (*at, index)) for index, item in enumerate(node.value)]
        try:
            if not isinstance(node, yaml.ScalarNode):
                raise ValueError(node.tag)
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise BadInput("is not a plain value", where=f"{self._path}: {dotted(at)}") from error


def validate(document: Document, model: type[Model], overridden: Iterable[KeyPath] = ()) -> Model:
    """Check a document against its pydantic model.

    Args:
        document: what was read, overrides applied.
        model: the typed model; unknown keys are refused with the nearest known key named.
        overridden: keys that came from ``--set`` and so have no line in the file.

    Raises:
        BadInput: the first thing that is wrong, with file, line and key.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        key = tuple(part for part in first["loc"])
        from_option = any(key[: len(path)] == tuple(path) for path in overridden)
        where = f"--set {dotted(key)}" if from_option else document.where(key)
        what, mend = _explain(first, key, model)
        raise BadInput(what, where=where, mend=mend) from error


def _explain(error: ErrorDetails, key: KeyPath, model: type[BaseModel]) -> tuple[str, str]:
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, key[:-1])
        near = difflib.get_close_matches(str(key[-1]), known, n=1, cutoff=0.0)
        return f"unknown key {key[-1]!r}", f"did you mean {near[0]!r}?" if near else ""
    if error["type"] == "missing":
        return "is missing", "add this key"
    text = error["msg"].removeprefix("Value error, ")
    given = repr(error["input"])
    return (
        f"{text[:1].lower()}{text[1:]}",
        f"got {given if len(given) <= 60 else given[:57] + '...'}",
    )


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The known keys of the model nested at a path."""
    current: type[BaseModel] = model
    for part in path:
        field = current.model_fields.get(str(part))
        nested = _nested_model(field.annotation) if field else None
        if nested is None:
            return []
        current = nested
    return [field.alias or name for name, field in current.model_fields.items()]


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
