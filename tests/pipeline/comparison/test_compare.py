"""Two run folders side by side: what fires, what does not, what is refused and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekd.errors import BadInput
from edgekd.pipeline.comparison.compare import compare_reports
from edgekd.records.comparison import Comparison
from tests.pipeline.comparison.runs import FLOAT, INT8, Run, cell, edited, starts


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Run(seeds=(1,)).write(tmp_path_factory.mktemp("other") / "run")


def verdicts(found: Comparison, figure: str) -> dict[str, str]:
    return {f"{one.rung}/{one.kind}": one.verdict for one in found.figures if one.figure == figure}


def test_a_report_against_itself_passes(base: Path) -> None:
    found = compare_reports(base, base)
    assert found.passed
    assert found.regressions == []
    assert {one.verdict for one in found.figures} == {"no change shown", "not judged"}
    assert [*found.added, *found.removed, *found.refused, *found.context] == []


def test_two_seeds_of_one_recipe_pass(base: Path, other_seed: Path) -> None:
    for pair in ((base, other_seed), (other_seed, base)):
        found = compare_reports(*pair)
        assert found.passed, found.regressions
        assert [line for line in found.context if line.startswith("seeds")]
    accuracy = next(one for one in found.figures if one.rung == FLOAT)
    assert accuracy.interval is not None
    assert accuracy.interval[0] < -0.05
    assert accuracy.covers is not None
    assert "other recipes" in accuracy.covers


@pytest.mark.parametrize("seed", [0, 1])
def test_one_per_cent_more_instructions_fires(base: Path, tmp_path: Path, seed: int) -> None:
    slower = Run(seeds=(seed,), slower=1.01).write(tmp_path / "slower")
    found = compare_reports(base, slower)
    assert not found.passed
    assert starts(found.regressions, f"instructions of {INT8} on phone-a76-litert (emulated)")
    assert verdicts(compare_reports(slower, base), "instructions")[f"{INT8}/emulated"] == "better"


def test_a_lost_point_fires_on_5000_samples(base: Path, tmp_path: Path) -> None:
    worse = Run(lost=0.01, version=2).write(tmp_path / "worse")
    found = compare_reports(base, worse)
    assert starts(
        found.regressions,
        f"accuracy of {INT8} in torch",
        f"accuracy of {INT8} on host-litert (host)",
        f"accuracy of {INT8} on phone-a76-litert (emulated)",
    )
    assert all("paired; the weights are the same" in line for line in found.regressions)
    assert 0.95 < found.confidence < 1
    assert found.family_confidence == 0.95
    assert compare_reports(worse, base).passed


def test_a_lost_point_of_a_report_alone_fires(base: Path, tmp_path: Path) -> None:
    def lose(content: dict[str, Any]) -> None:
        cell(content, INT8, "host")["accuracy"]["value"] -= 0.01

    found = compare_reports(base / "report.json", edited(base, tmp_path, lose))
    assert starts(found.regressions, f"accuracy of {INT8} on host-litert (host)")


def test_a_lost_point_of_another_single_seed_does_not(base: Path, tmp_path: Path) -> None:
    assert compare_reports(base, Run(seeds=(1,), lost=0.01).write(tmp_path / "run")).passed


def test_seeds_answer_for_another_training(tmp_path: Path) -> None:
    before = Run(seeds=(0, 1, 2, 3, 4)).write(tmp_path / "before")
    after = Run(seeds=(5, 6, 7, 8, 9), lost=0.02).write(tmp_path / "after")
    found = compare_reports(before, after)
    assert any(line.startswith(f"accuracy of {INT8} in torch") for line in found.regressions)
    assert all("seeds" in line for line in found.regressions)
    assert compare_reports(before, Run(seeds=(5, 6, 7, 8, 9)).write(tmp_path / "same")).passed


def test_a_kept_baseline_stands_for_its_run_folder(base: Path, tmp_path: Path) -> None:
    kept, worse = tmp_path / "baseline.json", Run(lost=0.01, version=2).write(tmp_path / "worse")
    compare_reports(base, base, kept)
    assert compare_reports(kept, worse).regressions == compare_reports(base, worse).regressions
    assert compare_reports(kept, base).figures == compare_reports(base, base).figures


def test_what_was_accepted_does_not_fire_again(base: Path, tmp_path: Path) -> None:
    kept = tmp_path / "baseline.json"
    slower = Run(slower=1.01).write(tmp_path / "slower")
    found = compare_reports(base, slower, kept)
    assert found.passed
    assert found.regressions == []
    assert starts(found.accepted, "instructions of")
    assert json.loads(kept.read_text())["accepted"] == found.accepted
    assert compare_reports(kept, slower).passed
    slowest = Run(slower=1.03).write(tmp_path / "slowest")
    assert not compare_reports(kept, slowest).passed
    assert compare_reports(kept, slowest, kept).passed
    assert compare_reports(kept, slowest).passed


def test_no_other_file_is_overwritten(base: Path, tmp_path: Path) -> None:
    path = edited(base, tmp_path, lambda content: None)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="is no baseline"):
        compare_reports(base, base, path)
    assert path.read_bytes() == before


def test_what_became_invalid_or_unavailable_fires(base: Path, tmp_path: Path) -> None:
    def break_it(content: dict[str, Any]) -> None:
        broken = cell(content, INT8, "host")
        broken.update(valid=False, reasons=["parity: it agrees on 50 %"])
        broken["parity"]["steps"][-1]["diverged"] = True
        content["measurements"].remove(cell(content, FLOAT, "emulated"))
        content["unavailable"] = [
            {
                "rung": FLOAT,
                "target": "phone-a76-litert",
                "format": "tflite",
                "precision": "fp32",
                "reason": "an operator has no kernel",
            }
        ]

    found = compare_reports(base, edited(base, tmp_path, break_it))
    assert starts(
        found.regressions,
        f"{FLOAT} on phone-a76-litert is not available any more: an operator has no kernel",
        f"{INT8} on host-litert (host) became invalid: parity: it agrees on 50 %",
    )


def test_a_disturbed_run_that_gives_wrong_outputs_now_fires(base: Path, tmp_path: Path) -> None:
    def disturb(content: dict[str, Any]) -> None:
        cell(content, INT8, "host").update(valid=False, reasons=["other load on the machine"])

    def break_it(content: dict[str, Any]) -> None:
        disturb(content)
        cell(content, INT8, "host")["parity"]["steps"][-1]["diverged"] = True

    (tmp_path / "before").mkdir()
    before = edited(base, tmp_path / "before", disturb)
    found = compare_reports(before, edited(base, tmp_path, break_it))
    assert starts(found.regressions, f"{INT8} on host-litert (host) gives wrong outputs now")


def test_two_devices_in_one_cell_are_refused(base: Path, tmp_path: Path) -> None:
    def double(content: dict[str, Any]) -> None:
        other = {**cell(content, INT8, "emulated"), "device": "another"}
        content["measurements"].append(other)

    with pytest.raises(BadInput, match="twice"):
        compare_reports(base, edited(base, tmp_path, double))


def test_a_disturbed_run_is_not_judged(base: Path, tmp_path: Path) -> None:
    def disturb(content: dict[str, Any]) -> None:
        disturbed = cell(content, INT8, "host")
        disturbed.update(valid=False, reasons=["other load on the machine"])
        disturbed["latency_ms"]["p50"] *= 10

    found = compare_reports(base, edited(base, tmp_path, disturb))
    assert found.passed
    assert verdicts(found, "p50")[f"{INT8}/host"] == "not judged"
    assert verdicts(found, "accuracy")[f"{INT8}/host"] == "no change shown"
    assert verdicts(found, "model_bytes")[f"{INT8}/host"] == "no change shown"


def test_latency_is_judged_against_files_that_did_not_change(tmp_path: Path) -> None:
    def six_files(run: Path) -> Path:
        """The same run with three more files that never change."""
        content = json.loads((run / "report.json").read_text())
        for number in range(3):
            copy = json.loads(json.dumps(cell(content, FLOAT, "host")))
            copy.update(rung=f"scratch-{number}", sha256=f"{number}" * 64)
            content["measurements"].append(copy)
        (run / "report.json").write_text(json.dumps(content))
        return run

    before = six_files(Run().write(tmp_path / "before"))
    busy = six_files(Run(latency=1.3).write(tmp_path / "busy"))
    slow = six_files(Run(slow_file=1.5, version=2).write(tmp_path / "slow"))
    assert compare_reports(before, busy).passed
    found = compare_reports(before, slow)
    assert starts(found.regressions, f"median latency of {INT8} on host-litert (host)")
    assert verdicts(found, "p99")[f"{INT8}/host"] == "not judged"
    alone = compare_reports(Run().write(tmp_path / "a"), Run(slow_file=1.5).write(tmp_path / "b"))
    assert verdicts(alone, "p50")[f"{INT8}/host"] == "not judged"


@pytest.mark.parametrize(
    ("change", "reason", "figure"),
    [
        ({"device": "another"}, "another device", None),
        ({"format": "onnx"}, "another format", None),
        ({"device_facts": {"model": "Other"}}, "another device", "instructions"),
        (
            {"profile": {"counted_by": "TCG plugin of QEMU 7.2 as cortex-a53; x"}},
            "on another core",
            "instructions",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    base: Path, tmp_path: Path, change: dict[str, Any], reason: str, figure: str | None
) -> None:
    def a76(content: dict[str, Any]) -> None:
        profile = {"counted_by": "TCG plugin of QEMU 7.2 as cortex-a76; y"}
        cell(content, INT8, "emulated").update(profile=profile)

    def other(content: dict[str, Any]) -> None:
        a76(content)
        cell(content, INT8, "emulated").update(change, instructions=9**9, instruction_counts=[9**9])

    (tmp_path / "a").mkdir()
    found = compare_reports(edited(base, tmp_path / "a", a76), edited(base, tmp_path, other))
    assert found.passed
    assert len(found.refused) == 1
    assert reason in found.refused[0]
    assert verdicts(found, "instructions").get(f"{INT8}/emulated") == (
        "not judged" if figure else None
    )


def test_other_data_and_another_machine_are_refused(base: Path, tmp_path: Path) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["facts"]["data"]["source"] = "other"
        content["environment"]["machine"]["processor"] = "two"
        content["environment"]["tools"]["edgekd"] = "2"
        for rung in content["rungs"]:
            rung["accuracy"].update(value=0.1, per_seed=[0.1])

    found = compare_reports(base, edited(base, tmp_path, elsewhere))
    assert found.passed
    assert set(verdicts(found, "accuracy").values()) == {"not judged"}
    assert set(verdicts(found, "p50").values()) == {"not judged"}
    assert "tool: edgekd: 1, now 2" in found.context
    assert any("other data: source: made, now other" in line for line in found.context)
    assert any("another machine: processor: one, now two" in line for line in found.refused)


def test_what_is_only_in_one_report_is_listed(base: Path, tmp_path: Path) -> None:
    def fewer(content: dict[str, Any]) -> None:
        content["rungs"] = content["rungs"][:2]
        content["measurements"] = content["measurements"][:4]

    path = edited(base, tmp_path, fewer)
    gone = [
        f"{INT8} in torch",
        f"{INT8} on host-litert (host)",
        f"{INT8} on phone-a76-litert (emulated)",
    ]
    found = compare_reports(base, path)
    assert found.passed
    assert found.removed == gone
    assert compare_reports(path, base).added == gone


def test_reports_without_a_common_figure_are_no_pass(base: Path, tmp_path: Path) -> None:
    path = edited(base, tmp_path, lambda content: content.update(rungs=[], measurements=[]))
    with pytest.raises(BadInput, match="no figure"):
        compare_reports(base, path)
