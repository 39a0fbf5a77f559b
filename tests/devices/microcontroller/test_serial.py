"""A board on a serial port that loses, changes, delays and makes up bytes: no answer is ever wrong.

The board is an emulated one (see ``peer.py``).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekd.devices import find_device
from edgekd.devices.contract import TensorInfo
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.firmware.elf import account
from edgekd.devices.microcontroller.link.protocol import Frame, FrameType, encode_frame
from edgekd.devices.microcontroller.link.serial_line import open_line
from edgekd.devices.microcontroller.serial import SerialDevice
from edgekd.errors import BadInput, RunFailed
from tests.devices.microcontroller.library import target_named, write_library
from tests.devices.microcontroller.peer import (
    HangUp,
    MadeUpCycles,
    attached,
    encoded,
    target_at,
    whole_frames,
)

STORED = np.random.default_rng(0).integers(-128, 127, (40, 16), np.int8, endpoint=True)
EXPECTED = (STORED.astype(np.int64) * 3 + 1).astype(np.int8)
DEVICE = SerialDevice(timeout_seconds=2.5)
CLOCK_HZ = 16_000_000


@pytest.fixture
def elf(library: Path) -> Path:
    return build_firmware(library, target_at(None)).elf


class Noise:
    """Spoils single bytes, one in so many on average, from a seed."""

    def __init__(self, seed: int, one_in: int, spoil: Callable[[random.Random, int], bytes]):
        self.spoiled = 0
        self._random = random.Random(seed)
        self._one_in = one_in
        self._spoil = spoil

    def __call__(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._random.randrange(self._one_in):
                out.append(byte)
            else:
                out += self._spoil(self._random, byte)
                self.spoiled += 1
        return bytes(out)


def lost(_: random.Random, __: int) -> bytes:
    return b""


def flipped(source: random.Random, byte: int) -> bytes:
    return bytes([byte ^ 1 << source.randrange(8)])


def doubled(_: random.Random, byte: int) -> bytes:
    return bytes([byte, byte])


def replaced(source: random.Random, _: int) -> bytes:
    return source.randbytes(source.randrange(8))


def test_every_sample_runs_on_the_board(library: Path, elf: Path) -> None:
    device = find_device("serial")
    assert isinstance(device, SerialDevice)
    artifact = library / "model.c"
    with attached(elf) as target:
        [info] = device.describe(artifact, target).inputs
        assert info == TensorInfo(
            name="image", shape=[1, 16], dtype="int8", scale=0.5, zero_point=3
        )
        [outputs] = device.run_outputs(artifact, target, [STORED])
        np.testing.assert_array_equal(outputs, EXPECTED)
        with pytest.raises(BadInput, match="do not fit the input 'image'"):
            device.run_outputs(artifact, target, [STORED[:, :8]])


@pytest.mark.parametrize("spoil", [lost, flipped, doubled, replaced])
@pytest.mark.parametrize("direction", ["to_board", "to_host"])
def test_a_bad_line_costs_time_and_no_answer(
    library: Path, elf: Path, direction: str, spoil: Callable[[random.Random, int], bytes]
) -> None:
    noise = Noise(3, 300, spoil)
    with attached(elf, **{direction: noise}) as target:
        [outputs] = DEVICE.run_outputs(library / "model.c", target, [STORED[:20]])
    np.testing.assert_array_equal(outputs, EXPECTED[:20])
    assert noise.spoiled > 0


@pytest.mark.parametrize("direction", ["to_board", "to_host"])
def test_no_byte_of_a_frame_can_be_wrong_unseen(library: Path, elf: Path, direction: str) -> None:
    """The last byte of the first request or answer, the last but one of the second, and so on."""
    damaged: dict[int, int] = {}

    def one_byte(frame: Frame) -> bytes:
        whole = bytearray(encoded(frame))
        wanted = frame.type in (FrameType.RUN, FrameType.RUN_ANSWER)
        if wanted and frame.sequence not in damaged and len(damaged) < len(whole):
            # A flipped length, sequence number or type is a damaged frame like any other.
            place = len(whole) - 1 - len(damaged)
            damaged[frame.sequence] = place
            whole[place] ^= 1
        return bytes(whole)

    samples = np.resize(STORED, (44, 16))
    with attached(elf, **{direction: whole_frames(one_byte)}) as target:
        [outputs] = DEVICE.run_outputs(library / "model.c", target, [samples])
    np.testing.assert_array_equal(outputs, np.resize(EXPECTED, (44, 16)))
    assert set(range(36)) <= set(damaged.values())


@pytest.mark.parametrize("seed", range(6))
def test_a_very_bad_line_fails_or_is_right(library: Path, elf: Path, seed: int) -> None:
    """From bad to hopeless; whatever comes through is right."""
    there, back = Noise(seed, 60 >> seed % 3, replaced), Noise(seed + 100, 60, flipped)
    device = SerialDevice(timeout_seconds=1.0)
    with attached(elf, to_board=there, to_host=back) as target:
        try:
            [outputs] = device.run_outputs(library / "model.c", target, [STORED[:5]])
        except RunFailed:
            return
    np.testing.assert_array_equal(outputs, EXPECTED[:5])


def test_late_answers_are_taken_for_their_own_requests_only(library: Path, elf: Path) -> None:
    runs = 0

    def late(frame: Frame) -> bytes:
        nonlocal runs
        runs += 1
        if runs % 7 == 3:
            time.sleep(0.8)
        return encoded(frame)

    with attached(elf, to_host=whole_frames(late)) as target:
        [outputs] = DEVICE.run_outputs(library / "model.c", target, [STORED[:20]])
    np.testing.assert_array_equal(outputs, EXPECTED[:20])


def test_answers_that_come_again_are_passed_over(library: Path, elf: Path) -> None:
    before = b""

    def again(frame: Frame) -> bytes:
        nonlocal before
        # The last answer once more, and one to a request that nobody made.
        stale = encode_frame(FrameType.RUN_ANSWER, frame.sequence + 1, frame.payload)
        out = before + stale + encoded(frame)
        before = encoded(frame)
        return out

    with attached(elf, to_host=whole_frames(again)) as target:
        [outputs] = DEVICE.run_outputs(library / "model.c", target, [STORED])
    np.testing.assert_array_equal(outputs, EXPECTED)


def test_a_board_that_hangs_fails_in_time(library: Path, elf: Path) -> None:
    frames = 0

    def hang(frame: Frame) -> bytes:
        nonlocal frames
        frames += 1
        return encoded(frame) if frames < 10 else b""

    with attached(elf, to_host=whole_frames(hang)) as target:
        start = time.monotonic()
        with pytest.raises(RunFailed, match=r"no whole answer in 5 attempts.*silent") as caught:
            DEVICE.run_outputs(library / "model.c", target, [STORED])
        assert time.monotonic() - start < 10
        assert "\n" not in str(caught.value)
        # It never comes back, so neither does a measurement.
        [reason] = DEVICE.measure(library / "model.c", target).reasons
        assert "no whole answer" in reason


def test_an_endless_inference_fails_in_time(tmp_path: Path) -> None:
    loop = 'while (input[index] == 77) { __asm__ volatile(""); } output[index] = 0;'
    library = write_library(tmp_path, loop=loop)
    with attached(build_firmware(library, target_at(None)).elf) as target:
        device = SerialDevice(timeout_seconds=1.0)
        [outputs] = device.run_outputs(library / "model.c", target, [STORED[:1] * 0])
        assert not outputs.any()
        with pytest.raises(RunFailed, match="silent"):
            device.run_outputs(library / "model.c", target, [np.full((1, 16), 77, np.int8)])


def test_a_line_of_rubbish_is_no_board(library: Path, elf: Path) -> None:
    noise = random.Random(1)
    with attached(elf, to_host=lambda data: noise.randbytes(20 * len(data))) as target:
        start = time.monotonic()
        with pytest.raises(RunFailed, match="no whole answer"):
            DEVICE.describe(library / "model.c", target)
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_a_pulled_cable_is_one_line(library: Path, elf: Path, frames: int) -> None:
    seen = 0

    def pull(frame: Frame) -> bytes:
        nonlocal seen
        seen += 1
        if seen > frames:
            raise HangUp
        return encoded(frame)

    with attached(elf, to_host=whole_frames(pull)) as target:
        start = time.monotonic()
        with pytest.raises(RunFailed, match=r"serial port failed.*unplugged") as caught:
            DEVICE.run_outputs(library / "model.c", target, [STORED])
        assert time.monotonic() - start < 3
        assert "\n" not in str(caught.value)


def test_a_cable_pulled_within_a_frame_is_one_line(library: Path, elf: Path) -> None:
    master, slave = os.openpty()
    target = target_at(os.ttyname(slave))

    def half() -> None:
        os.read(master, 4096)
        os.write(master, encode_frame(FrameType.HELLO_ANSWER, 1, bytes(50))[:30])
        time.sleep(0.1)
        os.close(master)

    peer = threading.Thread(target=half)
    peer.start()
    with pytest.raises(RunFailed, match="serial port failed"):
        DEVICE.describe(library / "model.c", target)
    peer.join()
    os.close(slave)


def test_firmware_of_another_library_is_refused(library: Path, tmp_path: Path) -> None:
    other = write_library(tmp_path, loop="output[index] = (int8_t)(input[index] * 3 + 2);")
    with attached(build_firmware(other, target_at(None)).elf) as target:
        with pytest.raises(RunFailed, match="not built from this library") as caught:
            DEVICE.run_outputs(library / "model.c", target, [STORED])
        assert "flash " in caught.value.mend
        [reason] = DEVICE.measure(library / "model.c", target).reasons
        assert "not built from this library" in reason
        # The same library with another stack is another image, with other figures.
        part = target.microcontroller
        assert part is not None
        larger = target_at(part.port, stack_bytes=8192)
        with pytest.raises(RunFailed, match="not built from this library and this target"):
            DEVICE.describe(other / "model.c", larger)


def test_firmware_that_changes_during_the_run_is_refused(library: Path, elf: Path) -> None:
    hellos = 0

    def swapped(frame: Frame) -> bytes:
        nonlocal hellos
        payload = frame.payload
        if frame.type == FrameType.HELLO_ANSWER:
            hellos += 1
            if hellos > 1:
                payload = payload[:4] + b"\x40" + payload[5:]
        return encode_frame(frame.type, frame.sequence, payload)

    with (
        attached(elf, to_host=whole_frames(swapped)) as target,
        pytest.raises(RunFailed, match="changed during the run"),
    ):
        DEVICE.run_outputs(library / "model.c", target, [STORED])


def test_a_fault_names_its_function(tmp_path: Path) -> None:
    library = write_library(tmp_path, loop="(void)input; (void)output; __builtin_trap();")
    with (
        attached(build_firmware(library, target_at(None)).elf) as target,
        pytest.raises(RunFailed, match="hard fault in model_layer_0_affine"),
    ):
        DEVICE.run_outputs(library / "model.c", target, [STORED])


def test_cycles_become_milliseconds_at_the_stated_clock(library: Path, elf: Path) -> None:
    made_up = MadeUpCycles(lambda run: 2000 + run % 2)
    with attached(elf, to_host=whole_frames(made_up)) as target:
        figures = DEVICE.measure(library / "model.c", target)
    assert figures.reasons == []
    assert figures.instructions is None
    assert figures.cycles in (2000, 2001)
    assert figures.samples_ms is not None
    # Five of them warm the board up.
    assert (made_up.runs, figures.samples_ms.shape) == (1005, (1000,))
    np.testing.assert_allclose(np.unique(figures.samples_ms), [2000 / 16e3, 2001 / 16e3])
    latency = figures.latency_ms
    assert latency is not None
    assert (latency.n, latency.warmup) == (1000, 5)
    assert latency.p50 == pytest.approx(0.125, rel=1e-3)
    assert latency.p90 == latency.p99 == pytest.approx(2001 / 16e3)
    sections = account(elf)
    memory = figures.memory
    assert (memory.flash_bytes, memory.ram_bytes) == (sections.flash_bytes, sections.ram_bytes)
    assert (memory.arena_bytes, memory.ram_bytes) == (32, 32 + 4096)
    assert memory.stack_bytes is not None
    assert 0 < memory.stack_bytes < 100


def test_without_a_counter_there_are_neither_cycles_nor_time(library: Path, elf: Path) -> None:
    with attached(elf) as target:
        figures = DEVICE.measure(library / "model.c", target, [STORED])
    assert figures.reasons == []
    assert (figures.cycles, figures.latency_ms, figures.samples_ms) == (None, None, None)
    assert figures.memory.flash_bytes == account(elf).flash_bytes


def test_without_a_clock_there_are_cycles_and_no_time(
    library: Path, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekd.devices.microcontroller.serial_figures.ENOUGH_SAMPLES", 20)
    made_up = MadeUpCycles(lambda _: 2000)
    with attached(elf, to_host=whole_frames(made_up)) as target:
        assert target.microcontroller is not None
        unclocked = target_at(target.microcontroller.port, clock_hz=None)
        figures = DEVICE.measure(library / "model.c", unclocked)
    assert (figures.cycles, figures.reasons) == (2000, [])
    assert (figures.latency_ms, figures.samples_ms) == (None, None)


def test_a_counter_that_cannot_be_right_is_a_reason(library: Path, elf: Path) -> None:
    # Two seconds of cycles in a few milliseconds: the clock is not the one that is stated.
    made_up = MadeUpCycles(lambda _: 2 * CLOCK_HZ)
    with attached(elf, to_host=whole_frames(made_up)) as target:
        figures = DEVICE.measure(library / "model.c", target)
    assert any("clock_hz is too low: 32000000 cycles" in reason for reason in figures.reasons)
    still = MadeUpCycles(lambda _: 0)
    with attached(elf, to_host=whole_frames(still)) as target:
        figures = DEVICE.measure(library / "model.c", target)
    assert any("stands still" in reason for reason in figures.reasons)


def test_a_counter_that_may_have_wrapped_is_a_reason(
    library: Path, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekd.devices.microcontroller.serial_figures.ENOUGH_SAMPLES", 10)
    made_up = whole_frames(MadeUpCycles(lambda _: 10_000_000))

    def slow(data: bytes) -> bytes:
        time.sleep(0.05)
        return made_up(data)

    with attached(elf, to_host=slow) as target:
        assert target.microcontroller is not None
        # At 100 GHz, 32 bits hold 43 ms.
        fast = target_at(target.microcontroller.port, clock_hz=10**11)
        figures = DEVICE.measure(library / "model.c", fast)
    assert any("may have wrapped" in reason for reason in figures.reasons)


def test_ports_that_cannot_be_used_are_one_line(library: Path, elf: Path, tmp_path: Path) -> None:
    artifact = library / "model.c"
    with pytest.raises(BadInput, match="names no serial port"):
        DEVICE.describe(artifact, target_at(None))
    with pytest.raises(RunFailed, match=r"cannot be opened.*plug the board in") as caught:
        DEVICE.describe(artifact, target_at(str(tmp_path / "no")))
    assert "\n" not in str(caught.value)
    (tmp_path / "file").write_text("no port")
    with pytest.raises(RunFailed, match="cannot be opened"):
        DEVICE.describe(artifact, target_at(str(tmp_path / "file")))
    with pytest.raises(BadInput, match="is an emulated one"):
        DEVICE.describe(artifact, target_named("cortex-m4"))
    with pytest.raises(BadInput, match=r"is not the model\.c"):
        DEVICE.describe(library / "model.h", target_at(None))


def test_a_port_belongs_to_one_run(library: Path, elf: Path) -> None:
    with attached(elf) as target:
        assert target.microcontroller is not None
        port = target.microcontroller.port
        assert port is not None
        with open_line(port, 115200), pytest.raises(RunFailed, match="cannot be opened"):
            DEVICE.describe(library / "model.c", target)
        assert DEVICE.describe(library / "model.c", target).inputs
