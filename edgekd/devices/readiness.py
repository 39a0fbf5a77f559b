"""What a target needs on this machine: Python packages, compilers, emulators, ports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import EdgekdError
from edgekd.target import Target

# Import names to the extra that brings them.
_EXTRAS = {
    "ai_edge_litert": "tflite",
    "capstone": "microcontroller",
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
    return [*_python_packages(target), *_tools(target), *_port(target)]


def _python_packages(target: Target) -> Iterator[Missing]:
    for name in target.packages:
        if find_spec(name) is None:
            extra = _EXTRAS.get(name)
            package = f'"edgekd[{extra}]"' if extra else name
            yield Missing(f"the Python package {name}", f"pip install {package}")


def _tools(target: Target) -> Iterator[Missing]:
    part = target.microcontroller
    if part is None or target.format != "c":
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
        if shutil.which(program) is None:
            yield Missing(program, f"apt-get install {' '.join(wanted)}", wanted)
    if emulator is not None and shutil.which("gcc") is None:
        yield Missing(
            "gcc, without which instructions are counted by a slow trace",
            "apt-get install gcc",
            ("gcc", "libc6-dev"),
            needed=False,
        )


def _port(target: Target) -> Iterator[Missing]:
    part = target.microcontroller
    if part is None or target.device != "serial":
        return
    if part.port is None:
        yield Missing("a serial port", "set microcontroller.port in the target")
    elif not Path(part.port).exists():
        yield Missing(f"the port {part.port}", "plug the board in, or set microcontroller.port")
