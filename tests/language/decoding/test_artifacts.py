"""Artifacts found in a run's folder, and what is said where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.artifacts import find_artifact


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for place in ("phone-b/student-int4", "phone-a/student-int4", "phone-b/teacher-fp32"):
        folder = tmp_path / "run" / "artifacts" / place
        folder.mkdir(parents=True)
        (folder / "language.json").write_text("{}")
    lacking = tmp_path / "run/artifacts/phone-a/teacher-fp32"
    lacking.mkdir()
    (lacking / "unavailable.json").write_text(json.dumps({"reason": "it is too large"}))
    return tmp_path / "run"


def test_a_rung_is_found_by_its_target_or_the_first(run: Path) -> None:
    assert find_artifact(run / "student-int4") == run / "artifacts/phone-a/student-int4"
    assert find_artifact(run / "student-int4", "phone-b") == run / "artifacts/phone-b/student-int4"
    assert find_artifact(run / "teacher-fp32") == run / "artifacts/phone-b/teacher-fp32"
    folder = run / "artifacts/phone-b/student-int4"
    assert find_artifact(folder) == folder


@pytest.mark.parametrize(
    ("rung", "target", "line"),
    [
        ("student-int4", "board", r"not exported for board \(give one of phone-a, phone-b\)"),
        ("teacher-fp32", "phone-a", "was not exported for phone-a: it is too large"),
        ("student", None, r"is no language model of this run \(.* student-int4, teacher-fp32\)"),
        ("", None, r"is a run, not a rung \(.* student-int4, teacher-fp32\)"),
        ("../nothing/student", None, "holds no exported language model"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    run: Path, rung: str, target: str | None, line: str
) -> None:
    with pytest.raises(BadInput, match=line):
        find_artifact(run / rung, target)
