"""Thumb instructions as the timing tables of the cores speak of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edgekd.devices.microcontroller.firmware.image import Image
from edgekd.errors import BadInput
from edgekd.third_party import require

_LONGEST = 4

_CONDITIONS = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al"
# Mnemonic to kind, first match wins. The groups are those of the tables in the cores' manuals.
_KINDS: tuple[tuple[str, str], ...] = (
    (rf"b|b({_CONDITIONS})|bx|bxns", "branch"),
    (r"bl|blx|blxns", "call"),
    (r"cbn?z", "compare-branch"),
    (r"tb[bh]", "table-branch"),
    (r"it[te]*", "if-then"),
    (r"[us]div", "divide"),
    (r"mul|muls", "multiply"),
    (r"ml[as]", "multiply-accumulate"),
    (r"[us]mull", "long-multiply"),
    (r"[us]mlal|umaal", "long-multiply-accumulate"),
    (r"sml\w+|smm\w+|smu\w+|usada?8", "dsp-multiply"),
    (r"ldrd", "load-double"),
    (r"strd", "store-double"),
    (r"ldm\w*|pop", "load-multiple"),
    (r"stm\w*|push", "store-multiple"),
    (r"ldr\w*|lda\w*", "load"),
    (r"str\w*|stl\w*", "store"),
    (r"vldm\w*|vpop", "float-load-multiple"),
    (r"vstm\w*|vpush", "float-store-multiple"),
    (r"vldr\w*", "float-load"),
    (r"vstr\w*", "float-store"),
    (r"vdiv|vsqrt", "float-divide"),
    (r"vn?ml[as]|vfn?m[as]", "float-multiply-accumulate"),
    (r"v\w+", "float"),
    (r"dsb|dmb|isb|csdb|msr|mrs|cps\w*|svc|bkpt|wf[ie]", "system"),
)
_PATTERNS = tuple((re.compile(pattern), kind) for pattern, kind in _KINDS)
_CONDITIONAL = re.compile(rf"({_CONDITIONS})$")
MEMORY = frozenset(
    {
        "load",
        "store",
        "load-double",
        "store-double",
        "load-multiple",
        "store-multiple",
        "float-load",
        "float-store",
        "float-load-multiple",
        "float-store-multiple",
    }
)
JUMPS = frozenset({"branch", "call", "compare-branch", "table-branch"})


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        kind: group of the timing tables; ``plain`` is data processing.
        transfers: registers of a load or store multiple (words for floating point).
        reads: registers, by capstone's names, the address registers among them.
        writes: registers.
        accumulator: registers that a multiply-accumulate adds to.
        address_reads: registers that form the address of a load or store.
        indexed: the address has an offset register.
        updates_base: the address register is written back.
        loads_pc: the program counter is loaded or written: a jump.
        shifted: an operand is shifted or rotated on its way.
        sets_flags: writes the condition flags.
    """

    address: int
    size: int
    text: str
    kind: str
    transfers: int
    reads: frozenset[str]
    writes: frozenset[str]
    accumulator: frozenset[str]
    address_reads: frozenset[str]
    indexed: bool
    updates_base: bool
    loads_pc: bool
    shifted: bool
    sets_flags: bool

    @property
    def jumps(self) -> bool:
        """Whether control can go elsewhere behind it."""
        return self.kind in JUMPS or self.loads_pc

    @property
    def following(self) -> int:
        """Address behind it."""
        return self.address + self.size


def disassemble(image: Image, addresses: Iterable[int]) -> dict[int, Instruction]:
    """Decode the instructions at these addresses.

    Addresses that follow each other are decoded together, so that an instruction in an if-then
    block is known as the conditional one it is. Only Thumb code is known.

    Args:
        image: the program.
        addresses: of instructions that were executed, in any order.

    Raises:
        BadInput: there is no instruction at one of them.
        MissingPackage: capstone is not installed.
    """
    require("microcontroller", "capstone")
    import capstone

    mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
    engine = capstone.Cs(capstone.CS_ARCH_ARM, mode)
    engine.detail = True
    found: dict[int, Instruction] = {}
    for start, end in _stretches(sorted(set(addresses))):
        for decoded in engine.disasm(image.content(start, end - start), start):
            found[decoded.address] = _instruction(decoded)
    for address in addresses:
        if address not in found:
            raise BadInput(f"no instruction is known at {address:#x}", where=str(image.path))
    return found


def _stretches(addresses: list[int]) -> Iterator[tuple[int, int]]:
    """First address, and one behind the last, of each stretch without a gap."""
    start = previous = None
    for address in addresses:
        if start is None or previous is None or address - previous > _LONGEST:
            if start is not None and previous is not None:
                yield start, previous + _LONGEST
            start = address
        previous = address
    if start is not None and previous is not None:
        yield start, previous + _LONGEST


def _instruction(decoded: Any) -> Instruction:
    from capstone import arm

    name = decoded.reg_name
    kind = _kind(decoded.mnemonic)
    memory = [item.mem for item in decoded.operands if item.type == arm.ARM_OP_MEM]
    base = {name(item.base) for item in memory if item.base}
    index = {name(item.index) for item in memory if item.index}
    registers = [name(item.reg) for item in decoded.operands if item.type == arm.ARM_OP_REG]
    if kind.endswith("-multiple"):
        stack = "push" in decoded.mnemonic or "pop" in decoded.mnemonic
        base, registers = ({"sp"}, registers) if stack else ({registers[0]}, registers[1:])
    reads, writes = (frozenset(map(name, found)) for found in decoded.regs_access())
    if kind not in MEMORY:
        # capstone forgets sources of some instructions, such as the second one of pkhbt.
        reads |= frozenset(registers[1:])
    return Instruction(
        address=decoded.address,
        size=decoded.size,
        text=f"{decoded.mnemonic} {decoded.op_str}".strip(),
        kind=kind,
        transfers=sum(2 if register.startswith("d") else 1 for register in registers),
        reads=reads,
        writes=writes,
        accumulator=frozenset(_accumulator(kind, decoded.mnemonic, registers)),
        address_reads=frozenset(base | index),
        indexed=bool(index),
        updates_base=bool(decoded.writeback) and bool(base & writes),
        loads_pc="pc" in writes and kind not in JUMPS,
        shifted=any(item.shift.type != arm.ARM_SFT_INVALID for item in decoded.operands),
        sets_flags=bool(decoded.update_flags),
    )


def _accumulator(kind: str, mnemonic: str, registers: list[str]) -> list[str]:
    if kind == "long-multiply-accumulate" or mnemonic.startswith(("smlal", "smlsl")):
        return registers[:2]
    return registers[3:4] if kind in ("multiply-accumulate", "dsp-multiply") else []


def _kind(mnemonic: str) -> str:
    # Width suffixes and data types say nothing about time: ldr.w, vadd.f32.
    bare = mnemonic.split(".")[0]
    for candidate in (bare, _CONDITIONAL.sub("", bare)):
        for pattern, kind in _PATTERNS:
            if pattern.fullmatch(candidate):
                return kind
    return "plain"
