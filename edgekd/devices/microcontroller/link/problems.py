"""What the firmware reports when it cannot go on, in the words of the core's manual."""

from __future__ import annotations

from edgekd.devices.microcontroller.firmware.build import Firmware
from edgekd.devices.microcontroller.link.protocol import (
    DamagedFrame,
    ErrorCode,
    Fault,
    Frame,
    FrameType,
    parse_error,
    parse_fault,
)
from edgekd.errors import EdgekdError, RunFailed

# Bits of CFSR: Armv8-M Architecture Reference Manual, D1.2.11; STKOF is bit 4 of UFSR.
_CFSR = {
    0: "instruction access violation",
    1: "data access violation",
    3: "memory fault on unstacking",
    4: "memory fault on stacking",
    5: "memory fault on saving floating point",
    8: "instruction bus error",
    9: "precise data bus error",
    10: "imprecise data bus error",
    11: "bus fault on unstacking",
    12: "bus fault on stacking",
    13: "bus fault on saving floating point",
    16: "undefined instruction",
    17: "invalid state",
    18: "invalid return",
    19: "no coprocessor",
    20: "stack overflow",
    24: "unaligned access",
    25: "division by zero",
}
# mcause: RISC-V Privileged Architecture, table 3.6.
_MCAUSE = {
    0: "instruction address misaligned",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load address misaligned",
    5: "load access fault",
    6: "store address misaligned",
    7: "store access fault",
}


def raise_problem(frame: Frame, firmware: Firmware) -> None:
    """Do nothing with an answer; raise what an ``ERROR`` or a ``FAULT`` reports.

    Raises:
        DamagedFrame: the request arrived damaged; asking again may help.
        RunFailed: anything else.
    """
    if frame.type == FrameType.FAULT:
        raise RunFailed(_fault_line(parse_fault(frame.payload), firmware), where=firmware.target)
    if frame.type != FrameType.ERROR:
        return
    code = parse_error(frame.payload)
    if code == ErrorCode.STACK:
        raise RunFailed(
            f"one inference needs more than the {firmware.stack_bytes} bytes of stack",
            where=firmware.target,
        )
    # A line that loses bytes can turn a request into any other.
    raise DamagedFrame(f"the firmware refused a request ({code.name})", where=firmware.target)


def _fault_line(fault: Fault, firmware: Firmware) -> str:
    cause = _cause(fault.cause, firmware.board.architecture == "riscv")
    at = f" at address {fault.address:#010x}" if fault.address else ""
    if not fault.pc:
        return f"hard fault: {cause}{at}; the {firmware.stack_bytes} bytes of stack may be too few"
    return (
        f"hard fault in {_function(fault.pc, firmware)} (PC {fault.pc:#010x}, LR {fault.lr:#010x}):"
        f" {cause}{at}"
    )


def _cause(cause: int, riscv: bool) -> str:
    if riscv:
        return _MCAUSE.get(cause, f"mcause {cause:#x}")
    names = [name for bit, name in _CFSR.items() if cause >> bit & 1]
    return ", ".join(names) or f"CFSR {cause:#010x}"


def _function(address: int, firmware: Firmware) -> str:
    from edgekd.devices.microcontroller.firmware.image import read_image

    try:
        symbol = read_image(firmware.elf).at(address & ~1)
    except EdgekdError:
        # The fault is the news, not that its function cannot be named.
        return "an unknown function"
    return symbol.name if symbol else "no function of the image"
