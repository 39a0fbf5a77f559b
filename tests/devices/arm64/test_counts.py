from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.devices.arm64.counts import read_counts
from edgekd.devices.arm64.symbols import OUTSIDE, Symbols, demangled
from edgekd.errors import RunFailed
from tests.devices.arm64.programs import COMPILER, OVERHEAD, counted, output_of, program

pytestmark = pytest.mark.skipif(
    not shutil.which(COMPILER), reason="the cross compiler is not installed"
)

LOOP = """
    mark BEGIN
    mov x1, #{turns}
1:  {work}
    subs x1, x1, #1
    b.ne 1b
    mark END
"""
EMPTY = "    mark BASELINE\n    mark END\n"
# Opens the model, maps 64 pages and touches 40 of them, and gives them back.
MEMORY = """
    mov x0, #-100
    adr x1, model
    mov x2, #0
    call 56             // openat
    mov x0, #0
    mov x1, #0x40000
    mov x2, #3          // read and write
    mov x3, #0x22       // private, anonymous
    mov x4, #-1
    mov x5, #0
    call 222            // mmap
    mov x9, x0
    mov x1, #40
1:  str x1, [x9]
    add x9, x9, #4096
    subs x1, x1, #1
    b.ne 1b
    mov x1, #0x40000
    call 215            // munmap
"""
# A thread that shares the memory and counts for ever.
THREAD = """
    ldr x0, =0x50f00    // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
    mov x1, sp
    sub x1, x1, #4096
    mov x2, #0
    mov x3, #0
    mov x4, #0
    call 220            // clone
    cbz x0, spin
"""
SPIN = """
spin:
    add x1, x1, #1
    b spin
"""


@settings(max_examples=8, deadline=None)
@given(
    turns=st.integers(1, 60_000),
    work=st.lists(st.sampled_from(["nop", "add x2, x2, x1", "mul x3, x2, x1"]), max_size=6),
)
def test_a_loop_is_counted_to_the_instruction(turns: int, work: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loop = LOOP.format(turns=turns, work="\n".join(work))
        counts = counted(program(Path(folder), EMPTY + loop + loop))
    assert counts.empty == [OVERHEAD]
    assert counts.regions == [1 + turns * (len(work) + 2) + OVERHEAD] * 2
    # The blocks say where: their sum is the same.
    blocks = sum(block.executed * block.instructions for block in counts.blocks)
    assert blocks == counts.regions[0]
    assert sum(block.executed_empty * block.instructions for block in counts.blocks) == OVERHEAD
    assert not counts.disturbed


def test_the_shortest_region_after_the_warm_up_is_told_by_block(tmp_path: Path) -> None:
    turns = [10, 50, 30, 40]
    body = "".join(LOOP.format(turns=number, work="nop") for number in turns)
    counts = counted(program(tmp_path, body), warmup=1)
    assert counts.regions == [1 + number * 3 + OVERHEAD for number in turns]
    blocks = sum(block.executed * block.instructions for block in counts.blocks)
    assert blocks == counts.regions[2]


def test_the_peak_is_seen_though_the_memory_was_given_back(tmp_path: Path) -> None:
    counts = counted(program(tmp_path, MEMORY + EMPTY))
    assert counts.memory is not None
    assert counts.memory.peak - counts.memory.before == 40 * 4096


def test_without_the_model_there_is_no_memory(tmp_path: Path) -> None:
    assert counted(program(tmp_path, EMPTY)).memory is None


def test_another_thread_in_a_region_is_noticed(tmp_path: Path) -> None:
    loop = LOOP.format(turns=1000, work="nop")
    counts = counted(program(tmp_path, THREAD + loop, functions=SPIN))
    assert counts.disturbed


def test_addresses_have_names(tmp_path: Path) -> None:
    functions = "    .type work, %function\nwork: nop\n    ret\n    .size work, . - work\n"
    body = "    mark BEGIN\n    bl work\n    mark END\n"
    elf = program(tmp_path, body, functions)
    counts = counted(elf)
    symbols = Symbols(counts.files)
    names = {symbols.name(block.address): block.instructions for block in counts.blocks}
    assert names[elf.name, "work"] == 2
    assert (elf.name, "_start") in names
    assert symbols.name(0xDEAD0000) == (OUTSIDE, "")


def test_names_of_cpp_are_made_readable() -> None:
    if shutil.which("c++filt") is None:
        pytest.fail("binutils come with the compiler")
    assert demangled(["_ZN6tflite8Subgraph6InvokeEv", "xnn_gemm"]) == {
        "_ZN6tflite8Subgraph6InvokeEv": "tflite::Subgraph::Invoke",
        "xnn_gemm": "xnn_gemm",
    }


def test_counts_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    output = output_of(program(tmp_path, MEMORY + EMPTY + LOOP.format(turns=3, work="nop")))
    whole = output.read_text()
    for length in range(len(whole) - 1):
        output.write_text(whole[:length])
        with pytest.raises(RunFailed):
            read_counts(output)
    for damage in ("region x", "block 1 2", "file 1", "thread 1"):
        output.write_text(whole.replace("done", f"{damage}\ndone"))
        with pytest.raises(RunFailed, match="damaged"):
            read_counts(output)
    output.unlink()
    with pytest.raises(RunFailed, match="no counts"):
        read_counts(output)
