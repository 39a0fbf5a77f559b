"""``edgekd bench`` on phones: records, parity, the queue and ``--resume``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.pipeline.foreign.bench import bench_file
from edgekd.records import Measurement
from tests.conftest import MLPERF_TINY, ROOT, run_edgekd
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import (
    ITERATIONS,
    REPETITIONS,
    phone_target,
    samples,
    steady,
)
from tests.devices.adb.peer import Gate, Phone, faults

pytestmark = pytest.mark.usefixtures("own_cache")

ENOUGH = REPETITIONS * ITERATIONS


def target_file(folder: Path, *phones: Phone, runtime: str = "onnx", **android: int) -> str:
    """A user's own target as a file; JSON is YAML."""
    fields = phone_target(*phones, runtime=runtime, **android).model_dump(mode="json")
    path = folder / "my-phone.yaml"
    path.write_text(json.dumps({**fields, "name": "my-phone"}), encoding="utf-8")
    return str(path)


def test_a_queue_of_phones_gives_a_record_each(
    make_phone: MakePhone, model: Path, tmp_path: Path
) -> None:
    phones = [make_phone(benchmark=steady) for _ in range(2)]
    phones[0].go_offline()
    gone, found = bench_file(model, target_file(tmp_path, *phones), None, 0)
    assert not gone.has_figures
    assert gone.reasons
    assert found.target == f"my-phone-{phones[1].serial.replace('.', '-').replace(':', '-')}"
    assert found.kind == "device"
    assert not found.valid
    assert found.reasons == [STAND_IN_REASON]
    assert found.latency_ms is not None
    assert found.latency_ms.n == ENOUGH
    assert found.device_facts is not None
    assert found.device_facts.stand_in
    assert found.parity is not None
    assert (found.parity.against, found.parity.max_abs) == ("host-onnx", 0.0)


def test_resume_on_the_command_line(make_phone: MakePhone, model: Path, tmp_path: Path) -> None:
    phone, gate = make_phone(benchmark=steady), Gate()
    before = phone.state.left_set()
    # The first start is for parity.
    phone.inject(faults.wait_for(gate), matching="am start", nth=3)
    target = target_file(tmp_path, phone)
    arguments = ["bench", "--model", str(model), "--target", target, "--json"]
    killed = subprocess.Popen([sys.executable, "-m", "edgekd", *arguments], cwd=ROOT)
    gate.wait_reached(killed)
    killed.kill()
    killed.wait()
    gate.release()
    resumed = run_edgekd(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    [record] = json.loads(resumed.stdout)["measurements"]
    found = Measurement.model_validate(record)
    assert found.reasons == [STAND_IN_REASON]
    assert found.latency_ms is not None
    assert found.latency_ms.n == ENOUGH
    passes = [launch.text("pass") for launch in phone.application.launches]
    # Then the one that was held; then what parity and the second repetition need.
    assert passes[:2] == ["outputs", "latency"]
    assert passes[3:] == ["outputs", "latency", "memory"]
    assert phone.state.left_set() == before


def test_a_phone_lost_in_the_accuracy_pass_still_gives_its_record(
    make_phone: MakePhone, model: Path, tmp_path: Path
) -> None:
    phone = make_phone(benchmark=steady)
    before = phone.state.left_set()
    data = tmp_path / "data.npz"
    np.savez(data, inputs=samples(9)[0], labels=np.arange(9) % 4)
    for nth in (1, 2):
        phone.inject(faults.refuse(1, "busy"), matching="am start", nth=nth)
    [lost] = bench_file(model, target_file(tmp_path, phone), data, 0)
    assert phone.struck == 2
    assert lost.accuracy is None
    assert any(reason.startswith("accuracy: ") for reason in lost.reasons)
    assert lost.latency_ms is not None
    assert lost.parity is not None
    assert phone.state.left_set() == before
    [sampled] = bench_file(model, target_file(tmp_path, phone, accuracy_samples=4), data, 0)
    assert sampled.reasons == [STAND_IN_REASON]
    assert sampled.accuracy is not None
    assert (sampled.accuracy.n, sampled.accuracy.sampled_from) == (4, 9)


@pytest.mark.skipif(not MLPERF_TINY.exists(), reason="the MLPerf Tiny models are not here")
def test_a_generated_library_is_exact_on_arm64(make_phone: MakePhone, tmp_path: Path) -> None:
    phone = make_phone()
    target = target_file(tmp_path, phone, runtime="c", iterations=1, repetitions=1, warmup=1)
    [found] = bench_file(MLPERF_TINY / "ad_int8.tflite", target, None, 0)
    assert found.parity is not None
    assert found.parity.steps[-1].exact
    assert found.parity.max_abs == 0
    assert STAND_IN_REASON in found.reasons
