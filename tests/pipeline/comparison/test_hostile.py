"""What a user may give ``edgekd compare`` and should not have: each is one line, or is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.pipeline.comparison.compare import compare_reports
from tests.pipeline.comparison.runs import FLOAT, INT8, Edit, edited, starts


def test_stored_outputs_that_contradict_the_report_are_not_used(base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(base, run)
    content = json.loads((run / "report.json").read_text())
    content["rungs"][1]["accuracy"].update(value=0.9, per_seed=[0.9], ci95=[0.89, 0.91])
    (run / "report.json").write_text(json.dumps(content))
    found = compare_reports(base, run)
    assert starts(found.regressions, f"accuracy of {FLOAT} in torch: ")
    assert "paired" not in found.regressions[0]
    assert any(f"outputs of {FLOAT} do not give its accuracy" in line for line in found.context)


@pytest.mark.parametrize(
    "damage", ["data/dataset.safetensors", f"rungs/{INT8}/seed-0/outputs.safetensors"]
)
def test_damaged_outputs_are_told_and_not_used(base: Path, tmp_path: Path, damage: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(base, run)
    (run / damage).write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    found = compare_reports(base, run)
    assert found.passed
    assert any("not used" in line or "other data" in line for line in found.context)


def replaced(key: list[str | int], value: Any) -> Edit:
    def edit(content: dict[str, Any]) -> None:
        place: Any = content
        for step in key[:-1]:
            place = place[step]
        place[key[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (replaced(["schema"], 2), "no report of schema 1"),
        (replaced(["tool"], "benchmark"), "no report of schema 1"),
        (replaced(["rungs"], {"mean": 1}), "no report of schema 1"),
        (replaced(["environment"], {"x": float("nan")}), "NaN"),
        (replaced(["rungs", 0, "accuracy", "value"], float("inf")), "NaN or infinity"),
        (replaced(["rungs", 0, "accuracy", "value"], 1.5), "is no accuracy"),
        (replaced(["rungs", 0, "accuracy", "n"], 0), "is no accuracy"),
        (replaced(["rungs", 0, "accuracy", "per_seed"], []), "is no accuracy"),
        (replaced(["rungs", 0, "name"], FLOAT), "twice"),
        (replaced(["rungs", 2, "name"], "../../../etc"), "leads out"),
        (replaced(["measurements", 1, "instructions"], -1), "cannot be"),
        (replaced(["measurements", 1, "instruction_counts"], [10**30]), "cannot be"),
        (replaced(["measurements", 0, "accuracy", "n"], 0), "cannot be"),
        (replaced(["measurements", 0, "parity", "top1_agreement"], 7), "cannot be"),
        (replaced(["measurements", 0, "latency_ms", "p50"], 0), "cannot be"),
        (replaced(["measurements", 0, "latency_ms", "samples"], "../x.npy"), "leads out"),
        (replaced(["measurements", 0, "latency_ms", "samples"], "/etc/passwd"), "leads out"),
        (replaced(["measurements", 0, "latency_ms", "samples"], "a\0b"), "leads out"),
        (replaced(["measurements", 0, "latency_ms", "samples"], "report.json"), "no latency"),
        (replaced(["measurements", 0, "latency_ms", "samples"], "a" * 5000), "is no path"),
        (replaced(["rungs", 2, "name"], "a" * 5000), "is no path"),
        (replaced(["measurements", 0, "latency_ms", "p99"], 5e-324), "cannot be"),
        (replaced(["measurements", 0, "latency_ms", "p50"], 1e308), "cannot be"),
        (replaced(["measurements", 1, "instruction_counts"], [0, 0]), "cannot be"),
        (replaced(["seeds"], list(range(2000))), "too many seeds"),
    ],
)
def test_a_hostile_report_is_one_line(base: Path, tmp_path: Path, edit: Edit, message: str) -> None:
    path = edited(base, tmp_path, edit)
    for pair in ((base, path), (path, base)):
        with pytest.raises(BadInput, match=message) as raised:
            compare_reports(*pair)
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    "samples",
    [
        np.ones(3),
        np.ones((1000, 1)),
        np.ones(1000, dtype=np.int64),
        np.full(1000, np.nan),
        np.zeros(1000),
        np.array([{}] * 1000),
    ],
    ids=["few", "shape", "integers", "nan", "zero", "objects"],
)
def test_samples_of_another_shape_are_refused(
    base: Path, tmp_path: Path, samples: np.ndarray
) -> None:
    path = edited(
        base, tmp_path, replaced(["measurements", 0, "latency_ms", "samples"], "samples.npy")
    )
    np.save(tmp_path / "samples.npy", samples, allow_pickle=True)
    with pytest.raises(BadInput, match=r"samples\.npy"):
        compare_reports(base, path)


def test_a_damaged_header_of_samples_is_one_line(base: Path, tmp_path: Path) -> None:
    path = edited(
        base, tmp_path, replaced(["measurements", 0, "latency_ms", "samples"], "samples.npy")
    )
    np.save(tmp_path / "samples.npy", np.ones(1000))
    content = (tmp_path / "samples.npy").read_bytes()
    (tmp_path / "samples.npy").write_bytes(content.replace(b"}", b" ", 1))
    with pytest.raises(BadInput, match=r"samples\.npy: holds no latency samples"):
        compare_reports(base, path)


def test_samples_that_are_missing_only_leave_latency_out(base: Path, tmp_path: Path) -> None:
    found = compare_reports(base, edited(base, tmp_path, lambda content: None))
    assert found.passed
    reasons = {one.reason for one in found.figures if one.figure == "p50"}
    assert reasons == {"the samples of a run are not there"}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (replaced(["baseline"], 2), "no baseline of schema 1"),
        (replaced(["rungs", INT8, "outcomes"], "AAAA"), "bytes of outcomes"),
        (replaced(["rungs", INT8, "outcomes"], "A!"), "damaged"),
        (replaced(["rungs", INT8, "seeds"], []), "outcomes"),
        (replaced(["rungs", INT8, "samples"], 10**9), "no baseline of schema 1"),
        (replaced(["rungs", INT8, "samples"], 10**7), "bytes of outcomes"),
        (replaced(["rungs", INT8, "seeds"], ["0"] * 10**4), "too many"),
        (replaced(["stretches", f"host-litert/{INT8}/host"], [0.0]), "no latency"),
        (replaced(["stretches", f"host-litert/{INT8}/host"], [1e-300, 1e300]), "no latency"),
    ],
)
def test_a_hostile_baseline_is_one_line(
    base: Path, tmp_path: Path, edit: Edit, message: str
) -> None:
    kept = tmp_path / "baseline.json"
    compare_reports(base, base, kept)
    content = json.loads(kept.read_text())
    edit(content)
    kept.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=message):
        compare_reports(kept, base)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null", '{"baseline": 1}'])
def test_another_file_is_one_line(base: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        compare_reports(path, base)
    with pytest.raises(BadInput, match="no such report"):
        compare_reports(base, tmp_path / "nowhere")
