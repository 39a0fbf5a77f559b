"""The ladder on an emulated phone that runs a sample of the test set, as a user runs it."""

from __future__ import annotations

from pathlib import Path

from edgekd.records import Report
from tests.conftest import ROOT, run_edgekd, small_run

SAMPLE = 40
COUNTED = 4


def test_a_phone_runs_a_sample_of_the_test_set(tmp_path: Path) -> None:
    profile = (ROOT / "targets" / "phone-a76-onnx.yaml").read_text(encoding="utf-8")
    target = tmp_path / "small-phone.yaml"
    target.write_text(profile.replace("accuracy_samples: 1000", f"accuracy_samples: {SAMPLE}"))
    folder = tmp_path / "run"
    _, *arguments = small_run(
        folder, "--targets", target, "--set", "compress.precisions=[int8]", "--json"
    )
    result = run_edgekd("run", *arguments)
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    assert {found.rung for found in report.measurements} == {rung.name for rung in report.rungs}
    [whole] = {rung.accuracy.n for rung in report.rungs}
    for found in report.measurements:
        assert found.kind == "emulated"
        assert found.latency_ms is None
        assert found.accuracy is not None
        assert (found.accuracy.n, found.accuracy.sampled_from) == (SAMPLE, whole)
        assert found.parity is not None
        assert found.parity.n == SAMPLE
        assert len(found.instruction_counts) == COUNTED
        assert min(found.instruction_counts) <= (found.instructions or 0)
    students = [found for found in report.measurements if found.rung != "teacher-fp32"]
    assert all((found.vs_teacher.instructions_ratio or 0) > 1 for found in students)
    assert f"on {SAMPLE} of {whole}" in (folder / "report.md").read_text(encoding="utf-8")
    # A student of twenty steps may diverge in int8, and then the run says so.
    assert result.returncode == (1 if any(not found.valid for found in report.measurements) else 0)
