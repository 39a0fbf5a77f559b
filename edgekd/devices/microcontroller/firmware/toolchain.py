"""The cross compilers and emulators of this machine: found by name, or how to get them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgekd.errors import MissingPackage, RunFailed

_VERSION_SECONDS = 30
_COMPILER_SECONDS = 600


@dataclass(frozen=True)
class _Toolchain:
    """Debian packages of a cross compiler with a C library, and flags that choose the library."""

    packages: tuple[str, ...]
    flags: tuple[str, ...] = ()


_TOOLCHAINS = {
    "aarch64-linux-gnu": _Toolchain(("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross")),
    "arm-none-eabi": _Toolchain(("gcc-arm-none-eabi", "libnewlib-arm-none-eabi")),
    "riscv64-unknown-elf": _Toolchain(
        ("gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"), ("--specs=picolibc.specs",)
    ),
}
_EMULATOR_PACKAGES = {
    "qemu-system-arm": ("qemu-system-arm",),
    "qemu-system-riscv32": ("qemu-system-misc",),
}


@dataclass(frozen=True)
class Compiler:
    """A C compiler that is installed.

    Attributes:
        path: of the program.
        version: the first line that it prints about itself.
        flags: that choose its C library.
    """

    path: Path
    version: str
    flags: tuple[str, ...]


def packages(toolchain: str, emulator: str | None = None) -> tuple[str, ...]:
    """Debian packages of a toolchain and an emulator; empty where none is known."""
    known = _TOOLCHAINS.get(toolchain, _Toolchain(()))
    return known.packages + _EMULATOR_PACKAGES.get(emulator or "", ())


def find_compiler(toolchain: str, target: str) -> Compiler:
    """The compiler of a toolchain.

    Args:
        toolchain: prefix of its programs, ``arm-none-eabi``.
        target: name, for the message.

    Raises:
        MissingPackage: it is not installed.
        RunFailed: it is, but does not start.
    """
    path = _find(f"{toolchain}-gcc", target, packages(toolchain))
    flags = _TOOLCHAINS.get(toolchain, _Toolchain(())).flags
    return Compiler(path, _version(path), flags)


def find_emulator(program: str, target: str) -> Path:
    """The emulator of that name.

    Raises:
        MissingPackage: it is not installed.
    """
    return _find(program, target, _EMULATOR_PACKAGES.get(program, ()))


def _find(program: str, target: str, wanted: tuple[str, ...]) -> Path:
    found = shutil.which(program)
    if found is None:
        packaged = f", or apt-get install {' '.join(wanted)}" if wanted else ""
        raise MissingPackage(f"{program} is not installed", mend=f"edgekd setup {target}{packaged}")
    return Path(found)


@cache
def _version(path: Path) -> str:
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RunFailed("does not tell its version", where=str(path)) from error
    return next(iter(done.stdout.splitlines()), "")


def run_compiler(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a compiler or linker in a folder; its messages are in English.

    Raises:
        OSError: it cannot be started.
        RunFailed: it took too long.
    """
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RunFailed(
            f"was stopped after {_COMPILER_SECONDS} s", where=Path(command[0]).name
        ) from error
