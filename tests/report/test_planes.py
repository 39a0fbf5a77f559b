"""Planes: what lies in them, what is on a front, and what is never held against each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.records import Measurement, Report
from edgekd.report.origin import Origin
from edgekd.report.planes import (
    PLANES,
    Plane,
    front_order,
    pareto_front,
    plane_points,
    point_text,
)

from .firmware_sample import INT8, QAT, emulated, firmware_report

HOST, EMULATED = Origin("host"), Origin("emulated")
PLANE = {plane.name: plane for plane in PLANES}

pairs = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=30)


def _beaten(pair: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    return any(other[0] <= pair[0] and other[1] >= pair[1] and other != pair for other in others)


@given(pairs)
def test_the_front_is_what_nothing_beats(candidates: list[tuple[float, float]]) -> None:
    expected = {i for i, pair in enumerate(candidates) if not _beaten(pair, candidates)}

    assert pareto_front(candidates) == expected


def _with_accuracy(found: Measurement, value: float) -> Measurement:
    assert found.accuracy
    better = found.accuracy.model_copy(update={"value": value})
    return found.model_copy(update={"accuracy": better})


def test_an_invalid_measurement_is_never_on_the_front(report: Report) -> None:
    measurements = [
        found if found.valid else _with_accuracy(found, 1.0) for found in report.measurements
    ]
    best_is_invalid = report.model_copy(update={"measurements": measurements})

    points = plane_points(best_is_invalid, HOST, PLANE["latency"])

    (invalid,) = [point for point in points if not point.valid]
    assert not invalid.on_front
    assert any(point.on_front and point.x > invalid.x for point in points)


def test_points_of_another_kind_stay_out(report: Report) -> None:
    assert len(plane_points(report, HOST, PLANE["latency"])) == 20
    assert plane_points(report, Origin("device"), PLANE["latency"]) == []


@pytest.mark.parametrize("name", ["latency", "size"])
def test_the_front_is_numbered_from_the_cheapest(report: Report, name: str) -> None:
    points = plane_points(report, HOST, PLANE[name])
    front = [points[index] for index in front_order(points)]

    assert front == sorted(front, key=lambda point: point.x)
    assert [point.y for point in front] == sorted(point.y for point in front)


def test_a_host_has_no_plane_of_instructions_or_flash(report: Report) -> None:
    shown = [plane.name for plane in PLANES if plane_points(report, HOST, plane)]

    assert shown == ["latency", "size"]


def _shown(report: Report, plane: Plane) -> list[str]:
    points = plane_points(report, EMULATED, plane)
    return [point_text(points[index], plane) for index in front_order(points)]


def test_size_and_speed_of_one_core_are_both_on_its_front() -> None:
    report = firmware_report()

    assert _shown(report, PLANE["trade"]) == [
        f"37.8 KiB at 521,714 instructions: {INT8} on cortex-m4-speed",
        f"37.1 KiB at 579,679 instructions: {INT8} on cortex-m4",
    ]


def test_an_emulated_file_has_no_place_in_planes_of_time_and_files() -> None:
    report = firmware_report()
    shown = [plane.name for plane in PLANES if plane_points(report, EMULATED, plane)]

    assert shown == ["instructions", "flash", "trade"]
    assert not any(plane_points(report, Origin("estimate"), plane) for plane in PLANES)


def test_cores_are_not_held_against_each_other() -> None:
    slow, fast = emulated(INT8, "riscv32"), emulated(INT8, "cortex-m55", faster=0.1)
    report = firmware_report().model_copy(update={"measurements": [slow, fast]})

    for name in ("instructions", "trade"):
        points = plane_points(report, EMULATED, PLANE[name])
        assert [point.on_front for point in points] == [True, True]
    flash = plane_points(report, EMULATED, PLANE["flash"])
    assert [point.on_front for point in flash] == [True, False]


def test_what_diverges_keeps_its_place_and_loses_its_rank() -> None:
    points = plane_points(firmware_report(), EMULATED, PLANE["instructions"])

    assert [(point.rung, point.valid) for point in points] == [
        (INT8, True),
        (QAT, False),
        (INT8, True),
    ]
    assert not points[1].on_front
