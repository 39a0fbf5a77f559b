"""The emulated device as the rest of edgekd sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekd.devices import find_device
from edgekd.devices.contract import TensorInfo
from edgekd.devices.microcontroller.device import QemuDevice
from edgekd.errors import BadInput, RunFailed
from tests.devices.microcontroller.library import TARGETS, target_named, write_library

STORED = np.random.default_rng(0).integers(-128, 127, (200, 16), np.int8, endpoint=True)


@pytest.mark.parametrize("name", TARGETS)
def test_every_sample_runs_on_the_board(library: Path, name: str) -> None:
    target = target_named(name)
    device = find_device(target.device)
    artifact = library / "model.c"
    signature = device.describe(artifact, target)
    [info] = signature.inputs
    assert info == TensorInfo(name="image", shape=[1, 16], dtype="int8", scale=0.5, zero_point=3)
    [outputs] = device.run_outputs(artifact, target, [STORED])
    np.testing.assert_array_equal(outputs, (STORED.astype(np.int64) * 3 + 1).astype(np.int8))
    real = ((STORED.astype(np.float32) - 3) * 0.5).astype(np.float32)
    [again] = device.run_outputs(artifact, target, [real])
    np.testing.assert_array_equal(again, outputs)


@pytest.mark.parametrize("name", TARGETS)
def test_figures_are_exact_and_the_same_twice(library: Path, name: str) -> None:
    target = target_named(name)
    first = QemuDevice().measure(library / "model.c", target)
    second = QemuDevice().measure(library / "model.c", target)
    assert first == second
    assert first.reasons == []
    # 16 elements at a handful of instructions each; MVE takes all of them at once.
    assert first.instructions is not None
    assert 5 < first.instructions < 16 * 10
    memory = first.memory
    assert (memory.arena_bytes, memory.ram_bytes, memory.model_bytes) == (32, 32 + 4096, 0)
    assert memory.stack_bytes is not None
    assert memory.stack_bytes < 100
    assert memory.flash_bytes is not None
    assert memory.flash_bytes < 1024
    assert first.profile is not None
    assert sum(cost.instructions for cost in first.profile.layers) == first.instructions
    assert first.profile.layers[0].name == "0 affine"


def test_more_samples_than_a_batch_holds(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekd.devices.microcontroller.device.MAX_BATCH_BYTES", 16 * 70)
    [outputs] = QemuDevice().run_outputs(library / "model.c", target_named("cortex-m4"), [STORED])
    np.testing.assert_array_equal(outputs, (STORED.astype(np.int64) * 3 + 1).astype(np.int8))


def test_a_failing_library_is_a_reason(tmp_path: Path) -> None:
    library = write_library(tmp_path, loop="(void)input; (void)output; __builtin_trap();")
    figures = QemuDevice().measure(library / "model.c", target_named("cortex-m4"))
    [reason] = figures.reasons
    assert "hard fault in model_layer_0_affine" in reason
    assert figures.instructions is None
    with pytest.raises(RunFailed, match="hard fault"):
        QemuDevice().run_outputs(library / "model.c", target_named("cortex-m4"), [STORED])
    small = target_named("cortex-m4", ram_bytes=4096)
    [reason] = QemuDevice().measure(library / "model.c", small).reasons
    assert "bytes of RAM are missing" in reason


def test_bad_input_is_refused(library: Path) -> None:
    target = target_named("cortex-m4")
    with pytest.raises(BadInput, match=r"is not the model\.c"):
        QemuDevice().describe(library / "model.h", target)
    with pytest.raises(BadInput, match="do not fit the input 'image'"):
        QemuDevice().run_outputs(library / "model.c", target, [STORED[:, :8]])
    host = target.model_copy(update={"microcontroller": None})
    with pytest.raises(BadInput, match="no microcontroller"):
        QemuDevice().describe(library / "model.c", host)
