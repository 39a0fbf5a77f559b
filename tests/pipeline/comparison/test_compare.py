"""Two run folders side by side: what fires, what does not, what is refused and what is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.pipeline.comparison.compare import compare_reports
from edgekd.records.comparison import Comparison
from tests.pipeline.comparison.runs import FLOAT, INT8, Run

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Run().write(tmp_path_factory.mktemp("base") / "run")


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Run(seeds=(1,)).write(tmp_path_factory.mktemp("other") / "run")


def edited(run: Path, folder: Path, edit: Edit) -> Path:
    """A copy of a report, without its run folder."""
    content = json.loads((run / "report.json").read_text())
    edit(content)
    path = folder / "report.json"
    path.write_text(json.dumps(content))
    return path


def cell(content: dict[str, Any], rung: str, kind: str) -> dict[str, Any]:
    [found] = [m for m in content["measurements"] if (m["rung"], m["kind"]) == (rung, kind)]
    return found


def starts(lines: list[str], *beginnings: str) -> bool:
    return len(lines) == len(beginnings) and all(map(str.startswith, lines, beginnings))


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
