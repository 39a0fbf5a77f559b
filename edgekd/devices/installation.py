"""Installs what a target needs, as far as this user may, and removes what only edgekd uses.

That is Debian packages, the counting plugin, and the sysroot of an emulated phone.
"""

from __future__ import annotations

from pathlib import Path

from edgekd.debian import install_packages, may_install
from edgekd.devices.readiness import ARM64_SYSROOT, Missing, missing_for
from edgekd.errors import EdgekdError, RunFailed
from edgekd.target import Target


def set_up(target: Target) -> list[Missing]:
    """Install Debian packages, build the sysroot or the counting plugin; what is still missing.

    Packages are installed by root, or by ``sudo`` where that asks no password; nothing else on the
    system is changed. What only the user can get, such as a Python package, is left to them.

    Raises:
        MissingPackage: what fetches the sysroot's packages is not installed.
        RunFailed: the package manager failed, or the sysroot's packages cannot be had.
    """
    wanted = sorted({name for missing in missing_for(target) for name in missing.debian})
    if wanted and may_install():
        why = install_packages(wanted)
        if why:
            raise RunFailed(f"apt-get could not install {' '.join(wanted)}", mend=why)
    missing = missing_for(target)
    if [one.what for one in missing if one.needed] == [ARM64_SYSROOT]:
        _build_sysroot(target)
        missing = missing_for(target)
    if not missing and target.device == "qemu-cortex-m":
        _compile_plugin(target)
    return missing


def notes_for(target: Target) -> list[str]:
    """What was set up otherwise than it was pinned, one line each."""
    if target.device != "qemu-arm64":
        return []
    from edgekd.devices.arm64.cores import core_of
    from edgekd.devices.arm64.sysroot import find_sysroot

    sysroot = find_sysroot(target.runtime, core_of(target))
    return [] if sysroot is None else list(sysroot.notes)


def remove(target: Target) -> list[Path]:
    """Remove a target's sysroot, and those of its parts that no other one needs; what went.

    Debian packages stay: others may use them.

    Raises:
        BadInput: the target names no core that can be emulated.
        RunFailed: the cache cannot be written.
    """
    if target.device != "qemu-arm64":
        return []
    from edgekd.devices.arm64.cores import core_of
    from edgekd.devices.arm64.sysroot import remove_sysroots

    return remove_sysroots(target.runtime, core=core_of(target))


def _build_sysroot(target: Target) -> None:
    from edgekd.devices.arm64.cores import core_of
    from edgekd.devices.arm64.counts import CLOCK_SOURCE, PLUGIN_SOURCE
    from edgekd.devices.arm64.guest_process import EMULATOR
    from edgekd.devices.arm64.sysroot import build_sysroot
    from edgekd.devices.plugins import build_plugin

    build_sysroot(target.runtime, core_of(target))
    for source in (PLUGIN_SOURCE, CLOCK_SOURCE):
        build_plugin(source, EMULATOR)


def _compile_plugin(target: Target) -> None:
    from edgekd.devices.microcontroller.counts.counting import PLUGIN_SOURCE
    from edgekd.devices.microcontroller.firmware.board import find_board
    from edgekd.devices.plugins import build_plugin

    assert target.microcontroller is not None
    board, _ = find_board(target.microcontroller.board)
    assert board.emulator is not None
    try:
        build_plugin(PLUGIN_SOURCE, board.emulator.program)
    except EdgekdError:
        # Counts then come from the emulator's own clock, and the records say so.
        return
