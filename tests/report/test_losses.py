"""Each lost point has one owner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.records import Report
from edgekd.report.losses import STAGES, points_lost, waterfalls

accuracies = st.floats(min_value=0, max_value=1)


@given(accuracies, accuracies, st.none() | accuracies, accuracies)
def test_stages_add_up_to_the_whole_loss(
    teacher: float, distilled: float, quantized: float | None, artifact: float
) -> None:
    losses = points_lost(teacher, distilled, quantized, artifact, rung="r", target="t")

    assert sum(loss.points for loss in losses) == pytest.approx(
        (teacher - artifact) * 100, abs=1e-5
    )
    stages = [loss.stage for loss in losses]
    assert stages == [stage for stage in STAGES if stage in stages]
    assert ("quantization" in stages) == (quantized is not None)


def test_each_stage_owns_its_own_step() -> None:
    losses = points_lost(0.993, 0.969, 0.968, 0.97, rung="distilled-int8", target="host-onnx")

    assert [(loss.stage, loss.points) for loss in losses] == [
        ("distillation", 2.4),
        ("quantization", 0.1),
        ("conversion", -0.2),
    ]
    assert {(loss.rung, loss.target) for loss in losses} == {("distilled-int8", "host-onnx")}


def test_waterfalls_end_at_the_measured_accuracy(report: Report) -> None:
    falls = {(fall.rung, fall.target): fall for fall in waterfalls(report)}
    measured = {
        (found.rung, found.target): found
        for found in report.measurements
        if found.rung.startswith("distilled")
    }

    assert falls.keys() == measured.keys()
    for pair, fall in falls.items():
        accuracy = measured[pair].accuracy
        assert accuracy
        assert fall.end == accuracy.value
        assert fall.start == pytest.approx(0.993)
        assert fall.valid == measured[pair].accuracy_holds


def test_losses_of_an_unmeasured_file_make_no_waterfall(report: Report) -> None:
    unmeasured = report.model_copy(update={"measurements": []})

    assert waterfalls(unmeasured) == []
