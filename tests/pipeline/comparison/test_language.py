"""Two reports of a language model side by side: what is shown, and what fires."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from edgekd.pipeline.comparison.compare import compare_reports
from edgekd.records import Report
from edgekd.records.comparison import ComparedFigure, Comparison
from edgekd.report.comparison import figure_rows
from tests.report.language_sample import EXECUTORCH, INT4, INT8, language_report


def written(report: Report, folder: Path) -> Path:
    folder.mkdir()
    content = report.model_dump_json(by_alias=True)
    (folder / "report.json").write_text(content, encoding="utf-8")
    return folder


def changed(*, nats: float = 0.0, accuracy: float = 1.0, speed: float = 1.0) -> Report:
    """The sample, whose INT4 predicts otherwise and answers at another speed."""
    report = language_report()
    for rung in report.rungs:
        if rung.name == INT4 and rung.language:
            rung.language.nll += nats
            rung.accuracy.value *= accuracy
            rung.accuracy.per_seed = [rung.accuracy.value]
    for found in report.measurements:
        if found.rung == INT4 and found.generation and found.language:
            found.sha256 = "58" * 32
            found.language.nll += nats
            for figures in found.generation.by_prompt:
                figures.decode_tokens_per_second *= speed
                figures.time_to_first_token_ms /= speed
    return report


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(language_report(), tmp_path_factory.mktemp("baseline") / "run")


def found(comparison: Comparison, rung: str, target: str | None) -> dict[str, ComparedFigure]:
    return {f.figure: f for f in comparison.figures if (f.rung, f.target) == (rung, target)}


def test_perplexity_and_speed_are_shown_by_prompt_length(baseline: Path, tmp_path: Path) -> None:
    comparison = compare_reports(baseline, written(changed(nats=0.1, speed=0.5), tmp_path / "run"))
    assert comparison.passed
    assert found(comparison, INT4, None)["perplexity"].change == pytest.approx(math.expm1(0.1))
    file = found(comparison, INT4, EXECUTORCH)
    assert file["perplexity"].change == pytest.approx(math.expm1(0.1))
    for prompt in (16, 128):
        assert file[f"tokens_per_second/{prompt}"].change == pytest.approx(-0.5)
        assert file[f"first_token_ms/{prompt}"].change == pytest.approx(1.0)
    same = found(comparison, INT8, EXECUTORCH)
    assert same["perplexity"].change == same["tokens_per_second/16"].change == 0
    rows = [row for row in figure_rows(comparison) if row[:2] == [INT4, f"{EXECUTORCH} (host)"]]
    assert ["tokens/s of decoding, prompt of 16", "61.7", "30.9"] in [row[2:5] for row in rows]


def test_wrong_next_tokens_fire(baseline: Path, tmp_path: Path) -> None:
    comparison = compare_reports(baseline, written(changed(accuracy=0.3), tmp_path / "run"))
    assert not comparison.passed
    assert comparison.regressions[0].startswith(f"accuracy of {INT4} in torch: 29.60% to 8.88%")


def test_a_speed_that_is_gone_is_listed(baseline: Path, tmp_path: Path) -> None:
    report = changed()
    for measurement in report.measurements:
        if measurement.rung == INT4:
            measurement.generation = None
    comparison = compare_reports(baseline, written(report, tmp_path / "run"))
    assert f"generation of {INT4} on {EXECUTORCH} (host)" in comparison.removed


def test_perplexities_of_other_texts_are_not_compared(baseline: Path, tmp_path: Path) -> None:
    report = changed()
    for measurement in report.measurements:
        if measurement.language:
            measurement.language.tokens += 1
    comparison = compare_reports(baseline, written(report, tmp_path / "run"))
    assert "perplexity" not in found(comparison, INT4, EXECUTORCH)
