"""The firmware of a real board: its transport drives a serial port, here an emulated one."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from edgekd.catalog import shipped
from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.link.protocol import (
    ErrorCode,
    FrameType,
    encode_frame,
    parse_answer,
    parse_error,
    parse_hello,
    read_frame,
)
from tests.devices.microcontroller.library import target_named

# The UART of Arm's CMSDK, as on the MPS2 board; a count of polls stands for half a second.
UART = """
#include "uart.h"
#define UART0(offset) (*(volatile uint32_t *)(0x40004000u + (offset)))
void board_init(void) { UART0(0x10) = 16; UART0(0x8) = 3; }
int uart_getc(void) {
    for (uint32_t poll = 0; poll < 3000000u; ++poll) {
        if (UART0(0x4) & 2u) { return (int)(UART0(0x0) & 0xFFu); }
    }
    return -1;
}
void uart_putc(uint8_t byte) {
    while (UART0(0x4) & 1u) {}
    UART0(0x0) = byte;
}
"""
REQUEST = bytes(range(16))


@pytest.fixture
def elf(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny library for a board of a user's own, which no emulator is said to know."""
    text = (shipped("targets") / "boards" / "mps2-an386" / "board.yaml").read_text()
    before, _, rest = text.partition("emulator:")
    folder = tmp_path / "boards" / "mine"
    folder.mkdir(parents=True)
    (folder / "board.yaml").write_text(before + rest[rest.index("memory:") :])
    (folder / "uart.c").write_text(UART)
    monkeypatch.setenv("EDGEKD_TARGETS", str(tmp_path))
    target = target_named("cortex-m4")
    assert target.microcontroller is not None
    part = target.microcontroller.model_copy(update={"board": "mine"})
    return build_firmware(library, target.model_copy(update={"microcontroller": part})).elf


@contextmanager
def board(elf: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Both ends of the serial line of a running board."""
    command = ["qemu-system-arm", "-machine", "mps2-an386", "-display", "none"]
    command += ["-monitor", "none", "-serial", "stdio", "-kernel", str(elf)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        watch = threading.Timer(60, process.kill)
        watch.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            yield process.stdin, process.stdout
        finally:
            watch.cancel()
            process.kill()


def test_requests_are_answered_and_damaged_ones_given_up(elf: Path) -> None:
    with board(elf) as (write, read):
        write.write(b"rubbish" + encode_frame(FrameType.HELLO, 1))
        answer = read_frame(read.read)
        assert answer is not None
        assert (answer.type, answer.sequence) == (FrameType.HELLO_ANSWER, 1)
        hello = parse_hello(answer.payload)
        run = encode_frame(FrameType.RUN, 2, REQUEST)
        # A byte is lost: after a silence the firmware says so, and is ready for the next one.
        write.write(run[:20] + run[21:])
        lost = read_frame(read.read)
        assert lost is not None
        assert lost.type == FrameType.ERROR
        assert parse_error(lost.payload) == ErrorCode.DAMAGED
        write.write(run)
        done = read_frame(read.read)
        assert done is not None
        assert (done.type, done.sequence) == (FrameType.RUN_ANSWER, 2)
        outputs = parse_answer(done.payload, hello).outputs
        assert outputs == bytes(value * 3 + 1 for value in REQUEST)
