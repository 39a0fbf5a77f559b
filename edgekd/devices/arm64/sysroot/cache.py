"""Builds, finds and removes sysroots; each is whole or absent, whoever is killed when.

``arm64/parts`` holds what several sysroots share, ``arm64/roots`` one small folder of links for
each runtime and core, with that core's CPU files. Both are made in a scratch folder beside them and
renamed; one lock serves all who write.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgekd.devices.arm64.sysroot.cores import cpu_files, find_core, write_cpu_files
from edgekd.devices.arm64.sysroot.parts import (
    FILES,
    RUNNER,
    RUNNER_FOLDER,
    SITE_PACKAGES,
    Contents,
    Part,
    parts_of,
)
from edgekd.devices.arm64.sysroot.pins import PYTHON, Pins, shipped_pins
from edgekd.errors import BadInput, RunFailed
from edgekd.files import (
    SCRATCH,
    cache_folder,
    digest,
    read_json,
    sync_folder,
    write_json,
    writing_alone,
)
from edgekd.records import Record

_CONTENTS = "contents.json"
_RECORD = "sysroot.json"


@dataclass(frozen=True)
class Sysroot:
    """A root that QEMU's user emulation runs ARM64 programs in: ``qemu-aarch64 -L root``.

    Attributes:
        runtime: ``litert``, ``onnx`` or ``executorch``.
        core: QEMU's name of it, for ``-cpu``.
        root: folder.
        python: the guest's interpreter, where the runtime is a Python package.
        site_packages: the folder for its ``PYTHONPATH``.
        runner: the guest's program that runs ``.pte`` files, where the runtime is ExecuTorch; its
            frames are in ``targets/arm64/executorch_runner/frames.h``.
        key: hex sha256 of everything inside that can change a result.
        versions: of each package.
        notes: what is not as it was pinned, one line each.
    """

    runtime: str
    core: str
    root: Path
    python: Path | None
    site_packages: Path | None
    runner: Path | None
    key: str
    versions: dict[str, str]
    notes: tuple[str, ...]


class _RootRecord(Record):
    """What is written beside a root's links: names of its parts, and what they hold together."""

    runtime: str
    core: str
    parts: list[str]
    key: str
    contents: Contents


class SysrootCache:
    """The sysroots in one folder.

    Args:
        folder: it need not exist yet.
        pins: what they are made of.
    """

    def __init__(self, folder: Path, pins: Pins) -> None:
        """Nothing is read or written yet."""
        self._folder = folder
        self._pins = pins

    def find(self, runtime: str, core: str) -> Sysroot | None:
        """See :func:`find_sysroot`."""
        root = self._root(runtime, core)
        record = _read_root(root)
        if record is None or not all((self._parts / name).is_dir() for name in record.parts):
            return None
        compiled = runtime == "executorch"
        return Sysroot(
            runtime,
            core,
            root,
            None if compiled else root / "usr" / "bin" / f"python{PYTHON}",
            None if compiled else root / SITE_PACKAGES,
            root / RUNNER_FOLDER / RUNNER if compiled else None,
            record.key,
            record.contents.versions,
            tuple(record.contents.notes),
        )

    def build(self, runtime: str, core: str) -> Sysroot:
        """See :func:`build_sysroot`."""
        found = self.find(runtime, core)
        if found is not None:
            return found
        with writing_alone(self._folder):
            # Another process may have built it while this one waited.
            found = self.find(runtime, core)
            if found is None:
                self._build_root(runtime, core)
                found = self.find(runtime, core)
        if found is None:
            raise RunFailed("the ARM64 sysroot is not what was built", where=str(self._folder))
        return found

    def remove(self, runtimes: Sequence[str], core: str | None = None) -> list[Path]:
        """See :func:`remove_sysroots`."""
        if not self._folder.is_dir():
            return []
        with writing_alone(self._folder):
            removed, used = [], set()
            for root in _entries(self._roots):
                record = _read_root(root)
                if record is None or (record.runtime in runtimes and core in (None, record.core)):
                    removed.append(root)
                else:
                    used |= set(record.parts)
            removed += [part for part in _entries(self._parts) if part.name not in used]
            for path in removed:
                self._discard(path)
        return removed

    @property
    def _parts(self) -> Path:
        return self._folder / "parts"

    @property
    def _roots(self) -> Path:
        return self._folder / "roots"

    def _root(self, runtime: str, core: str) -> Path:
        if runtime not in self._pins.runtimes:
            known = ", ".join(sorted(self._pins.runtimes))
            raise BadInput(f"there is no ARM64 runtime {runtime!r}", mend=f"known: {known}")
        names = [part.name for part in parts_of(self._pins, runtime)]
        key = digest([names, cpu_files(find_core(core))])
        return self._roots / f"{runtime}-{core}-{key[:16]}"

    def _build_root(self, runtime: str, core: str) -> None:
        parts = parts_of(self._pins, runtime)
        contents = [self._need_part(part) for part in parts]
        root = self._root(runtime, core)
        with self._scratch() as scratch:
            # Under its own name and as deep as its place: the links are relative.
            made = scratch / root.name
            for part in parts:
                part.link(self._parts / part.name / FILES, made)
            write_cpu_files(find_core(core), made)
            together = Contents(
                versions={name: one for each in contents for name, one in each.versions.items()},
                sha256={name: one for each in contents for name, one in each.sha256.items()},
                notes=[note for each in contents for note in each.notes],
            )
            record = _RootRecord(
                runtime=runtime,
                core=core,
                parts=[part.name for part in parts],
                key=digest([together.sha256, cpu_files(find_core(core))]),
                contents=together,
            )
            write_json(made / _RECORD, record.model_dump())
            self._place(made, root)

    def _need_part(self, part: Part) -> Contents:
        place = self._parts / part.name
        contents = _read_contents(place)
        if contents is not None:
            return contents
        with self._scratch() as scratch:
            made, downloads = scratch / part.name, scratch / "downloads"
            (made / FILES).mkdir(parents=True)
            downloads.mkdir()
            contents = part.build(made / FILES, downloads, place / FILES)
            write_json(made / _CONTENTS, contents.model_dump())
            self._place(made, place)
        return contents

    def _place(self, made: Path, place: Path) -> None:
        """Rename into place; something damaged that has the name makes way."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            self._discard(place)
        made.rename(place)
        sync_folder(place.parent)

    def _discard(self, path: Path) -> None:
        # Under its own name it must be whole at any moment.
        with self._scratch() as scratch:
            path.rename(scratch / path.name)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        # A new one each time: what a killed build left running may still write into the old one.
        scratch = Path(tempfile.mkdtemp(dir=self._folder, prefix=SCRATCH))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def find_sysroot(runtime: str, core: str) -> Sysroot | None:
    """The sysroot of a runtime on a core, where it was built.

    Args:
        runtime: ``litert``, ``onnx`` or ``executorch``.
        core: QEMU's name of it, ``cortex-a76``.

    Raises:
        BadInput: the runtime or the core is not known.
    """
    return _shipped_cache().find(runtime, core)


def build_sysroot(runtime: str, core: str) -> Sysroot:
    """The sysroot of a runtime on a core, built from package registries where it is not there.

    Of several processes one builds and the others wait. A build that was killed leaves nothing
    that is taken for a sysroot.

    Raises:
        BadInput: the runtime or the core is not known.
        MissingPackage: apt, pip or the cross compiler is not installed.
        RunFailed: a package cannot be had or is not what was pinned, or the cache cannot be
            written.
    """
    return _shipped_cache().build(runtime, core)


def remove_sysroots(*runtimes: str, core: str | None = None) -> list[Path]:
    """Remove sysroots, and the parts that no other one needs; what was removed.

    Args:
        runtimes: of these; none named: of all.
        core: only for this core.

    Raises:
        RunFailed: the cache cannot be written.
    """
    return _shipped_cache().remove(runtimes or tuple(shipped_pins().runtimes), core)


def _shipped_cache() -> SysrootCache:
    return SysrootCache(cache_folder() / "arm64", shipped_pins())


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _read_root(root: Path) -> _RootRecord | None:
    try:
        return _RootRecord.model_validate(read_json(root / _RECORD))
    except (BadInput, ValidationError):
        return None


def _read_contents(part: Path) -> Contents | None:
    try:
        return Contents.model_validate(read_json(part / _CONTENTS))
    except (BadInput, ValidationError):
        return None
