"""Counting plugins of QEMU: small C files of our own, compiled once for each emulator.

Sources include ``plugin/tcg.h``, the part of QEMU's plugin interface that they use.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgekd.errors import MissingPackage, RunFailed
from edgekd.files import cache_folder, digest, sync_folder

_INTERFACE = Path(__file__).parent / "plugin" / "tcg.h"
_FLAGS = ("-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
# Emulators that surely speak version 1 of the plugin interface; later ones speak 2 and up.
_FIRST_VERSION, _END_VERSION = (4, 2), (8, 2)
_VERSION = re.compile(r"version (\d+)\.(\d+)\.(\d+)")
_TIMEOUT_SECONDS = 60


def emulator_version(program: str) -> tuple[int, int, int]:
    """Version of an emulator.

    Raises:
        MissingPackage: it is not installed.
    """
    found = _VERSION.search(_said([program, "--version"]))
    if found is None:
        raise MissingPackage(
            f"{program} does not tell its version", mend="edgekd setup, with the target's name"
        )
    return int(found[1]), int(found[2]), int(found[3])


def build_plugin(source: Path, program: str) -> Path:
    """Compile a plugin, or take it from the cache.

    It is kept in ``$XDG_CACHE_HOME/edgekd/plugins``, by the hash of its source and the version of
    the emulator that it is for.

    Args:
        source: the plugin's C file.
        program: the emulator, ``qemu-system-arm``.

    Raises:
        MissingPackage: no emulator, no C compiler, or an emulator without this plugin interface.
        RunFailed: the compiler fails, or the cache cannot be written.
    """
    version = emulator_version(program)
    if not _FIRST_VERSION <= version[:2] < _END_VERSION or "-plugin" not in _said(
        [program, "-help"]
    ):
        shown = ".".join(map(str, version))
        raise MissingPackage(f"{program} {shown} does not take plugins of interface 1")
    key = digest([plugin_key(source), list(version)])[:16]
    plugin = cache_folder() / "plugins" / f"{source.stem}-{key}.so"
    if not plugin.is_file():
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise MissingPackage("no C compiler for the counting plugin", mend="install gcc")
        _compile(compiler, source, plugin)
    return plugin


def plugin_key(source: Path) -> str:
    """Hex sha256 of all that a plugin is made of."""
    texts = [path.read_text(encoding="utf-8") for path in (source, _INTERFACE)]
    return digest([*texts, *_FLAGS])


def plugin_arguments(plugin: Path, options: Mapping[str, object]) -> list[str]:
    """Arguments of QEMU that load a plugin; an option's value may be a list of values."""
    words = [f"file={plugin}"]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"{name}={one}" for one in values]
    # A comma would end an option; QEMU takes a doubled one for itself.
    return ["-plugin", ",".join(word.replace(",", ",,") for word in words)]


def _compile(compiler: str, source: Path, plugin: Path) -> None:
    """Compile under another name and rename: a reader sees the whole plugin or none."""
    try:
        plugin.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{plugin.name}.", dir=plugin.parent)
        os.close(handle)
        try:
            include = f"-I{_INTERFACE.parent}"
            command = [compiler, *_FLAGS, include, "-o", temporary, str(source)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
            )
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise RunFailed(f"the counting plugin does not compile: {last}", where=compiler)
            os.replace(temporary, plugin)
        finally:
            Path(temporary).unlink(missing_ok=True)
        sync_folder(plugin.parent)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed(
            f"the counting plugin cannot be built: {error}",
            where=str(plugin.parent),
            mend="set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def _said(command: list[str]) -> str:
    """Standard output of a short command; empty where it cannot be run."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
