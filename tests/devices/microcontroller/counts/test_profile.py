from __future__ import annotations

import shutil

import pytest

from edgekd.devices.microcontroller.counts.profile import (
    OUTSIDE,
    Profile,
    function_name,
    layer_name,
    profile,
)
from edgekd.devices.microcontroller.firmware.image import read_image
from tests.devices.microcontroller.programs import EMULATOR, OVERHEAD, counted, program

pytestmark = pytest.mark.skipif(
    not (shutil.which(EMULATOR) and shutil.which("arm-none-eabi-gcc")),
    reason="the emulator and the cross compiler are not installed",
)

# Two layers that share a kernel; the second one calls it between two instructions of its own.
FUNCTIONS = """
    function edgekd_sum.constprop.0     @ 1 + 2 * 10 + 1 = 22
    movs r0, #10
1:  subs r0, #1
    bne 1b
    bx lr
    finish edgekd_sum.constprop.0
    function model_layer_10_fully_connected     @ 3 and 22
    push {lr}
    bl edgekd_sum.constprop.0
    pop {pc}
    finish model_layer_10_fully_connected
    function model_layer_2_mean                 @ 4 and 2 * 22
    push {lr}
    bl edgekd_sum.constprop.0
    bl edgekd_sum.constprop.0
    pop {pc}
    finish model_layer_2_mean
    function model_run                          @ 4
    push {lr}
    bl model_layer_2_mean
    bl model_layer_10_fully_connected
    pop {pc}
    finish model_run
"""
WHOLE = 1 + 4 + 4 + 44 + 3 + 22 + OVERHEAD


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    elf = program(
        tmp_path_factory.mktemp("profile"), "    bl model_run", runs=2, functions=FUNCTIONS
    )
    return profile(counted(elf), read_image(elf))


def test_layers_are_named_and_in_their_order(found: Profile) -> None:
    lines = [(line.name, line.instructions) for line in found.layers[:2]]
    assert lines == [("2 mean", 4 + 44), ("10 fully_connected", 3 + 22)]


def test_functions_are_named_and_the_largest_is_first(found: Profile) -> None:
    lines = {line.name: line.instructions for line in found.functions}
    assert found.functions[0].name == "sum"
    assert lines["sum"] == 3 * 22
    assert lines["model_run"] == 4
    assert lines["2 mean"] == 4
    assert lines["10 fully_connected"] == 3


def test_shares_sum_up_to_the_whole(found: Profile) -> None:
    for lines in (found.layers, found.functions):
        assert sum(line.share for line in lines) == pytest.approx(1)
        assert sum(line.instructions for line in lines) == WHOLE


def test_what_runs_between_layers_belongs_to_none(found: Profile) -> None:
    assert found.layers[-1].name == OUTSIDE


def test_names_of_clones_are_those_of_the_source() -> None:
    assert layer_name("model_layer_3_depthwise_conv_2d.constprop.0") == "3 depthwise_conv_2d"
    assert function_name("edgekd_dsp_conv.isra.0.part.1") == "dsp_conv"
    assert function_name("memcpy") == "memcpy"
