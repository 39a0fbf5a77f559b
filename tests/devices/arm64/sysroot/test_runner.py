"""The ExecuTorch runner: what it tells, what it marks, and what it makes of bad requests."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.devices.arm64.sysroot.runner_process import (
    BEGIN,
    END,
    Operation,
    Refused,
    RunnerProcess,
    command,
    request,
)
from tests.devices.conftest import Exported


def run(model: Path | str, requests: bytes, *emulator: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(model, emulator=emulator),
        input=requests,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def model(exported: Exported) -> Path:
    return exported.paths["executorch"]


def test_it_describes_the_model(model: Path) -> None:
    with RunnerProcess(model) as runner:
        described = json.loads(runner.ask(Operation.DESCRIBE))
    assert described == {
        "inputs": [
            {
                "dtype": "float32",
                "shape": [1, 3, 32, 32],
                "dim_order": [0, 1, 2, 3],
                "bytes": 12288,
            }
        ],
        "outputs": [{"dtype": "float32", "shape": [1, 10], "dim_order": [0, 1], "bytes": 40}],
        # Two parts of the graph: the pooling between them stays outside.
        "backends": ["XnnpackBackend", "XnnpackBackend"],
        "planned_bytes": described["planned_bytes"],
    }
    assert described["planned_bytes"] >= 12288 + 40


def test_inputs_of_another_size_are_refused_and_the_next_ones_run(
    model: Path, exported: Exported
) -> None:
    sample = exported.nchw[0].tobytes()
    with RunnerProcess(model) as runner:
        with pytest.raises(Refused, match="the inputs take 12288 bytes, not 12287"):
            runner.ask(Operation.RUN, sample[:-1])
        output = np.frombuffer(runner.ask(Operation.RUN, sample), np.float32)
        np.testing.assert_allclose(output, exported.expected[0], atol=1e-4)


def test_only_a_counted_inference_is_marked(model: Path, exported: Exported) -> None:
    sample = exported.nchw[0].tobytes()
    frames = request(Operation.RUN, sample) + request(Operation.COUNT, sample)
    done = run(model, frames, "-strace")
    assert done.returncode == 0
    calls = re.findall(rb"^\d+ (\w+)\((\d*)", done.stderr, re.MULTILINE)
    marked = [index for index, (name, _) in enumerate(calls) if name == b"getpgid"]
    assert [int(calls[index][1]) for index in marked] == [BEGIN, END]
    # Reading the request and writing the answer lie outside.
    inside = {name for name, _ in calls[marked[0] + 1 : marked[1]]}
    assert not inside & {b"read", b"write"}


def test_memory_grows_with_the_model(model: Path, exported: Exported) -> None:
    with RunnerProcess(model) as runner:
        runner.ask(Operation.RUN, exported.nchw[0].tobytes())
        memory = json.loads(runner.ask(Operation.MEMORY))
    assert list(memory) == ["start", "loaded", "now"]
    peaks = [memory[moment]["peak"] for moment in memory]
    assert 0 < peaks[0] < peaks[1] <= peaks[2]
    assert all(moment["resident"] <= moment["peak"] for moment in memory.values())


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (b"\1", "the request is cut short"),
        (request(Operation.RUN, b"1234", length=5), "the request is cut short"),
        (request(9), "there is no operation 9"),
        (request(Operation.RUN, length=2**60), "more than the inputs' 12288"),
    ],
    ids=["header", "payload", "operation", "length"],
)
def test_a_broken_frame_ends_it_with_a_reason(model: Path, frames: bytes, reason: str) -> None:
    done = run(model, frames)
    assert done.returncode == 2
    assert done.stdout == b""
    assert reason in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("keep", [0, 7, 100, 5000])
def test_a_cut_model_is_refused(model: Path, tmp_path: Path, keep: int) -> None:
    cut = tmp_path / "cut.pte"
    cut.write_bytes(model.read_bytes()[:keep])
    done = run(cut, request(Operation.DESCRIBE))
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1].startswith("runner: the ")


def test_a_missing_model_is_refused() -> None:
    done = run("absent.pte", b"")
    assert done.returncode == 3
    assert "runner: the model cannot be read" in done.stderr.decode()


@settings(
    max_examples=6,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255))))
def test_a_damaged_model_never_ends_it_in_silence(
    model: Path, exported: Exported, tmp_path: Path, changes: list[tuple[float, int]]
) -> None:
    """It runs, or says why not, or dies of a signal; it never ends well without all answers."""
    content = bytearray(model.read_bytes())
    for place, change in changes:
        content[int(place * len(content))] ^= change
    damaged = tmp_path / "damaged.pte"
    damaged.write_bytes(content)
    done = run(damaged, request(Operation.RUN, exported.nchw[0].tobytes()))
    if done.returncode == 0:
        assert len(done.stdout) >= 12
    elif done.returncode > 0:
        assert done.returncode == 3
        assert done.stderr.decode(errors="replace").splitlines()[-1].startswith("runner: ")
