"""Each real runtime in its real sysroot runs a real model as torch does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekd.devices.arm64.sysroot import build_sysroot, find_sysroot
from tests.devices.arm64.sysroot.runner_process import Operation, RunnerProcess
from tests.devices.conftest import Exported

_GUEST = """
import sys
import numpy
runtime, model = sys.argv[1:]
samples = numpy.load("input.npy")
if runtime == "litert":
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
else:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    [output] = session.run(None, {session.get_inputs()[0].name: samples})
numpy.save("output.npy", output)
"""


@pytest.mark.parametrize(("runtime", "core"), [("litert", "cortex-a53"), ("onnx", "cortex-a76")])
def test_a_python_runtime_runs(runtime: str, core: str, exported: Exported, tmp_path: Path) -> None:
    sysroot = build_sysroot(runtime, core)
    assert find_sysroot(runtime, core) == sysroot
    [samples] = exported.inputs(runtime)
    np.save(tmp_path / "input.npy", samples[:1])
    command = ["qemu-aarch64", "-cpu", core, "-L", sysroot.root, sysroot.python, "-sB", "-c"]
    done = subprocess.run(
        [*map(str, command), _GUEST, runtime, exported.paths[runtime]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(sysroot.site_packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "output.npy"), exported.expected[:1], atol=1e-4)
    # Compiled beforehand: Python under emulation is slow enough without.
    assert sysroot.site_packages is not None
    assert list((sysroot.site_packages / "numpy" / "__pycache__").glob("*.cpython-311.pyc"))


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
def test_executorch_runs(core: str, exported: Exported) -> None:
    with RunnerProcess(exported.paths["executorch"], core) as runner:
        for sample, expected in zip(exported.nchw[:2], exported.expected, strict=False):
            output = np.frombuffer(runner.ask(Operation.RUN, sample.tobytes()), np.float32)
            np.testing.assert_allclose(output, expected, atol=1e-4)
