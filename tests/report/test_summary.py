"""What the report chooses from its records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.records import Measurement, Report
from edgekd.report import summary
from edgekd.report.summary import cost_points, key_figures, ladder_rows, pareto_front

from .sample import INT4_REASON

pairs = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=30)


def _beaten(pair: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    return any(other[0] <= pair[0] and other[1] >= pair[1] and other != pair for other in others)


@given(pairs)
def test_the_front_is_what_nothing_beats(candidates: list[tuple[float, float]]) -> None:
    expected = {i for i, pair in enumerate(candidates) if not _beaten(pair, candidates)}

    assert pareto_front(candidates) == expected


def test_the_ladder_has_every_pair(report: Report) -> None:
    rows = ladder_rows(report)

    assert [row.name for row in rows] == [rung.name for rung in report.rungs]
    for row in rows:
        assert [cell.target for cell in row.cells] == [
            "host-litert",
            "host-executorch",
            "host-onnx",
        ]
        for cell in row.cells:
            assert (cell.measurement is None) == (cell.unavailable is not None)
    assert rows[-1].cells[1].unavailable == INT4_REASON


def test_a_valid_measurement_comes_before_an_invalid_one(report: Report) -> None:
    invalid = next(found for found in report.measurements if not found.valid)
    again = invalid.model_copy(update={"valid": True, "reasons": []})
    twice = report.model_copy(update={"measurements": [*report.measurements, again]})

    rows = {row.name: row for row in ladder_rows(twice)}

    assert rows[invalid.rung].cells[2].measurement == again


def test_kinds_never_share_a_section(report: Report) -> None:
    host = report.measurements[0]
    estimate = host.model_copy(update={"kind": "estimate", "cycles": 1000})
    mixed = report.model_copy(update={"measurements": [host, estimate]})

    sections = summary.target_sections(mixed)

    assert [(found.target, found.kind) for found in sections[:2]] == [
        ("host-litert", "host"),
        ("host-litert", "estimate"),
    ]
    assert [len(section.measurements) for section in sections[:2]] == [1, 1]
    assert [cell.kind for cell in ladder_rows(mixed)[0].cells[:2]] == ["host", "estimate"]


def test_a_target_where_nothing_ran_keeps_its_reasons(report: Report) -> None:
    nothing = report.model_copy(update={"measurements": []})

    (section,) = summary.target_sections(nothing)

    assert (section.target, section.kind) == ("host-executorch", None)
    assert [cell.reason for cell in section.unavailable] == [INT4_REASON]


def _with_accuracy(found: Measurement, value: float) -> Measurement:
    assert found.accuracy
    better = found.accuracy.model_copy(update={"value": value})
    return found.model_copy(update={"accuracy": better})


def test_an_invalid_measurement_is_never_on_the_front(report: Report) -> None:
    measurements = [
        found if found.valid else _with_accuracy(found, 1.0) for found in report.measurements
    ]
    best_is_invalid = report.model_copy(update={"measurements": measurements})

    points = cost_points(best_is_invalid, "host", "latency")

    (invalid,) = [point for point in points if not point.valid]
    assert not invalid.on_front
    assert any(point.on_front and point.cost > invalid.cost for point in points)


def test_points_of_another_kind_stay_out(report: Report) -> None:
    assert len(cost_points(report, "host", "latency")) == 20
    assert cost_points(report, "device", "latency") == []


def test_key_figures(report: Report) -> None:
    figures = {figure.label: figure for figure in key_figures(report)}

    assert figures["Student parameters"].value == "1,940"
    assert "149\N{MULTIPLICATION SIGN} fewer" in figures["Student parameters"].note
    assert figures["Best INT8 accuracy"].value == "97.10%"
    assert "distilled-int8-qat on host-onnx (host)" in figures["Best INT8 accuracy"].note
    assert figures["Smallest file"].value == "4.34 KiB"
    assert "96.30%" in figures["Smallest file"].note
    assert figures["Lowest latency, p50"].value == "0.00744 ms"


def test_disturbed_timings_make_no_latency_figure(report: Report) -> None:
    measurements = [
        found.model_copy(update={"valid": False, "reasons": ["throttled"]})
        for found in report.measurements
    ]
    disturbed = report.model_copy(update={"measurements": measurements})

    labels = [figure.label for figure in key_figures(disturbed)]
    assert labels == ["Student parameters", "Best INT8 accuracy", "Smallest file"]


def test_files_that_diverge_make_no_key_figure(report: Report) -> None:
    measurements = [_diverged(found) for found in report.measurements]
    diverged = report.model_copy(update={"measurements": measurements})

    assert [figure.label for figure in key_figures(diverged)] == ["Student parameters"]
    assert not any(point.on_front for point in cost_points(diverged, "host", "size"))


@pytest.mark.parametrize("cost", ["latency", "size"])
def test_the_front_is_numbered_from_the_cheapest(report: Report, cost: summary.Cost) -> None:
    points = cost_points(report, "host", cost)
    front = [points[index] for index in summary.front_order(points)]

    assert front == sorted(front, key=lambda point: point.cost)
    assert [point.accuracy for point in front] == sorted(point.accuracy for point in front)


def _diverged(found: Measurement) -> Measurement:
    assert found.parity
    steps = [step.model_copy(update={"diverged": True}) for step in found.parity.steps]
    parity = found.parity.model_copy(update={"steps": steps})
    return found.model_copy(update={"parity": parity, "valid": False, "reasons": ["diverges"]})
