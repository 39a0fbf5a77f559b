from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.devices.arm64.device import QemuArm64Device
from edgekd.devices.arm64.guest_process import open_guest
from edgekd.devices.arm64.sysroot import build_sysroot
from edgekd.devices.contract import Figures
from edgekd.devices.fingerprint import device_fingerprint
from edgekd.devices.host import HostDevice
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.target import Target
from tests.devices.arm64.conftest import phone
from tests.devices.conftest import Quantized

Phone = Callable[..., Target]
SIZE = 64


@pytest.fixture(scope="module")
def matrix() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def product(matrix: npt.NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``relu(x @ matrix)`` as an ONNX file, with a batch of any size."""
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "matrix"], ["y"]),
            helper.make_node("Relu", ["y"], ["z"]),
        ],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIZE])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", SIZE])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("product") / "product.onnx"
    save(model, path)
    return path


def check_figures(figures: Figures, macs: int) -> None:
    """What holds for every runtime."""
    assert not figures.reasons
    assert figures.instructions is not None
    assert figures.profile is not None
    assert len(figures.instruction_counts) == 4
    assert abs(figures.instructions - np.mean(figures.instruction_counts)) <= 1
    # No instruction does more than 16 multiplications.
    assert figures.instructions > macs / 16
    # Every instruction has its place.
    costs = [cost.instructions for cost in figures.profile.functions]
    assert sum(costs) == pytest.approx(figures.instructions, rel=0.01)
    assert costs[:-1] == sorted(costs[:-1], reverse=True)
    assert "QEMU 7.2" in figures.profile.counted_by
    # An emulated process has neither a time nor a peak of its own.
    assert figures.memory.ram_bytes is not None
    assert figures.memory.peak_rss_bytes is None
    assert figures.latency_ms is None


def test_litert_says_what_it_says_here(mlperf_tiny: Path, ready_phone: Phone) -> None:
    target, model = ready_phone("litert"), mlperf_tiny / "kws_int8.tflite"
    device = QemuArm64Device()
    inputs = random_inputs(device.describe(model, target).inputs, 8, seed=1)
    [found] = device.run_outputs(model, target, inputs)
    [expected] = HostDevice().run_outputs(model, target, inputs)
    # Two steps of the last layer's quantization.
    np.testing.assert_allclose(found, expected, atol=2 / 256)
    assert found.shape == (8, 12)


def test_onnx(product: Path, matrix: npt.NDArray[np.float32], ready_phone: Phone) -> None:
    device, target = QemuArm64Device(), ready_phone("onnx")
    samples = np.random.default_rng(1).standard_normal((5, SIZE)).astype(np.float32)
    [outputs] = device.run_outputs(product, target, [samples])
    np.testing.assert_allclose(outputs, np.maximum(samples @ matrix, 0), atol=1e-4)
    figures = device.measure(product, target, [samples])
    check_figures(figures, SIZE * SIZE)
    assert device.measure(product, target, [samples]).profile == figures.profile


def test_executorch_with_int4_weights(int4_pte: Quantized, ready_phone: Phone) -> None:
    device, target = QemuArm64Device(), ready_phone("executorch")
    [outputs] = device.run_outputs(int4_pte.path, target, [int4_pte.samples[:4]])
    np.testing.assert_allclose(outputs, int4_pte.expected[:4], atol=0.05)
    figures = device.measure(int4_pte.path, target, [int4_pte.samples])
    check_figures(figures, 64 * 128 + 128 * 10)


def test_two_runs_count_the_same_wherever_the_file_lies(
    mlperf_tiny: Path, ready_phone: Phone, tmp_path: Path
) -> None:
    target, model = ready_phone("litert"), mlperf_tiny / "kws_int8.tflite"
    elsewhere = tmp_path / "a-name-that-is-a-good-deal-longer-than-the-other-one.tflite"
    elsewhere.write_bytes(model.read_bytes())
    first = QemuArm64Device().measure(model, target)
    check_figures(first, 2_660_000)
    second = QemuArm64Device().measure(elsewhere, target)
    assert first.instruction_counts == second.instruction_counts
    assert first.profile == second.profile
    # Measured before by other means, with the markers' own 929 in it.
    assert first.instructions == pytest.approx(715_117 - 929, rel=1e-3)
    # Weights packed again, 22,000 bytes of activations, and the file itself where it was read.
    assert first.memory.ram_bytes is not None
    assert second.memory.ram_bytes is not None
    assert 100_000 < first.memory.ram_bytes < 1_000_000
    # How much of a mapped file the kernel brings in at once is its own business.
    assert abs(first.memory.ram_bytes - second.memory.ram_bytes) <= len(model.read_bytes())
    assert first.profile is not None
    assert "neondot" in first.profile.functions[0].name


def test_a_core_without_dot_product_needs_more(mlperf_tiny: Path, ready_phone: Phone) -> None:
    target = ready_phone("litert", "cortex-a53")
    figures = QemuArm64Device().measure(mlperf_tiny / "kws_int8.tflite", target)
    assert figures.instructions == pytest.approx(1_340_116 - 929, rel=1e-3)


@pytest.mark.parametrize("damaged", ["litert", "executorch"])
def test_a_file_that_cannot_be_loaded(damaged: str, tmp_path: Path, ready_phone: Phone) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"not a model" * 100)
    target = ready_phone(damaged)
    with pytest.raises(BadInput, match=r"of ARM64 cannot load it: \S"):
        QemuArm64Device().measure(path, target)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        QemuArm64Device().describe(tmp_path / "model.tflite", phone("litert"))


def test_a_guest_that_dies_is_told(int4_pte: Quantized, ready_phone: Phone) -> None:
    target = ready_phone("executorch")
    with open_guest(int4_pte.path, target, 60) as guest:
        description = guest.describe()
        os.killpg(guest.process.pid, signal.SIGKILL)
        with pytest.raises(RunFailed, match="killed by SIGKILL"):
            guest.describe()
    assert set(description.backends) == {"XnnpackBackend"}
    assert not guest.folder.exists()


def test_a_guest_that_hangs_is_stopped(product: Path, ready_phone: Phone) -> None:
    figures = QemuArm64Device(timeout_seconds=0.01).measure(product, ready_phone("onnx"))
    assert len(figures.reasons) == 1
    assert "longer than 0.01 s" in figures.reasons[0]
    assert figures.instructions is None


def test_an_input_of_another_shape_is_refused(int4_pte: Quantized, ready_phone: Phone) -> None:
    samples = np.zeros((1, 5), np.float32)
    with pytest.raises(BadInput, match="do not fit"):
        QemuArm64Device().run_outputs(int4_pte.path, ready_phone("executorch"), [samples])


def test_without_a_sysroot_the_mend_is_told(
    product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingPackage, match="edgekd setup phone-a76-onnx"):
        QemuArm64Device().describe(product, phone("onnx"))


def test_the_fingerprint_names_all_that_decides(
    ready_phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = device_fingerprint(ready_phone("litert"))
    assert found["sysroot"] == build_sysroot("litert", "cortex-a76").key
    assert found["emulator"].startswith("7.")
    assert device_fingerprint(ready_phone("litert", "cortex-a53")) != found
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert set(device_fingerprint(phone("litert"))) == {"plugin", "clock", "emulator"}
