from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.devices.microcontroller.counts.counting import PLUGIN_SOURCE, count_region, read_counts
from edgekd.devices.microcontroller.counts.records import NO_LAYER
from edgekd.devices.microcontroller.counts.tracing import Trace
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.firmware.image import read_image
from edgekd.devices.plugins import build_plugin
from edgekd.errors import RunFailed
from tests.devices.microcontroller.library import (
    ELEMENTS,
    TARGETS,
    target_named,
    write_library,
)
from tests.devices.microcontroller.programs import (
    EMULATOR,
    OVERHEAD,
    counted,
    program,
    run,
    traced,
)

pytestmark = pytest.mark.skipif(
    not (shutil.which(EMULATOR) and shutil.which("arm-none-eabi-gcc")),
    reason="the emulator and the cross compiler are not installed",
)

LOOP = """
    ldr r0, ={turns}
1:  {work}
    subs r0, #1
    bne 1b
"""
LAYERS = """
    function kernel             @ 2 + 3 turns of 2 + 1 = 9
    movs r0, #3
    nop
1:  subs r0, #1
    bne 1b
    bx lr
    finish kernel
    function model_layer_0_conv_2d      @ 4, and the kernel twice
    push {lr}
    bl kernel
    bl kernel
    pop {pc}
    finish model_layer_0_conv_2d
    function model_layer_1_softmax      @ 5
    nop
    nop
    nop
    nop
    bx lr
    finish model_layer_1_softmax
    function model_run
    push {lr}
    bl model_layer_0_conv_2d
    bl model_layer_1_softmax
    pop {pc}
    finish model_run
"""
# Every way to leave a straight line: if-then, compare and branch, tables, loads of the counter.
TWISTED = """
    movs r4, #5
1:  movs r5, r4
    ands r5, #1
    ite eq
    addeq r6, #1
    subne r6, #1
    cbz r5, 2f
    nop
2:  tbb [pc, r5]
    .byte 1, 2
    b 3f                @ even
    nop                 @ odd
3:  bl twisted
    subs r4, #1
    bne 1b
"""
TWISTED_FUNCTION = """
    function twisted
    push {r4, lr}
    cmp r4, #3
    it lt
    poplt {r4, pc}
    movs r0, #2
    pop {r4, pc}
    finish twisted
"""


@settings(max_examples=15, deadline=None)
@given(
    turns=st.integers(1, 70_000),
    work=st.lists(st.sampled_from(["nop", "adds r1, r0", "mul r2, r1, r0"]), max_size=6),
    runs=st.integers(1, 3),
)
def test_a_loop_is_counted_to_the_instruction(turns: int, work: list[str], runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        body = LOOP.format(turns=turns, work="\n".join(work))
        counts = counted(program(Path(folder), body, runs=runs))
    assert counts.runs == (1 + turns * (len(work) + 2) + OVERHEAD,) * runs
    assert counts.histogram.instructions == sum(counts.runs)
    # Each turn but the last jumps back, and each run calls the end marker.
    assert sum(counts.histogram.taken.values()) == runs * (turns - 1 + 1)


def test_the_histogram_has_every_address_with_its_executions(tmp_path: Path) -> None:
    elf = program(tmp_path, "    movs r0, #100\n1:  nop\n    subs r0, #1\n    bne 1b\n")
    # Behind the frame's two long instructions: the counter of runs, and the call of the marker.
    first = read_image(elf).named("edgekd_reset").address + 4 + 4
    executed = counted(elf).histogram.executed
    assert executed == {first: 1, first + 2: 100, first + 4: 100, first + 6: 100, first + 8: 1}


def test_two_runs_count_the_same(tmp_path: Path) -> None:
    elf = program(tmp_path, TWISTED, runs=2, functions=TWISTED_FUNCTION)
    assert counted(elf) == counted(elf)


def test_each_layer_has_its_own_count(tmp_path: Path) -> None:
    elf = program(tmp_path, "    bl model_run", runs=2, functions=LAYERS)
    counts = counted(elf)
    # model_run: push, bl, bl, pop. The first two run before the first layer begins.
    sums = {name: layer.instructions for name, layer in counts.layers.items()}
    assert sums == {
        NO_LAYER: 2 * (1 + 2),
        "model_layer_0_conv_2d": 2 * (4 + 2 * 9 + 1),
        "model_layer_1_softmax": 2 * (5 + 1 + OVERHEAD),
    }
    assert counts.runs == (3 + 23 + 7,) * 2


def test_the_trace_counts_what_the_plugin_counts(tmp_path: Path) -> None:
    functions = TWISTED_FUNCTION + LAYERS
    elf = program(tmp_path, TWISTED + "    bl model_run", runs=3, functions=functions)
    by_plugin, by_trace = counted(elf), traced(elf, tmp_path)
    assert by_trace.runs == by_plugin.runs
    assert by_trace.layers == by_plugin.layers
    assert (by_plugin.counted_by, by_trace.counted_by) == ("TCG plugin", "instruction trace")


def test_a_trace_without_an_emulator_does_not_hang(tmp_path: Path) -> None:
    elf = program(tmp_path, "    nop")
    with Trace(read_image(elf), (7, 2, 0), tmp_path) as trace:
        pass
    with pytest.raises(RunFailed, match="never ran"):
        trace.counts()


def test_a_region_that_never_runs_is_an_error(tmp_path: Path) -> None:
    elf = program(tmp_path, "    b finished     @ the end marker is not reached")
    with pytest.raises(RunFailed, match="never ran"):
        counted(elf)


def test_counts_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    elf = program(tmp_path, LOOP.format(turns=3, work="nop"))
    counted(elf)
    image, whole = read_image(elf), elf.with_suffix(".counts").read_text()
    for length in range(len(whole) - 1):
        damaged = tmp_path / "damaged"
        damaged.write_text(whole[:length])
        with pytest.raises(RunFailed):
            read_counts(damaged, image)
    damaged.write_text(whole.replace("run 11", "run 12"))
    with pytest.raises(RunFailed, match="sum up"):
        read_counts(damaged, image)


def test_a_wrong_option_of_the_plugin_stops_the_emulator(tmp_path: Path) -> None:
    elf = program(tmp_path, "    nop")
    with pytest.raises(subprocess.CalledProcessError):
        run(
            elf,
            [
                "-plugin",
                f"file={build_plugin(PLUGIN_SOURCE, EMULATOR)},begin=zero,out={tmp_path}/o",
            ],
        )


@pytest.mark.parametrize("name", TARGETS)
def test_one_inference_is_counted_on_every_board(tmp_path: Path, name: str) -> None:
    firmware = build_firmware(write_library(tmp_path / "library"), target_named(name))
    counts = count_region(firmware, [bytes(range(ELEMENTS)), bytes(ELEMENTS)])
    # No branch of it depends on the data.
    assert counts.runs == (counts.instructions,) * 2
    layer = counts.layers["model_layer_0_affine"]
    address = read_image(firmware.elf).named("model_layer_0_affine").address
    assert layer.executed[address] == 2
    assert counts.counted_by == "TCG plugin"


def test_without_the_plugin_the_firmware_is_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = build_firmware(write_library(tmp_path / "library"), target_named("cortex-m4"))
    inputs = [bytes(range(ELEMENTS)), bytes(ELEMENTS)]
    by_plugin = count_region(firmware, inputs)
    found = shutil.which(EMULATOR)
    assert found is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / EMULATOR).symlink_to(found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    by_trace = count_region(firmware, inputs)
    assert by_trace.counted_by == "instruction trace"
    assert (by_trace.runs, by_trace.layers) == (by_plugin.runs, by_plugin.layers)
