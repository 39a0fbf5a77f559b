"""What was measured so far, so that a lost connection costs one repetition and not the run.

JSON lines, each synced before the next repetition starts. The first names what is measured; a
journal of anything else is never used. A line that a crash cut short ends the journal.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from edgekd import files
from edgekd.devices.adb.condition import Condition
from edgekd.devices.adb.result import AppResult
from edgekd.errors import RunFailed
from edgekd.files import cache_folder
from edgekd.records import Record

MAX_JOURNAL_BYTES = 256 * 1024 * 1024
_NAME = "journal.jsonl"
_Line = TypeVar("_Line", bound=BaseModel)


class Heading(Record):
    """First line: ``key`` is the hash of artifact, target, phone, its system and the inputs."""

    journal: Literal[1] = 1
    key: str


class Entry(Record):
    """One start of the app.

    Attributes:
        result: what it said.
        before: the phone's state when it started.
        after: when it had ended.
        reasons: why its figures are invalid; empty: they are valid.
    """

    result: AppResult
    before: Condition
    after: Condition
    reasons: list[str] = Field(default_factory=list)


@dataclass
class Journal:
    """The entries of one measurement, on disk and here; made by :func:`open_journal`."""

    path: Path
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Write an entry; it is on the disk when this returns.

        Raises:
            RunFailed: it cannot be written.
        """
        try:
            with self.path.open("ab") as stream:
                stream.write(_text(entry).encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise RunFailed(
                f"cannot be written: {error.strerror}",
                where=str(self.path),
                mend="free some space or set XDG_CACHE_HOME to a folder that can be written",
            ) from error
        self.entries.append(entry)

    def remove(self) -> None:
        """The measurement is complete: nothing is left to resume."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def open_journal(key: str, *, resume: bool) -> Journal:
    """The journal of a measurement.

    Args:
        key: hash of what is measured on what.
        resume: go on from what is there; otherwise it starts empty.

    Raises:
        RunFailed: it cannot be written.
    """
    journal = Journal(cache_folder() / "adb" / key / _NAME)
    if resume:
        journal.entries = _read(journal.path, key)
    # Written afresh, so that nothing is appended to a line that was cut short.
    lines: list[BaseModel] = [Heading(key=key), *journal.entries]
    files.write_text(journal.path, "".join(_text(line) for line in lines))
    return journal


def _text(line: BaseModel) -> str:
    return line.model_dump_json(by_alias=True) + "\n"


def _read(path: Path, key: str) -> list[Entry]:
    try:
        if path.stat().st_size > MAX_JOURNAL_BYTES:
            return []
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    # What follows the last newline was cut short.
    heading = _parse(lines[0], Heading) if len(lines) > 1 else None
    if heading is None or heading.key != key:
        return []
    entries = []
    for line in lines[1:-1]:
        entry = _parse(line, Entry)
        if entry is None:
            break
        entries.append(entry)
    return entries


def _parse(line: bytes, kind: type[_Line]) -> _Line | None:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        return None
