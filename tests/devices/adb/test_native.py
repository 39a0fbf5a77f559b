"""A generated library without an app: a real static ARM64 program, pushed and run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.catalog import find_targets
from edgekd.devices.adb.device import AdbDevice
from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.devices.adb.native_build import build_program
from edgekd.devices.adb.result import parse_result
from edgekd.devices.contract import Signature, TensorInfo
from edgekd.errors import BadInput
from edgekd.target import Target
from tests.devices.adb.measuring import phone_target
from tests.devices.adb.peer import Phone, faults
from tests.devices.adb.peer.client import connect
from tests.devices.microcontroller.library import ELEMENTS, write_library

pytestmark = pytest.mark.usefixtures("own_cache")

RUN = "0" * 32
_MORE_THAN_A_PIPE = 8 * 1024 * 1024
Samples = npt.NDArray[np.int8]
SIGNATURE = Signature(
    inputs=[TensorInfo(name="image", shape=[1, ELEMENTS], dtype="int8", scale=0.5, zero_point=3)],
    outputs=[TensorInfo(name="class", shape=[1, ELEMENTS], dtype="int8")],
)


class Described(AdbDevice):
    """The device for a library by hand, which has no TFLite file to read the signature from."""

    def describe(self, artifact: Path, target: Target) -> Signature:
        return SIGNATURE


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library").mkdir()
    return write_library(tmp_path / "library")


@pytest.fixture
def inputs() -> Samples:
    return np.random.default_rng(0).integers(-128, 128, (5, ELEMENTS), np.int8)


def native_target(phone: Phone) -> Target:
    return phone_target(phone, runtime="c", iterations=600)


def test_a_measurement(phone: Phone, library: Path, inputs: Samples) -> None:
    before = phone.state.left_set()
    target = native_target(phone)
    figures = Described(resume=False).measure(library / "model.c", target, [inputs])
    assert STAND_IN_REASON in figures.reasons
    assert figures.latency_ms is not None
    assert figures.latency_ms.n == 1200
    assert figures.memory.arena_bytes == 2 * ELEMENTS
    assert (figures.memory.peak_rss_bytes or 0) > 100_000
    assert phone.state.left_set() == before
    assert not phone.path("/data/local/tmp/edgekd").exists()


def test_outputs_are_exact(phone: Phone, library: Path, inputs: Samples) -> None:
    [found] = Described().run_outputs(library / "model.c", native_target(phone), [inputs])
    assert np.array_equal(found, (inputs.astype(np.int64) * 3 + 1).astype(np.int8))


@pytest.mark.parametrize(
    ("step", "when"),
    [("SEND .*bench", 5000), ("chmod", "start"), ("bench latency", 300), ("bench memory", "end")],
)
def test_a_dropped_connection_never_costs_the_run(
    phone: Phone, library: Path, inputs: Samples, step: str, when: faults.Moment
) -> None:
    phone.inject(faults.drop, matching=step, when=when)
    device = Described(sleep=lambda seconds: connect(phone))
    figures = device.measure(library / "model.c", native_target(phone), [inputs])
    assert figures.latency_ms is not None
    assert figures.latency_ms.n == 1200
    assert figures.memory.arena_bytes == 2 * ELEMENTS


def test_a_program_that_crashes_is_told(phone: Phone, library: Path, inputs: Samples) -> None:
    write_library(library, loop="*(volatile int *)1 = input[index]; (void)output;")
    figures = Described().measure(library / "model.c", native_target(phone), [inputs])
    assert any("the program failed" in reason for reason in figures.reasons), figures.reasons


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("latency", RUN, "1", "0", "inputs"), "request"),
        (("latency", RUN, "x", "1", "inputs"), "request"),
        (("latency", RUN, "1", "9999999", "inputs"), "request"),
        (("latency", RUN, "1", "1", "missing"), "inputs"),
        (("latency", RUN, "1", "1", "short"), "inputs"),
        (("latency", RUN, "1", "1", "empty"), "inputs"),
    ],
)
def test_each_error_is_a_typed_result(
    library: Path, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    [target] = find_targets(["android-arm64-c"])
    program = build_program(library, target)
    for name, size in (("inputs", ELEMENTS), ("short", ELEMENTS - 1), ("empty", 0)):
        (tmp_path / name).write_bytes(bytes(size))
    done = subprocess.run(
        ["qemu-aarch64", program.path, *words], cwd=tmp_path, capture_output=True, check=True
    )
    result = parse_result(done.stdout, RUN)
    assert result.error is not None
    assert result.error.reason == reason


@pytest.mark.parametrize(
    "words", [(), ("power", RUN, "1", "1", "x"), ("memory", "x", "1", "1", "x")]
)
def test_a_call_that_cannot_name_its_result_fails(library: Path, words: tuple[str, ...]) -> None:
    [target] = find_targets(["android-arm64-c"])
    program = build_program(library, target)
    done = subprocess.run(["qemu-aarch64", program.path, *words], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"usage: bench")
    assert not done.stdout


def test_it_ends_with_the_shell_that_started_it(library: Path, tmp_path: Path) -> None:
    """Else it would take time from the next repetition when a connection breaks."""
    [target] = find_targets(["android-arm64-c"])
    write_library(library, loop='for (;;) __builtin_puts("x"); (void)input; (void)output;')
    program = build_program(library, target)
    (tmp_path / "inputs").write_bytes(bytes(ELEMENTS))
    line = f'qemu-aarch64 "$0" latency {RUN} 0 1 inputs; echo ended'
    with subprocess.Popen(
        ["sh", "-c", line, program.path], cwd=tmp_path, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.read(1)
        shell.kill()
        # Without an end it would go on for ever.
        assert len(shell.stdout.read(_MORE_THAN_A_PIPE)) < _MORE_THAN_A_PIPE


def test_it_needs_no_library_of_the_phone(library: Path) -> None:
    [target] = find_targets(["android-arm64-c"])
    program = build_program(library, target)
    told = subprocess.run(
        ["readelf", "-lW", program.path], capture_output=True, text=True, check=True
    ).stdout
    assert "INTERP" not in told
    loads = [line.split() for line in told.splitlines() if line.strip().startswith("LOAD")]
    assert loads
    assert all(int(load[-1], 16) >= 16384 for load in loads), "pages of 16 KiB are in use"
    assert build_program(library, target) == program


def test_what_does_not_compile_is_told(library: Path) -> None:
    [target] = find_targets(["android-arm64-c"])
    (library / "model.c").write_text("int model_run = 1;")
    with pytest.raises(BadInput, match="does not compile"):
        build_program(library, target)
    shutil.rmtree(library)
    with pytest.raises(BadInput, match="no such file"):
        build_program(library, target)
