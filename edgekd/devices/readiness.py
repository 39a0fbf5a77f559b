"""What a target needs on this machine: Python packages, SDKs, compilers, emulators, ports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import EdgekdError, MissingPackage
from edgekd.target import Target
from edgekd.vendor_sdk import missing_sdk

ARM64_SYSROOT = "the ARM64 sysroot"
# Import names to the extra that brings them.
_EXTRAS = {
    "ai_edge_litert": "tflite",
    "capstone": "microcontroller",
    "coremltools": "executorch",
    "elftools": "microcontroller",
    "ethosu": "ethos",
    "executorch": "executorch",
    "litert_torch": "tflite",
    "onnxruntime": "onnx",
    "serial": "microcontroller",
    "tosa_serializer": "ethos",
}


@dataclass(frozen=True)
class Missing:
    """Something that a target needs and this machine lacks.

    Attributes:
        what: its name.
        mend: how to get it.
        debian: packages that bring it.
        needed: without it nothing runs; otherwise only less is known.
    """

    what: str
    mend: str
    debian: tuple[str, ...] = ()
    needed: bool = True


def missing_for(target: Target) -> list[Missing]:
    """All that a target lacks here, the most important first."""
    return [
        *_python_packages(target),
        *_sdk(target),
        *_tools(target),
        *_arm64(target),
        *_adb(target),
        *_port(target),
    ]


def _python_packages(target: Target) -> Iterator[Missing]:
    for name in target.packages:
        if find_spec(name) is None:
            extra = _EXTRAS.get(name)
            package = f'"edgekd[{extra}]"' if extra else name
            yield Missing(f"the Python package {name}", f"pip install {package}")


def _sdk(target: Target) -> Iterator[Missing]:
    reason = None if target.sdk is None else missing_sdk(target.sdk)
    if reason is not None:
        what, _, mend = reason.partition(": ")
        yield Missing(what, mend)


def _tools(target: Target) -> Iterator[Missing]:
    part = target.microcontroller
    if part is None or target.format != "c" or target.device == "adb":
        return
    from edgekd.devices.microcontroller.firmware.board import find_board
    from edgekd.devices.microcontroller.firmware.toolchain import packages

    try:
        board, _ = find_board(part.board)
    except EdgekdError as error:
        yield Missing(f"the board {part.board}", str(error))
        return
    emulator = board.emulator if target.device == "qemu-cortex-m" else None
    wanted_programs = [(f"{part.toolchain}-gcc", packages(part.toolchain))]
    if emulator is not None:
        wanted_programs.append((emulator.program, packages("", emulator.program)))
    for program, wanted in wanted_programs:
        yield from _program(program, *wanted)
    if emulator is not None and shutil.which("gcc") is None:
        yield Missing(
            "gcc, without which instructions are counted by a slow trace",
            "apt-get install gcc",
            ("gcc", "libc6-dev"),
            needed=False,
        )


def _arm64(target: Target) -> Iterator[Missing]:
    if target.device != "qemu-arm64":
        return
    from edgekd.devices.arm64.cores import core_of
    from edgekd.devices.arm64.sysroot import COMPILER, find_sysroot

    yield from _program("qemu-aarch64", "qemu-user")
    if shutil.which("cc") is None:
        yield from _program("gcc", "gcc", "libc6-dev")
    try:
        sysroot = find_sysroot(target.runtime, core_of(target))
    except EdgekdError as error:
        yield Missing("a core and a runtime that can be emulated", str(error))
        return
    if sysroot is not None:
        return
    if target.runtime == "executorch":
        yield from _program(COMPILER, "g++-aarch64-linux-gnu")
    yield Missing(ARM64_SYSROOT, f"edgekd setup {target.name}")


def _adb(target: Target) -> Iterator[Missing]:
    if target.device != "adb":
        return
    from edgekd.devices.adb.program import find_adb
    from edgekd.devices.microcontroller.firmware.toolchain import packages

    try:
        find_adb()
    except MissingPackage as error:
        yield Missing("the program adb", error.mend, ("adb",))
    part = target.microcontroller
    if part is not None and target.format == "c":
        yield from _program(f"{part.toolchain}-gcc", *packages(part.toolchain))


def _program(name: str, *debian: str) -> Iterator[Missing]:
    if shutil.which(name) is None:
        yield Missing(name, f"apt-get install {' '.join(debian)}", debian)


def _port(target: Target) -> Iterator[Missing]:
    part = target.microcontroller
    if part is None or target.device != "serial":
        return
    if part.port is None:
        yield Missing("a serial port", "set microcontroller.port in the target")
    elif not Path(part.port).exists():
        yield Missing(f"the port {part.port}", "plug the board in, or set microcontroller.port")
