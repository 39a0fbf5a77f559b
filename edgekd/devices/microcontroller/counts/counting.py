"""How many instructions one inference takes, counted exactly on an emulated core.

The emulator runs with a plugin of our own that counts what is retired between the markers
``edgekd_region_begin`` and ``edgekd_region_end``, address by address and layer by layer. Where the
plugin cannot be had (no host compiler, an emulator with another plugin interface), the emulator
writes every executed instruction to a trace instead, which gives the same counts more slowly;
:attr:`Counts.counted_by` says which it was. The markers' own instructions are left out; what is
left besides ``model_run`` are the few instructions of its caller that call it and the end marker.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgekd.devices.microcontroller.counts.records import (
    BEGIN,
    END,
    NO_LAYER,
    Counts,
    Histogram,
    checked,
    layer_names,
)
from edgekd.devices.microcontroller.counts.tracing import Trace
from edgekd.devices.microcontroller.firmware.build import Firmware
from edgekd.devices.microcontroller.firmware.image import Image, read_image
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.errors import MissingPackage, RunFailed
from edgekd.files import cache_folder, digest, sync_folder

PLUGIN = "TCG plugin"
_SOURCE = Path(__file__).parent / "plugin" / "regions.c"
_FLAGS = ("-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
# Emulators that surely speak version 1 of the plugin interface; later ones speak 2 and up.
_FIRST_VERSION, _END_VERSION = (4, 2), (8, 2)
_VERSION = re.compile(r"version (\d+)\.(\d+)\.(\d+)")
_HEADER = "edgekd-regions 1"
_MAX_OUTPUT_BYTES = 256 * 1024 * 1024
_TIMEOUT_SECONDS = 60


def count_region(firmware: Firmware, inputs: Sequence[bytes]) -> Counts:
    """Run firmware on each input and count what one inference takes.

    Args:
        firmware: from :func:`edgekd.devices.microcontroller.firmware.build.build_firmware`.
        inputs: payloads, as
            :func:`edgekd.devices.microcontroller.link.emulator.run_emulator` takes them.

    Raises:
        MissingPackage, RunFailed: as the emulator does; and the region was not run once for each
            input.
    """
    image = read_image(firmware.elf)
    program = firmware.board.emulator.program if firmware.board.emulator else ""
    with tempfile.TemporaryDirectory(prefix="edgekd-counts-") as name:
        output = Path(name) / "counts.txt"
        try:
            arguments = plugin_arguments(build_plugin(program), image, output)
        except MissingPackage:
            with Trace(image, emulator_version(program), Path(name)) as trace:
                run_emulator(firmware, inputs, arguments=trace.arguments)
            counts = trace.counts()
        else:
            run_emulator(firmware, inputs, arguments=arguments)
            counts = read_counts(output, image)
    if len(counts.runs) != len(inputs):
        raise RunFailed(
            f"the region was run {len(counts.runs)} times for {len(inputs)} inputs",
            where=firmware.elf.name,
        )
    return counts


def plugin_arguments(plugin: Path, image: Image, output: Path) -> list[str]:
    """Arguments of QEMU that load the plugin for a program, and have it write to a file.

    Raises:
        BadInput: the program lacks the markers of the region.
    """
    begin, end = image.named(BEGIN), image.named(END)
    options = [
        f"file={plugin}",
        f"begin={begin.address:x}:{begin.end:x}",
        f"end={end.address:x}:{end.end:x}",
        *(f"layer={image.named(name).address:x}" for name in layer_names(image)),
        f"out={output}",
    ]
    # A comma would end an option; QEMU takes a doubled one for itself.
    return ["-plugin", ",".join(option.replace(",", ",,") for option in options)]


def read_counts(output: Path, image: Image) -> Counts:
    """Read what the plugin wrote.

    Raises:
        RunFailed: it wrote nothing, not all of it, or sums that do not agree.
    """
    try:
        if output.stat().st_size > _MAX_OUTPUT_BYTES:
            raise RunFailed("the counts of the plugin are too large", where=image.path.name)
        lines = output.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunFailed("the plugin left no counts", where=image.path.name) from error
    names = [NO_LAYER, *layer_names(image)]
    runs: list[int] = []
    layers: dict[str, Histogram] = {}
    try:
        if lines[0] != _HEADER or lines[-1] != "end":
            raise ValueError("cut off")
        for line in lines[1:-1]:
            word, *values = line.split()
            if word == "run":
                runs.append(int(values[0]))
                continue
            layer, address, executed, taken = values
            part = layers.setdefault(names[int(layer)], Histogram({}, {}))
            part.executed[int(address, 16)] = int(executed)
            if int(taken):
                part.taken[int(address, 16)] = int(taken)
    except (ValueError, IndexError) as error:
        raise RunFailed("the plugin's counts are damaged", where=image.path.name) from error
    return checked(Counts(tuple(runs), layers, PLUGIN), image)


def emulator_version(program: str) -> tuple[int, int, int]:
    """Version of an emulator.

    Raises:
        MissingPackage: it is not installed.
    """
    found = _VERSION.search(_said([program, "--version"]))
    if found is None:
        raise MissingPackage(f"{program} does not tell its version", mend="edgekd setup cortex-m4")
    return int(found[1]), int(found[2]), int(found[3])


def build_plugin(program: str = "qemu-system-arm") -> Path:
    """Compile the counting plugin, or take it from the cache.

    It is kept in ``$XDG_CACHE_HOME/edgekd/plugins``, by the hash of its source and the version of
    the emulator that it is for.

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
    key = digest([_SOURCE.read_text(encoding="utf-8"), list(_FLAGS), list(version)])[:16]
    plugin = cache_folder() / "plugins" / f"regions-{key}.so"
    if not plugin.is_file():
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise MissingPackage("no C compiler for the counting plugin", mend="install gcc")
        _compile(compiler, plugin)
    return plugin


def _compile(compiler: str, plugin: Path) -> None:
    """Compile under another name and rename: a reader sees the whole plugin or none."""
    try:
        plugin.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{plugin.name}.", dir=plugin.parent)
        os.close(handle)
        try:
            command = [compiler, *_FLAGS, "-o", temporary, str(_SOURCE)]
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
