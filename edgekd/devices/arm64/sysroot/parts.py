"""The parts that sysroots share: Debian's files, each wheel, the ExecuTorch runner.

A part is a folder ``files`` with a record beside it of what it was made from.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from edgekd.devices.arm64.sysroot.debian import download_packages
from edgekd.devices.arm64.sysroot.pins import DebianPin, Pins, WheelPin
from edgekd.devices.arm64.sysroot.runner import COMPILER, FLAGS, LIBRARIES, compile_runner, sources
from edgekd.devices.arm64.sysroot.unpacking import compile_python, unpack_deb, unpack_wheel
from edgekd.devices.arm64.sysroot.wheels import download_wheel
from edgekd.files import digest, sha256_of
from edgekd.records import Record

FILES = "files"
SITE_PACKAGES = "opt/site-packages"
RUNNER_FOLDER = "opt/executorch"
RUNNER = "runner"
# Raised when parts are laid out in another way.
_LAYOUT = 1


class Contents(Record):
    """What a part or a sysroot holds.

    Attributes:
        versions: of each package, and of the compiler.
        sha256: of each package as it was fetched, and of what was compiled.
        notes: what is not as it was pinned, one line each.
    """

    versions: dict[str, str]
    sha256: dict[str, str]
    notes: list[str]


class Part(Protocol):
    """Something to build once."""

    @property
    def name(self) -> str:
        """Name of its folder; another one when it is made from something else."""
        ...

    def build(self, folder: Path, scratch: Path, final: Path) -> Contents:
        """Fill a folder.

        Args:
            folder: empty, for the files.
            scratch: empty, for what is needed on the way.
            final: where the folder is moved to afterwards.

        Raises:
            MissingPackage, RunFailed: as for the sysroot.
        """
        ...

    def link(self, files: Path, root: Path) -> None:
        """Make the part's files visible in a root by relative symbolic links.

        Args:
            files: the part's folder of files, in its place.
            root: the root to be, in a folder beside its place.
        """
        ...


@dataclass(frozen=True)
class DebianPart:
    """A C library and Python; its top folders are the root's."""

    pins: Mapping[str, DebianPin]

    @cached_property
    def name(self) -> str:
        """See :class:`Part`."""
        return _name("debian", {name: pin.model_dump() for name, pin in self.pins.items()})

    def build(self, folder: Path, scratch: Path, final: Path) -> Contents:
        """See :class:`Part`."""
        packages = download_packages(self.pins, scratch)
        for package in packages:
            unpack_deb(package.path, folder)
        compile_python(folder, final)
        return Contents(
            versions={package.name: package.version for package in packages},
            sha256={package.name: package.sha256 for package in packages},
            notes=[package.note for package in packages if package.note],
        )

    def link(self, files: Path, root: Path) -> None:
        """See :class:`Part`."""
        _link_entries(files, root)


@dataclass(frozen=True)
class WheelPart:
    """A wheel; its top entries are those of ``site-packages``."""

    distribution: str
    pin: WheelPin

    @cached_property
    def name(self) -> str:
        """See :class:`Part`."""
        return _name(self.distribution, self.pin.model_dump())

    def build(self, folder: Path, scratch: Path, final: Path) -> Contents:
        """See :class:`Part`."""
        unpack_wheel(download_wheel(self.distribution, self.pin, scratch), folder)
        compile_python(folder, final)
        return Contents(
            versions={self.distribution: self.pin.version},
            sha256={self.distribution: self.pin.sha256},
            notes=[],
        )

    def link(self, files: Path, root: Path) -> None:
        """See :class:`Part`."""
        _link_entries(files, root / SITE_PACKAGES)


@dataclass(frozen=True)
class RunnerPart:
    """The ExecuTorch runner and the libraries of the wheel that it was linked with."""

    distribution: str
    pin: WheelPin

    @cached_property
    def name(self) -> str:
        """See :class:`Part`."""
        texts = [path.read_text(encoding="utf-8") for path in sources()]
        return _name("runner", [self.pin.model_dump(), texts, FLAGS, LIBRARIES])

    def build(self, folder: Path, scratch: Path, final: Path) -> Contents:
        """See :class:`Part`."""
        wheel = download_wheel(self.distribution, self.pin, scratch)
        package = scratch / "unpacked" / "executorch"
        unpack_wheel(wheel, package.parent, ("executorch/include/", "executorch/lib/"))
        for library in (package / "lib").glob("*.so"):
            shutil.copy2(library, folder)
        compiler = compile_runner(package, folder / RUNNER)
        return Contents(
            versions={self.distribution: self.pin.version, COMPILER: compiler},
            sha256={self.distribution: self.pin.sha256, RUNNER: sha256_of(folder / RUNNER)},
            notes=[],
        )

    def link(self, files: Path, root: Path) -> None:
        """See :class:`Part`."""
        _link(files, root / RUNNER_FOLDER)


def parts_of(pins: Pins, runtime: str) -> list[Part]:
    """The parts of a runtime's sysroot."""
    parts: list[Part] = [DebianPart(pins.debian)]
    for distribution in pins.runtimes[runtime]:
        kind = RunnerPart if distribution == "executorch" else WheelPart
        parts.append(kind(distribution, pins.wheels[distribution]))
    return parts


def _name(name: str, value: object) -> str:
    return f"{name}-{digest([_LAYOUT, value])[:16]}"


def _link_entries(files: Path, folder: Path) -> None:
    for entry in sorted(files.iterdir()):
        _link(entry, folder / entry.name)


def _link(target: Path, link: Path) -> None:
    # Relative, so that the cache can be moved; QEMU lets the host resolve it.
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))
