"""How many instructions one inference takes, counted exactly on an emulated core.

The emulator runs with a plugin of our own that counts what is retired between the markers
``edgekd_region_begin`` and ``edgekd_region_end``, address by address and layer by layer. Where the
plugin cannot be had (no host compiler, an emulator with another plugin interface), the emulator
writes every executed instruction to a trace instead, which gives the same counts more slowly;
:attr:`Counts.counted_by` says which it was. The markers' own instructions are left out; what is
left besides ``model_run`` are the few instructions of its caller that call it and the end marker.
"""

from __future__ import annotations

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
from edgekd.devices.plugins import build_plugin, emulator_version, plugin_arguments
from edgekd.errors import MissingPackage, RunFailed

PLUGIN = "TCG plugin"
PLUGIN_SOURCE = Path(__file__).parent / "plugin" / "regions.c"
_HEADER = "edgekd-regions 1"
_MAX_OUTPUT_BYTES = 256 * 1024 * 1024


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
            plugin = build_plugin(PLUGIN_SOURCE, program)
        except MissingPackage:
            with Trace(image, emulator_version(program), Path(name)) as trace:
                run_emulator(firmware, inputs, arguments=trace.arguments)
            counts = trace.counts()
        else:
            run_emulator(firmware, inputs, arguments=region_arguments(plugin, image, output))
            counts = read_counts(output, image)
    if len(counts.runs) != len(inputs):
        raise RunFailed(
            f"the region was run {len(counts.runs)} times for {len(inputs)} inputs",
            where=firmware.elf.name,
        )
    return counts


def region_arguments(plugin: Path, image: Image, output: Path) -> list[str]:
    """Arguments of QEMU that load the plugin for a program, and have it write to a file.

    Raises:
        BadInput: the program lacks the markers of the region.
    """
    begin, end = image.named(BEGIN), image.named(END)
    options = {
        "begin": f"{begin.address:x}:{begin.end:x}",
        "end": f"{end.address:x}:{end.end:x}",
        "layer": [f"{image.named(name).address:x}" for name in layer_names(image)],
        "out": output,
    }
    return plugin_arguments(plugin, options)


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
