"""Firmware on real emulators: what it answers, and how every way of failing is told."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekd.devices.microcontroller.firmware.build import Firmware, build_firmware
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.devices.microcontroller.link.protocol import (
    DamagedFrame,
    Frame,
    FrameType,
    encode_frame,
    parse_error,
    read_frame,
)
from edgekd.errors import BadInput, MissingPackage, RunFailed
from tests.devices.microcontroller.library import TARGETS, target_named, write_library

PAYLOADS = [bytes(range(start, start + 16)) for start in (0, 100, 240)]
UNUSED = "(void)input; (void)output;"


def affine(payload: bytes) -> bytes:
    return bytes((value * 3 + 1) % 256 for value in payload)


def firmware_of(folder: Path, name: str, **parts: str) -> Firmware:
    return build_firmware(write_library(folder, **parts), target_named(name))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TARGETS)
def test_every_board_boots_and_answers(library: Path, name: str) -> None:
    target = target_named(name)
    emulation = run_emulator(build_firmware(library, target), PAYLOADS)
    hello = emulation.hello
    assert target.microcontroller is not None
    assert hello.core == target.microcontroller.core
    assert (hello.arena_bytes, hello.stack_limit_bytes) == (32, 4096)
    assert not hello.counts_cycles
    assert [answer.outputs for answer in emulation.answers] == [affine(item) for item in PAYLOADS]
    assert {answer.cycles for answer in emulation.answers} == {0}
    assert all(0 < answer.stack_bytes < 100 for answer in emulation.answers)


@pytest.mark.parametrize("name", TARGETS)
def test_variables_keep_and_constants_lie_where_they_should(tmp_path: Path, name: str) -> None:
    """Initial values are copied, zeros are zero, and the C library and floating point work."""
    firmware = firmware_of(
        tmp_path,
        name,
        declarations=(
            "static int runs = 5; static int zeros[3]; static const int8_t table[4] = {1, 2, 3, 4};"
            "static volatile float half = 0.5f; static int8_t copy[16];"
        ),
        loop=(
            "if (index == 0) { memcpy(copy, input, 16); ++runs; }"
            "output[index] = (int8_t)(copy[index] + runs + zeros[index % 3] + table[index % 4]"
            " + (int)(half * 8.0f));"
        ),
    )
    emulation = run_emulator(firmware, PAYLOADS[:2])
    for run, (payload, answer) in enumerate(zip(PAYLOADS, emulation.answers, strict=False), 6):
        expected = bytes((value + run + i % 4 + 5) % 256 for i, value in enumerate(payload))
        assert answer.outputs == expected


@pytest.mark.parametrize("name", TARGETS)
def test_the_stack_of_the_call_is_measured(tmp_path: Path, name: str) -> None:
    firmware = firmware_of(
        tmp_path,
        name,
        loop=(
            "volatile char room[2000];"
            "for (int at = 0; at < 2000; ++at) { room[at] = input[index]; }"
            "output[index] = room[1999];"
        ),
    )
    [answer] = run_emulator(firmware, PAYLOADS[:1]).answers
    assert 2000 <= answer.stack_bytes < 2100


@pytest.mark.parametrize("name", TARGETS)
def test_a_stack_that_runs_over_is_noticed(tmp_path: Path, name: str) -> None:
    firmware = firmware_of(
        tmp_path,
        name,
        declarations=(
            "static int deep(volatile int n);"
            "__attribute__((noinline)) static int deep(volatile int n)"
            " { volatile int kept = n; return n > 0 ? deep(n - 1) + kept : 0; }"
        ),
        loop="output[index] = (int8_t)(deep(400) + input[index]);",
    )
    with pytest.raises(RunFailed, match="4096 bytes of stack"):
        run_emulator(firmware, PAYLOADS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_hard_fault_names_its_function(tmp_path: Path, name: str) -> None:
    firmware = firmware_of(
        tmp_path,
        name,
        declarations=(
            "__attribute__((noinline)) static void edgekd_broken(void) { __builtin_trap(); }"
        ),
        loop=f"{UNUSED} edgekd_broken();",
    )
    expected = "breakpoint" if name == "riscv32" else "undefined instruction"
    with pytest.raises(RunFailed, match=rf"hard fault in edgekd_broken \(PC 0x.*{expected}"):
        run_emulator(firmware, PAYLOADS)


@pytest.mark.parametrize("name", ["cortex-m3", "cortex-m33", "riscv32"])
def test_a_bad_access_tells_its_address(tmp_path: Path, name: str) -> None:
    address = 0xDEAD0000
    loop = f"output[index] = *(volatile int8_t *){address:#x}u; (void)input;"
    firmware = firmware_of(tmp_path, name, loop=loop)
    with pytest.raises(RunFailed, match=f"at address {address:#010x}"):
        run_emulator(firmware, PAYLOADS)


@pytest.mark.parametrize("name", ["cortex-m4", "riscv32"])
def test_a_hang_is_stopped_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    firmware = firmware_of(tmp_path, name, loop=f"{UNUSED} if (input[0] == 100) for (;;) {{}}")
    start = time.monotonic()
    with pytest.raises(RunFailed, match="ran longer than 1 s, after 1 of 3 inferences"):
        run_emulator(firmware, PAYLOADS, timeout_seconds=1)
    assert time.monotonic() - start < 10
    assert not still_running(firmware.elf)


def still_running(elf: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue
        if os.fsencode(elf) in command:
            found.append(process.parent.name)
    return found


def test_a_missing_emulator_names_its_package(
    library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    firmware = build_firmware(library, target_named("riscv32"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackage, match="qemu-system-riscv32 is not installed") as caught:
        run_emulator(firmware, PAYLOADS)
    assert "apt-get install qemu-system-misc" in str(caught.value)


def test_what_the_emulator_complains_of_is_told(library: Path) -> None:
    firmware = build_firmware(library, target_named("cortex-m4"))
    with pytest.raises(
        RunFailed, match=r"exit status 1 \(qemu-system-arm: .*absent\.so.*before it"
    ):
        run_emulator(firmware, PAYLOADS, arguments=["-plugin", "file=/absent.so"])


def test_an_input_of_another_length_is_refused(library: Path) -> None:
    firmware = build_firmware(library, target_named("cortex-m4"))
    with pytest.raises(DamagedFrame, match="LENGTH"):
        run_emulator(firmware, [PAYLOADS[0], b"short"])


def answers_to(firmware: Firmware, requests: bytes, folder: Path) -> list[Frame]:
    """What the firmware says to any bytes at all; it must end by itself, with success."""
    (folder / "requests").write_bytes(requests)
    emulator = firmware.board.emulator
    assert emulator is not None
    command = [emulator.program, *emulator.arguments, "-display", "none", "-serial", "none"]
    command += ["-monitor", "none", "-semihosting-config", "enable=on,target=native"]
    subprocess.run([*command, "-kernel", firmware.elf], cwd=folder, timeout=20, check=True)
    found = []
    with (folder / "answers").open("rb") as stream:
        while frame := read_frame(stream.read):
            found.append(frame)
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rubbish=st.binary(max_size=40),
    kind=st.sampled_from([1, 2, 3, 0x81]),
    length=st.sampled_from([0, 15, 16, 17, 2**32 - 1]),
    cut=st.integers(0, 40),
)
def test_the_firmware_survives_any_bytes(
    library: Path, tmp_path: Path, rubbish: bytes, kind: int, length: int, cut: int
) -> None:
    """Rubbish and a damaged request; then, if nothing of it was swallowed, a good one."""
    firmware = build_firmware(library, target_named("cortex-m3"))
    damaged = b"EDGK" + b"".join(v.to_bytes(4, "little") for v in (kind, 7, length)) + rubbish
    good = encode_frame(FrameType.RUN, 9, PAYLOADS[0])
    answers = answers_to(firmware, rubbish + damaged[:cut] + bytes(64) + good, tmp_path)
    assert answers[-1].type == FrameType.RUN_ANSWER
    assert answers[-1].payload[8:] == affine(PAYLOADS[0])
    for frame in answers[:-1]:
        assert parse_error(frame.payload)


def test_a_board_without_an_emulator_is_refused(
    library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    firmware = build_firmware(library, target_named("cortex-m4"))
    board = firmware.board.model_copy(update={"emulator": None})
    with pytest.raises(BadInput, match="no emulator knows the board"):
        run_emulator(Firmware(**{**vars(firmware), "board": board}), PAYLOADS)
