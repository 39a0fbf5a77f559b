"""A language model's report: predictions and answers, and never milliseconds of an inference."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from edgekd.records import Measurement, Report
from edgekd.report import prose
from edgekd.report.charts.training import training_chart
from edgekd.report.html import render_html
from edgekd.report.key_figures import key_figures
from edgekd.report.language import (
    facts_without_curves,
    gap_closed,
    is_language_model,
    training_curves,
)
from edgekd.report.markdown import render_markdown
from edgekd.report.origin import Origin
from edgekd.report.planes import PLANES, front_order, plane_points, point_text

from .language_sample import (
    CONTROL,
    DIVERGES,
    INT4,
    INT8,
    NO_INT4,
    STUDENT,
    TEACHER,
    language_report,
    with_phone,
)
from .reading import Page, tables_of_markdown

_HOST = Origin("host")


@pytest.fixture(scope="module")
def assistant() -> Report:
    """Five rungs on two targets."""
    return language_report()


@pytest.fixture(scope="module")
def shown(assistant: Report) -> tuple[str, str]:
    """The page without its style, and the text."""
    page = re.sub(r"<style>.*?</style>", "", render_html(assistant), flags=re.DOTALL)
    return page, render_markdown(assistant)


def test_nothing_is_said_of_what_a_language_model_does_not_have(shown: tuple[str, str]) -> None:
    for text in shown:
        for absent in ("latency", "p50", "where points were lost", "macs", "labels the teacher"):
            assert absent not in text.lower()


def test_everything_is_said(shown: tuple[str, str], assistant: Report) -> None:
    for text in shown:
        for said in (
            "+6.00 points of next tokens",
            "against the same student trained without the teacher",
            "ratio of tokens/s, not of the time to the first token",
            *(NO_INT4, DIVERGES),
            *(rung.name for rung in assistant.rungs),
        ):
            assert said in text


def test_the_page_s_tables_and_headings_are_whole(shown: tuple[str, str]) -> None:
    page = Page(shown[0])

    assert page.tables == page.captions
    headings = [text for _, text in page.headings]
    assert headings.count("Training") == 1
    assert headings.count("Answers host") == headings.count("Against torch host") == 2


def test_a_phone_s_instructions_are_a_table_of_their_own(assistant: Report) -> None:
    report = with_phone(assistant)
    page = re.sub(r"<style>.*?</style>", "", render_html(report), flags=re.DOTALL)
    text = render_markdown(report)

    (table,) = [table for table in tables_of_markdown(text) if table[0][1] == "Prefill: Tokens"]
    assert [heading.removeprefix("Prefill: ") for heading in table[0][:5]] == [
        *("Rung", "Tokens", "Instructions", "A token", "Fewer")
    ]
    rows = {row[0]: row[1:] for row in table[2:]}
    of_student = rows[STUDENT]
    assert of_student[:3] == ["16", "4,800,000 (emulated)", "300,000 (emulated)"]
    assert of_student[3] == "4.00\N{MULTIPLICATION SIGN} (emulated)"
    assert of_student[4:6] == ["16", "500,000 (emulated)"]
    assert of_student[6] == "4.00\N{MULTIPLICATION SIGN} (emulated)"
    # Another number of tokens cannot be held against the teacher's.
    assert rows[INT4][3] == "\N{EN DASH}"
    assert rows[INT8][7:] == ["invalid"]
    assert rows[INT8][3] == rows[INT8][6] == "\N{EN DASH}"

    assert [name for _, name in Page(page).headings].count("Instructions a token emulated") == 1
    for shown in (page, text):
        assert "those of one decoded token" in shown
        section = shown[shown.index("Instructions a token") :]
        assert "First token" not in section[: section.index("Instructions are no milliseconds")]
    assert "those of one decoded token" not in render_markdown(assistant)


def test_only_an_emulator_counts(assistant: Report) -> None:
    counted = with_phone(assistant).measurements[-1]
    with pytest.raises(ValidationError, match="only an emulated measurement may claim"):
        Measurement.model_validate({**counted.model_dump(), "kind": "host"})


def test_curves_are_a_chart_and_no_facts(shown: tuple[str, str], assistant: Report) -> None:
    chart = training_chart(assistant)

    assert chart is not None
    for drawn in (chart.wide, chart.narrow):
        assert drawn.count(f">{INT4}<") == 1
        assert f"{CONTROL}: 7.900 at step 0, best 4.660 at step 800, last 5.120" in drawn
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn))
        assert all(colour == "none" or colour.startswith("var(--") for colour in colours)
    assert "validation nll" not in shown[1]
    assert "training: scratch-fp32: best step" in shown[0]
    (table,) = [table for table in tables_of_markdown(shown[1]) if table[0][1] == "Looks"]
    assert table[2] == [CONTROL, "5", "1,600", "800", "7.900", "4.660", "5.120"]


def test_other_reports_have_no_training(report: Report, page: str) -> None:
    assert not is_language_model(report)
    assert training_chart(report) is None
    assert "<h3>Training</h3>" not in page
    assert facts_without_curves(report.facts) == report.facts


@pytest.mark.parametrize(
    "curve",
    [
        None,
        "text",
        [],
        [[0]],
        [[0, "4"]],
        [[0.5, 4.0]],
        [[True, 4.0]],
        [[0, float("nan")]],
        [[0, float("inf")]],
        [[-1, 4.0]],
        [[10**400, 4.0]],
        [[0, 10**400]],
        [[0, 4.0]] * 5000,
        {"0": 4.0},
    ],
)
def test_what_is_no_curve_is_not_drawn(assistant: Report, curve: Any) -> None:
    facts = {"training": {"good": {"validation_nll": [[0, 4]]}, "bad": {"validation_nll": curve}}}
    changed = assistant.model_copy(update={"facts": facts})

    assert [found.rung for found in training_curves(changed)] == ["good"]
    assert training_chart(changed) is not None


@pytest.mark.parametrize("training", [None, [], "text", {"a": 1}, {"a": [1]}])
def test_what_is_no_training_is_left_as_it_is(assistant: Report, training: Any) -> None:
    facts = {"training": training}

    assert training_curves(assistant.model_copy(update={"facts": facts})) == []
    assert facts_without_curves(facts) == facts


def test_many_curves_keep_their_names_in_the_chart(assistant: Report) -> None:
    training = {f"rung-{n}": {"validation_nll": [[0, 5.0], [10, 4.0]]} for n in range(40)}
    chart = training_chart(assistant.model_copy(update={"facts": {"training": training}}))

    assert chart is not None
    heights = [float(y) for y in re.findall(r"translate\([\d.]+ ([\d.]+)\)[^>]*>rung-", chart.wide)]
    heights = heights or [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>rung-', chart.wide)]
    assert len(heights) == 12
    assert all(0 < height < 320 for height in heights)


def test_key_figures(assistant: Report) -> None:
    figures = {figure.label: figure for figure in key_figures(assistant)}

    assert list(figures) == [
        *("Student parameters", "Student perplexity", "Gap to the teacher closed"),
        *("Best INT8 accuracy", "Smallest file", "Fastest decoding, tokens/s"),
        "Shortest time to first token",
    ]
    assert figures["Student perplexity"].value == "55.70"
    assert figures["Student perplexity"].note == "control 102.51; teacher 28.50; before export"
    assert figures["Gap to the teacher closed"].value == "47.66%"
    assert "46.10 to 49.21%" in figures["Gap to the teacher closed"].note
    assert figures["Smallest file"].note.startswith("11.8\N{MULTIPLICATION SIGN} smaller than")
    assert figures["Fastest decoding, tokens/s"].value == "61.7"
    assert "5.51\N{MULTIPLICATION SIGN} as many as" in figures["Fastest decoding, tokens/s"].note
    assert figures["Shortest time to first token"].value == "43.2 ms"
    assert "prompt of 16 tokens" in figures["Shortest time to first token"].note


def test_disturbed_answers_make_no_figure(assistant: Report) -> None:
    measurements = [
        found.model_copy(update={"valid": False, "reasons": ["throttled"]})
        for found in assistant.measurements
    ]
    disturbed = assistant.model_copy(update={"measurements": measurements})

    labels = [figure.label for figure in key_figures(disturbed)]
    assert labels[-1] == "Smallest file"


@pytest.mark.parametrize("gap", [None, {}, {"share": "x", "ci95": [0, 1]}, [1, 2]])
def test_a_gap_that_is_none_is_not_shown(assistant: Report, gap: Any) -> None:
    changed = assistant.model_copy(update={"facts": {"gap_closed": gap}})

    assert gap_closed(changed) is None
    assert not [found for found in key_figures(changed) if "Gap" in found.label]


def test_files_lie_in_planes_of_size_and_of_time_a_token(assistant: Report) -> None:
    planes = {plane.name: plane for plane in PLANES if plane_points(assistant, _HOST, plane)}

    assert list(planes) == ["size", "decoding", "perplexity-size", "perplexity-decoding"]
    for plane in planes.values():
        points = plane_points(assistant, _HOST, plane)
        front = [points[index].rung for index in front_order(points)]
        assert front[0] == INT4
        assert front[-1] == TEACHER
        assert {STUDENT} <= set(front)
        assert CONTROL not in front
        assert sum(not point.valid for point in points) == 1
    points = plane_points(assistant, _HOST, planes["perplexity-decoding"])
    assert point_text(points[0], planes["perplexity-decoding"]) == (
        "perplexity 28.50 at 89.3 ms: teacher-fp32 on host-executorch"
    )


@pytest.mark.parametrize(("nll", "drawn"), [(-1.0, 8), (15.0, 9), (1e308, 8)])
def test_a_perplexity_that_none_can_be_is_in_no_plane(
    assistant: Report, nll: float, drawn: int
) -> None:
    (plane,) = [plane for plane in PLANES if plane.name == "perplexity-size"]
    first, *others = assistant.measurements
    assert first.language
    changed = first.model_copy(update={"language": first.language.model_copy(update={"nll": nll})})
    report = assistant.model_copy(update={"measurements": [changed, *others]})

    assert len(plane_points(report, _HOST, plane)) == drawn


def test_sentences_of_other_reports_are_as_they_were(report: Report) -> None:
    assert "next tokens" not in prose.verdict_line(report)
    assert "of milliseconds" in prose.targets_note(report)
    assert "Small dots: single seeds" in prose.ladder_key(report)
    assert ("Labels the teacher saw", "not recorded") in prose.verdict_details(
        report.model_copy(
            update={
                "verdict": report.verdict
                and report.verdict.model_copy(update={"teacher_labels": None})
            }
        )
    )
