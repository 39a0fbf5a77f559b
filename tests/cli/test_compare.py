"""``edgekd compare`` as a release gate runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import run_edgekd
from tests.pipeline.comparison.runs import INT8, Run


def test_the_gate(tmp_path: Path) -> None:
    base, slower = Run().write(tmp_path / "a"), Run(slower=1.01).write(tmp_path / "b")
    kept = tmp_path / "baseline.json"

    same = run_edgekd("compare", base, base)
    assert same.returncode == 0
    assert same.stdout.rstrip().endswith("passed")

    worse = run_edgekd("compare", base, slower)
    assert worse.returncode == 1
    [line] = [one for one in worse.stdout.splitlines() if one.startswith("regression: ")]
    assert line.startswith(f"regression: instructions of {INT8} on phone-a76-litert (emulated): ")
    assert "+1.00%" in line
    assert "95% confidence" in worse.stdout

    record = run_edgekd("compare", base, slower, "--json")
    assert record.returncode == 1
    found = json.loads(record.stdout)
    assert found["schema"] == 1
    assert found["passed"] is False
    assert found["regressions"] == [line.removeprefix("regression: ")]

    accepted = run_edgekd("compare", base, slower, "--accept", kept)
    assert accepted.returncode == 0
    assert line.replace("regression", "accepted", 1) in accepted.stdout.splitlines()
    assert run_edgekd("compare", kept, slower).returncode == 0


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    foreign = tmp_path / "report.json"
    foreign.write_text('{"benchmarks": []}')
    result = run_edgekd("compare", foreign, foreign)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"edgekd: {foreign}")
    assert result.stderr.count("\n") == 1
