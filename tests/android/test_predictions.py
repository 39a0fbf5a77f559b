"""What the app's demo answers to pictures of digits, and its self-check, in every engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from edgekd.data.dataset import load_dataset
from edgekd.devices.runtimes import open_runtime
from edgekd.devices.tensors import real_values, stored_samples
from tests.android.closing import PROPERTY
from tests.android.exported_digits import exported_digits
from tests.android.host_runtime import STAND_IN, run_program

Array = npt.NDArray[Any]
Record = Callable[[str, object], None]

CASES = [
    (engine, rung)
    for engine in ("onnx", "executorch", "litert")
    for rung in ("distilled-fp32", "distilled-int8")
]
# Two builds of one runtime add in another order.
ADDING = 1e-4


@dataclass(frozen=True)
class Digits:
    """The test set: pictures ``[samples, 8, 8]`` of 256 greys, and what they show."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def bundles() -> dict[tuple[str, str], Path]:
    artifacts = exported_digits() / "artifacts"
    return {case: artifacts / f"host-{case[0]}" / case[1] for case in CASES}


@pytest.fixture(scope="module")
def digits() -> Digits:
    data = load_dataset(exported_digits() / "data")
    inputs = data.part_inputs("test")[:, 0]
    return Digits(np.rint(inputs * 255).astype(np.uint8), data.part_labels("test"))


@pytest.fixture(scope="module")
def said(
    bundles: dict[tuple[str, str], Path],
    digits: Digits,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, str], dict[str, Any]]:
    """The app's own words, all in one process."""
    file = tmp_path_factory.mktemp("predictions") / "pictures"
    argb = 0xFF000000 | digits.pictures.astype(np.uint32) * 0x010101
    save_file({"pictures": argb.view(np.int32)}, file)
    done = run_program("PredictKt", [file, *bundles.values()])
    assert done.returncode == 0, done.stderr + done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(bundles, lines, strict=True))


def _outputs(engine: str, folder: Path, samples: Array) -> Array:
    """What edgekd's runtime on this machine computes, as real values."""
    record = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    model = open_runtime(engine, 1).load(folder / record["model"], reference=False)
    [output] = model.signature.outputs
    found = []
    for sample in stored_samples(samples, model.signature.inputs[0]):
        model.prepare([np.ascontiguousarray(sample[None])])
        model.invoke()
        found.append(real_values(model.results()[0], output))
    return np.concatenate(found)


@pytest.mark.parametrize(("engine", "rung"), CASES)
def test_pictures_of_digits(
    engine: str,
    rung: str,
    bundles: dict[tuple[str, str], Path],
    digits: Digits,
    said: dict[tuple[str, str], dict[str, Any]],
    record_property: Record,
) -> None:
    # Digits are not normalized further. TFLite has channels last.
    samples = (digits.pictures / 255).astype(np.float32)
    samples = samples[..., None] if engine == "litert" else samples[:, None]
    logits = _outputs(engine, bundles[engine, rung], samples).astype(np.float64)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    answers = said[engine, rung]["answers"]
    named = np.array([int(label) for label, _ in answers])

    right = (named == digits.labels).sum()
    by = f" (by {STAND_IN})" if engine == "litert" else ""
    record_property(
        PROPERTY, f"demo: {engine} {rung}{by}: {right} of {len(named)} pictures right, as in Python"
    )
    assert (named == logits.argmax(1)).all()
    assert right > len(named) / 2
    found = [probability for _, probability in answers]
    np.testing.assert_allclose(found, powers.max(1) / powers.sum(1), atol=ADDING)


@pytest.mark.parametrize(("engine", "rung"), CASES)
def test_the_self_check(
    engine: str,
    rung: str,
    bundles: dict[tuple[str, str], Path],
    said: dict[tuple[str, str], dict[str, Any]],
) -> None:
    golden = load_file(bundles[engine, rung] / "golden.safetensors")
    expected = golden["outputs"]
    outputs = _outputs(engine, bundles[engine, rung], golden["inputs"])
    check = said[engine, rung]["self_check"]

    assert check["samples"] == len(expected)
    assert check["same_top"] == (outputs.argmax(1) == expected.argmax(1)).sum()
    most = np.abs(outputs.astype(np.float64) - expected).max()
    assert check["max_abs"] == pytest.approx(most, abs=0 if engine == "litert" else ADDING, rel=0)
