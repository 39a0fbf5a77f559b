"""Texts in a table: CSV with a header line, or JSON Lines, with ``text``, ``label``, ``split``.

A row without a label, or with an empty one, is unlabelled and trains the student through the
teacher alone. ``split`` may be left out; where it is there, the rows that it calls ``test`` are the
official test data, and those that it calls ``train`` or ``validation`` are one pool. Other columns
are not read.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from edgekd.data.samples import UNLABELLED, Samples
from edgekd.data.text_folder import checked_text
from edgekd.errors import BadInput
from edgekd.files import sha256_of
from edgekd.recipe import Data

MAX_TABLE_BYTES = 256 * 1024**2
CSV = ".csv"
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TEST = "test"
PARTS = ("train", "validation", TEST)


class _Row(NamedTuple):
    """A label or a part of None: there is none."""

    text: str
    label: str | None
    part: str | None


def fingerprint(data: Data) -> str:
    """The sha256 of the file."""
    return sha256_of(_path(data))


def load(data: Data) -> Samples:
    """Read every row; names are the numbers of the rows, from 1."""
    path = _path(data)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            read = _csv_rows if path.suffix.lower() == CSV else _json_rows
            rows = [_row(row, f"{path}: row {n}") for n, row in enumerate(read(stream, path), 1)]
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            "is not UTF-8 text", where=str(path), mend="save it in that encoding"
        ) from error
    class_names = tuple(sorted({row.label for row in rows if row.label is not None}))
    index = {name: number for number, name in enumerate(class_names)}
    split = any(row.part is not None for row in rows)
    return Samples(
        inputs=np.empty((len(rows), 0), dtype=np.uint8),
        labels=np.asarray([index.get(row.label or "", UNLABELLED) for row in rows], dtype=np.int64),
        class_names=class_names,
        scale=1.0,
        names=tuple(str(number) for number in range(1, len(rows) + 1)),
        official_test=np.asarray([row.part == TEST for row in rows]) if split else None,
        texts=tuple(row.text for row in rows),
    )


def _path(data: Data) -> Path:
    if data.path is None:
        raise BadInput("is missing", where="data.path", mend="name the table")
    path = Path(data.path)
    if path.suffix.lower() not in {CSV, *JSON_LINES}:
        endings = ", ".join(sorted({CSV, *JSON_LINES}))
        raise BadInput("is no table", where=str(path), mend=f"tables end in {endings}")
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check data.path")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise BadInput("is larger than 256 MiB", where=str(path), mend="take a part of it")
    return path


def _csv_rows(stream: TextIO, path: Path) -> Iterator[Mapping[str, Any]]:
    reader = csv.DictReader(stream, strict=True)
    try:
        missing = [name for name in ("text", "label") if name not in (reader.fieldnames or ())]
        if missing:
            raise BadInput(
                f"has no column {missing[0]!r}", where=str(path), mend="name it in the first line"
            )
        yield from reader
    except csv.Error as error:
        where = f"{path}: after line {reader.line_num}"
        raise BadInput("is not CSV", where=where, mend=str(error)) from error


def _json_rows(stream: TextIO, path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            where = f"{path}: line {number}"
            raise BadInput("is not JSON", where=where, mend=str(error)) from error
        if not isinstance(row, dict):
            raise BadInput("is no JSON object", where=f"{path}: line {number}")
        yield row


def _row(row: Mapping[str, Any], where: str) -> _Row:
    label, part = row.get("label"), row.get("split")
    if isinstance(label, int):
        label = str(label)
    if part not in (None, "", *PARTS):
        raise BadInput(f"the split {part!r} is not known", where=where, mend=f"use {PARTS}")
    labelled = label not in (None, "")
    if part == TEST and not labelled:
        raise BadInput("is test data without a label", where=where, mend="label it or remove it")
    return _Row(
        checked_text(row.get("text"), f"{where}: text"),
        checked_text(label, f"{where}: label") if labelled else None,
        part or None,
    )
