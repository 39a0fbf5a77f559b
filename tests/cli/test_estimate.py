"""``edgekd estimate`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT, run_edgekd

SCALED = "models/assistant/llama-70b-to-7b.yaml"
SIZES = ("--teacher-architecture", "models/assistant/llama-70b.json")


def test_the_scaled_recipe() -> None:
    table = run_edgekd("estimate", SCALED, *SIZES)
    assert table.returncode == 0, table.stderr
    # What the documentation shows is what the command prints.
    document = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    for line in filter(None, map(str.strip, table.stdout.splitlines())):
        assert line in document
    record = run_edgekd("estimate", SCALED, *SIZES, "--json", "--utilisation", "0.2")
    found = json.loads(record.stdout)
    assert found["teacher"]["parameters"] == 70_553_706_496
    hours = {phase["name"]: phase["device_hours"] for phase in found["phases"]}
    twice = 2 * found["phases"][0]["flops"] / (989e12 * 0.4 * 3600)
    assert abs(hours["teacher asked"] - twice) < 1e-6 * twice
    assert found["hardware"]["name"] == "device as given"


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "sizes.json"
    wrong.write_text('{"vocabulary": 0}', encoding="utf-8")
    for arguments, told in (
        (("estimate", SCALED, "--teacher-architecture", str(wrong)), "sizes.json: vocabulary"),
        (("estimate", "digits"), "is no recipe of a language model"),
        (("estimate", SCALED, *SIZES, "--set", "student.layers=81"), "keeps (81, 7168, 8)"),
    ):
        done = run_edgekd(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        [line] = done.stderr.splitlines()
        assert told in line
