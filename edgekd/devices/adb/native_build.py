"""A generated C library as a program that any 64-bit ARM Android kernel runs.

It is linked statically against glibc, so that it needs nothing of the phone but its kernel; the
runtimes' own libraries are glibc builds with other libraries behind them, and do not load there.
Programs stay in ``$XDG_CACHE_HOME/edgekd/adb/programs``, by the hash of all that goes in.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from edgekd.devices.microcontroller.firmware.toolchain import find_compiler, run_compiler
from edgekd.errors import BadInput, RunFailed
from edgekd.files import cache_folder, digest, sha256_of
from edgekd.target import Target

_HARNESS = Path(__file__).parent / "program" / "bench.c"
_FLAGS = ("-std=c99", "-O2", "-static", "-Wl,--build-id=none", "-Wl,-z,max-page-size=65536")


class Program(NamedTuple):
    """A program for the phone, and the hash by which its results name it."""

    path: Path
    image: str


def build_program(library: Path, target: Target) -> Program:
    """Compile a library with the harness, or take the same program from the cache.

    Args:
        library: folder that holds ``model.c`` and ``model.h``.
        target: its ``microcontroller`` names the cross compiler and its flags.

    Raises:
        BadInput: no such library, no such section, or a source that does not compile.
        MissingPackage: the cross compiler is not installed.
        RunFailed: the cache cannot be written.
    """
    part = target.microcontroller
    if part is None:
        raise BadInput("the target names no compiler", where=target.name)
    sources = [library / "model.c", library / "model.h", _HARNESS]
    for source in sources:
        if not source.is_file():
            raise BadInput("there is no such file", where=str(source))
    compiler = find_compiler(part.toolchain, target.name)
    flags = [*part.flags, *compiler.flags, *_FLAGS]
    image = digest([*(sha256_of(source) for source in sources), *flags, compiler.version])
    path = cache_folder() / "adb" / "programs" / image
    if not path.is_file():
        defines = [f'-DEDGEKD_IMAGE="{image}"', "-I", str(library.resolve())]
        units = [str(_HARNESS), str((library / "model.c").resolve())]
        _compile([str(compiler.path), *flags, *defines, *units, "-lm"], path)
    return Program(path, image)


def _compile(command: list[str], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as folder:
            made = Path(folder) / "bench"
            done = run_compiler([*command, "-o", str(made)], Path(folder))
            if done.returncode != 0:
                lines = [line for line in done.stderr.splitlines() if "error" in line]
                raise BadInput(
                    f"does not compile: {(lines or ['no message'])[0][:300]}", where=command[-2]
                )
            with made.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(made, path)
    except OSError as error:
        raise RunFailed(f"cannot be built: {error.strerror}", where=str(path)) from error
