"""The host device on real files: right outputs, honest figures, and one line for each failure."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from edgekd.devices import find_device
from edgekd.devices.host import HostDevice
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, EdgekdError, RunFailed, Unavailable
from edgekd.measure.parity import sqnr_db
from edgekd.target import Target

if TYPE_CHECKING:
    from .conftest import Exported, Quantized

WORKER = "edgekd.devices.host_worker"
HOST = HostDevice()
Targets = Callable[..., Target]


@contextmanager
def _signal_to_the_worker(number: int) -> Iterator[None]:
    """Send a signal to the worker as soon as it is there."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.01):
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    if WORKER in child.cmdline():
                        child.send_signal(number)
                        return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


def _one_line(error: EdgekdError) -> str:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_the_registry_gives_the_host() -> None:
    assert isinstance(find_device("host"), HostDevice)
    with pytest.raises(BadInput, match="there is no device 'toaster' \\(known: adb, host"):
        find_device("toaster")


def test_outputs_equal_torch_in_every_runtime(
    host_target: Targets, exported: Exported, runtime: str
) -> None:
    outputs = HOST.run_outputs(
        exported.paths[runtime], host_target(runtime), exported.inputs(runtime)
    )
    assert len(outputs) == 1
    assert outputs[0].shape == (16, 10)
    assert outputs[0].dtype == np.float32
    ratio = sqnr_db(exported.expected, outputs[0])
    assert ratio is not None
    assert ratio > 100


def test_the_signature_is_the_file_s_own(
    host_target: Targets, exported: Exported, runtime: str
) -> None:
    signature = HOST.describe(exported.paths[runtime], host_target(runtime))
    shape = [1, 32, 32, 3] if runtime == "litert" else [1, 3, 32, 32]
    assert [info.shape for info in signature.inputs] == [shape]
    assert [info.shape for info in signature.outputs] == [[1, 10]]
    assert {info.dtype for info in signature.inputs + signature.outputs} == {"float32"}


def test_figures_are_whole_and_consistent(
    host_target: Targets, exported: Exported, runtime: str
) -> None:
    path = exported.paths[runtime]
    figures = HOST.measure(path, host_target(runtime), exported.inputs(runtime))
    latency, samples, memory = figures.latency_ms, figures.samples_ms, figures.memory
    assert latency is not None
    assert samples is not None
    assert latency.n == samples.size >= 1000
    assert latency.warmup >= 1
    assert latency.threads == 1
    assert latency.p50 == np.median(samples) > 0
    assert latency.p99 is not None
    assert samples.sum() <= 10_000
    assert memory.model_bytes == path.stat().st_size
    assert memory.ram_bytes is not None
    assert memory.peak_rss_bytes is not None
    # Two feature maps of 32x32x32 floats are alive at once in the least a runtime can do.
    assert 128 * 1024 < memory.ram_bytes < memory.peak_rss_bytes
    # Load on the machine may disturb the run, but nothing else may.
    assert all(reason.startswith(("drift", "other load")) for reason in figures.reasons)


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 40])
def test_a_malformed_file_is_one_line(
    host_target: Targets, tmp_path: Path, runtime: str, content: bytes
) -> None:
    path = tmp_path / "broken.bin"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="cannot load it") as caught:
        HOST.measure(path, host_target(runtime))
    assert _one_line(caught.value).startswith(f"{path}: ")


def test_a_torn_file_is_one_line(
    host_target: Targets, exported: Exported, tmp_path: Path, runtime: str
) -> None:
    content = exported.paths[runtime].read_bytes()
    path = tmp_path / "torn.bin"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises((BadInput, RunFailed)) as caught:
        HOST.run_outputs(path, host_target(runtime), exported.inputs(runtime))
    assert "torn.bin" in _one_line(caught.value)


def test_a_missing_file_is_named(host_target: Targets, tmp_path: Path) -> None:
    path = tmp_path / "absent.tflite"
    with pytest.raises(BadInput, match=r"absent\.tflite: there is no such file"):
        HOST.measure(path, host_target("litert"))


def test_an_unknown_runtime_is_named(host_target: Targets, exported: Exported) -> None:
    target = host_target("litert").model_copy(update={"runtime": "abacus"})
    with pytest.raises(BadInput, match="there is no runtime 'abacus' \\(known: litert, onnx"):
        HOST.describe(exported.paths["litert"], target)


def test_a_wrong_input_shape_is_refused(
    host_target: Targets, exported: Exported, runtime: str
) -> None:
    wrong = [np.zeros((4, 5, 5), np.float32)]
    with pytest.raises(BadInput, match=r"shape \(5, 5\) do not fit") as caught:
        HOST.run_outputs(exported.paths[runtime], host_target(runtime), wrong)
    assert exported.paths[runtime].name in _one_line(caught.value)


def test_a_wrong_number_of_inputs_is_refused(host_target: Targets, exported: Exported) -> None:
    inputs = exported.inputs("onnx") * 2
    with pytest.raises(BadInput, match="has 1 inputs, but 2 were given"):
        HOST.run_outputs(exported.paths["onnx"], host_target("onnx"), inputs)
    with pytest.raises(BadInput, match="no inputs to run"):
        HOST.run_outputs(exported.paths["onnx"], host_target("onnx"), [])


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_killed_worker_becomes_a_reason(
    host_target: Targets, exported: Exported, name: str
) -> None:
    with _signal_to_the_worker(getattr(signal, name)):
        figures = HOST.measure(exported.paths["onnx"], host_target("onnx"))
    assert figures.latency_ms is None
    assert figures.samples_ms is None
    assert figures.reasons[0].startswith("latency: model.onnx: the worker was killed by " + name)
    assert "\n" not in figures.reasons[0]
    # The next pass is a process of its own and is not harmed.
    assert figures.memory.ram_bytes is not None


def test_a_killed_worker_fails_the_outputs(host_target: Targets, exported: Exported) -> None:
    with (
        _signal_to_the_worker(9),
        pytest.raises(
            RunFailed, match="killed by SIGKILL, as the system does when memory runs out"
        ),
    ):
        HOST.run_outputs(exported.paths["onnx"], host_target("onnx"), exported.inputs("onnx"))


def test_a_hanging_worker_is_stopped(host_target: Targets, exported: Exported) -> None:
    impatient = HostDevice(timeout_seconds=0.05)
    with pytest.raises(RunFailed, match=r"the outputs pass took longer than 0\.05 s"):
        impatient.run_outputs(exported.paths["onnx"], host_target("onnx"), exported.inputs("onnx"))
    assert not [child for child in psutil.Process().children() if WORKER in child.cmdline()]


def test_a_hang_in_both_passes_is_two_reasons(host_target: Targets, exported: Exported) -> None:
    figures = HostDevice(timeout_seconds=0.05).measure(exported.paths["onnx"], host_target("onnx"))
    assert [reason.split(":")[0] for reason in figures.reasons] == ["latency", "memory"]
    assert all("longer than" in reason for reason in figures.reasons)


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_the_reference_kernels_agree(
    host_target: Targets, exported: Exported, runtime: str
) -> None:
    outputs = HOST.run_outputs(
        exported.paths[runtime],
        host_target(runtime),
        exported.inputs(runtime),
        reference=True,
    )
    np.testing.assert_allclose(outputs[0], exported.expected, atol=1e-5)


def test_executorch_has_no_reference(host_target: Targets, exported: Exported) -> None:
    with pytest.raises(Unavailable, match=r"a \.pte file has no reference kernels"):
        HOST.run_outputs(
            exported.paths["executorch"],
            host_target("executorch"),
            exported.inputs("executorch"),
            reference=True,
        )


@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_files_made_elsewhere_run_without_data(
    host_target: Targets, mlperf_tiny: Path, name: str
) -> None:
    path, target = mlperf_tiny / f"{name}_int8.tflite", host_target("litert")
    signature = HOST.describe(path, target)
    assert signature.inputs[0].dtype == "int8"
    assert signature.inputs[0].scale is not None
    samples = random_inputs(signature.inputs, 6, seed=0)
    fast = HOST.run_outputs(path, target, samples)[0]
    exact = HOST.run_outputs(path, target, samples, reference=True)[0]
    step = signature.outputs[0].scale
    assert step is not None
    assert fast.shape == exact.shape == (6, *signature.outputs[0].shape[1:])
    assert np.isfinite(fast).all()
    # Whole steps of the output's scale, and on average near the reference.
    np.testing.assert_allclose(fast / step, np.round(fast / step), atol=1e-3)
    assert np.abs(fast - exact).mean() < 8 * step


def test_real_inputs_are_quantized_as_the_file_says(
    host_target: Targets, mlperf_tiny: Path
) -> None:
    path, target = mlperf_tiny / "kws_int8.tflite", host_target("litert")
    info = HOST.describe(path, target).inputs[0]
    codes = random_inputs([info], 4, seed=1)[0]
    assert info.scale is not None
    assert info.zero_point is not None
    real = (info.scale * (codes.astype(np.float32) - info.zero_point)).astype(np.float32)
    np.testing.assert_array_equal(
        HOST.run_outputs(path, target, [codes])[0], HOST.run_outputs(path, target, [real])[0]
    )


def test_int4_weights_run(host_target: Targets, int4_pte: Quantized) -> None:
    outputs = HOST.run_outputs(int4_pte.path, host_target("executorch"), [int4_pte.samples])
    ratio = sqnr_db(int4_pte.expected, outputs[0])
    assert ratio is not None
    assert ratio > 40


def test_quantized_operators_outside_a_delegate_run(
    host_target: Targets, undelegated_int8_pte: Quantized
) -> None:
    file = undelegated_int8_pte
    outputs = HOST.run_outputs(file.path, host_target("executorch"), [file.samples])
    # Whole steps of the output's scale apart at most once.
    np.testing.assert_allclose(outputs[0], file.expected, atol=0.03)
