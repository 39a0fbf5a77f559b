"""``manifest.json``: what is in a run folder, and what each part was made from."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from edgekd.errors import BadInput
from edgekd.files import digest, files_below, read_json, sha256_of, sync_folder, write_json
from edgekd.records import Record

_MANIFEST = "manifest.json"
_SCRATCH = ".scratch"


class StageRecord(Record):
    """A finished stage: the key it was made under, and the sha256 of each of its files."""

    key: str
    seconds: float
    files: dict[str, str]


class Manifest(Record):
    """The record of a run."""

    schema_version: int = Field(default=1, alias="schema")
    recipe: str
    recipe_sha256: str
    seeds: list[int]
    tools: dict[str, str | None]
    git_commit: str | None
    data_sha256: str
    stages: dict[str, StageRecord] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    report_key: str | None = None


class FinishedStages:
    """What is finished in a run folder; reading changes nothing.

    Args:
        path: the run folder.
        manifest: its record.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.notices: list[str] = []
        self._verified: set[str] = set()
        self._told: set[str] = set()

    def holds(self, name: str, key: str) -> bool:
        """Whether a stage was finished under this key and every file of it is still intact."""
        record = self.manifest.stages.get(name)
        if record is None or record.key != key:
            return False
        if name not in self._verified:
            damaged = self._damaged(name, record)
            if damaged:
                # It is asked again until other stages have made room for it.
                if name not in self._told:
                    self._told.add(name)
                    self.notices.append(f"{damaged} does not match its hash: {name} is redone")
                return False
            self._verified.add(name)
        return True

    def outputs_of(self, name: str) -> str:
        """The content hash of a finished stage's folder."""
        return digest(self.manifest.stages[name].files)

    def _damaged(self, name: str, record: StageRecord) -> str | None:
        folder = self.path / name
        found = {str(path.relative_to(folder)) for path in files_below(folder)}
        for relative in sorted(found ^ set(record.files)):
            return f"{name}/{relative}"
        for relative, expected in record.files.items():
            if sha256_of(folder / relative) != expected:
                return f"{name}/{relative}"
        return None


class RunFolder(FinishedStages):
    """A run folder that this process holds and may write."""

    def scratch(self, name: str) -> Path:
        """An empty folder for a stage to write into."""
        path = self.path / _SCRATCH / name.replace("/", "--")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def publish(self, name: str, key: str, seconds: float) -> None:
        """Make a stage's scratch folder its folder: synced, renamed, then recorded."""
        scratch = self.path / _SCRATCH / name.replace("/", "--")
        files = {}
        for path in files_below(scratch):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            files[str(path.relative_to(scratch))] = sha256_of(path)
        final = self.path / name
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            shutil.rmtree(final)
        os.rename(scratch, final)
        sync_folder(final.parent)
        self.manifest.stages[name] = StageRecord(key=key, seconds=round(seconds, 3), files=files)
        self._verified.add(name)
        self.save()

    def forget_all_but(self, names: set[str]) -> None:
        """Drop stages that this recipe no longer has, files included."""
        gone = sorted(set(self.manifest.stages) - names)
        for name in gone:
            del self.manifest.stages[name]
        if gone:
            self.save()
        for name in gone:
            shutil.rmtree(self.path / name, ignore_errors=True)

    def record_files(self, *names: str) -> None:
        """Record the hash of files at the top of the run folder."""
        for name in names:
            self.manifest.files[name] = sha256_of(self.path / name)
        self.save()

    def save(self) -> None:
        """Write ``manifest.json``."""
        write_json(self.path / _MANIFEST, self.manifest.model_dump(mode="json", by_alias=True))


def _is_inside(name: str) -> bool:
    """A stage's name is joined to the run folder: a manifest from elsewhere must not lead out."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


@contextmanager
def open_run_folder(path: Path, fresh: Manifest) -> Iterator[RunFolder]:
    """Lock a run folder, clear what a killed run left half-written, and open its manifest.

    Raises:
        BadInput: the folder cannot be written, is no run folder, or another run holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()) and not _looks_like_run(path):
            raise BadInput("is not empty and not a run folder", where=str(path), mend="use --out")
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}", where=str(path), mend="choose another --out"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput("another run is using this folder", where=str(path)) from error
        shutil.rmtree(path / _SCRATCH, ignore_errors=True)
        notices = _take_over_earlier(path, fresh)
        folder = RunFolder(path, fresh)
        folder.notices += notices
        folder.save()
        yield folder
        shutil.rmtree(path / _SCRATCH, ignore_errors=True)


def _looks_like_run(path: Path) -> bool:
    return (path / _MANIFEST).exists() or (path / ".lock").exists()


def _take_over_earlier(path: Path, fresh: Manifest) -> list[str]:
    """Carry the finished stages of an earlier run over; a damaged record counts as none."""
    if not (path / _MANIFEST).exists():
        return []
    try:
        earlier = read_manifest(path)
    except BadInput:
        return [f"{path / _MANIFEST} is damaged: everything is redone"]
    fresh.stages = {name: r for name, r in earlier.stages.items() if _is_inside(name)}
    fresh.files = earlier.files
    fresh.report_key = earlier.report_key
    return []


def finished_stages(path: Path) -> FinishedStages:
    """What is finished in a run folder; nothing where there is none."""
    empty = Manifest(
        recipe="", recipe_sha256="", seeds=[], tools={}, git_commit=None, data_sha256=""
    )
    _take_over_earlier(path, empty)
    return FinishedStages(path, empty)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a run folder.

    Raises:
        BadInput: there is none, or it is damaged.
    """
    value: Any = read_json(path / _MANIFEST)
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise BadInput("is not a run's manifest", where=str(path / _MANIFEST)) from error
