"""What outside of edgekd's own code decides what a device measures: compiler, emulator, boards."""

from __future__ import annotations

from edgekd.catalog import shipped
from edgekd.errors import EdgekdError
from edgekd.files import digest, files_below, sha256_of
from edgekd.target import Target


def device_fingerprint(target: Target) -> dict[str, str]:
    """Name to version or content hash; empty where a device needs nothing but Python packages.

    What is missing here is left out: running says so.
    """
    if target.device == "qemu-arm64":
        return _arm64(target)
    part = target.microcontroller
    if part is None or target.format != "c":
        return {}
    from edgekd.devices.microcontroller.firmware.board import find_board
    from edgekd.devices.microcontroller.firmware.toolchain import find_compiler
    from edgekd.devices.plugins import emulator_version

    found: dict[str, str] = {}
    try:
        board, folder = find_board(part.board)
        sources = [*files_below(folder), *files_below(shipped("targets") / "firmware")]
        sources += sorted((shipped("targets") / "boards").glob("*.*"))
        found["firmware"] = digest([sha256_of(path) for path in sources])
        found["compiler"] = find_compiler(part.toolchain, target.name).version
        if board.emulator is not None:
            found["emulator"] = ".".join(map(str, emulator_version(board.emulator.program)))
    except EdgekdError:
        return found
    return found


def _arm64(target: Target) -> dict[str, str]:
    from edgekd.devices.arm64.counts import CLOCK_SOURCE, PLUGIN_SOURCE
    from edgekd.devices.arm64.guest_process import EMULATOR, installed
    from edgekd.devices.plugins import emulator_version, plugin_key

    found = {"plugin": plugin_key(PLUGIN_SOURCE), "clock": plugin_key(CLOCK_SOURCE)}
    try:
        found["emulator"] = ".".join(map(str, emulator_version(EMULATOR)))
        found["sysroot"] = installed(target).key
    except EdgekdError:
        return found
    return found
