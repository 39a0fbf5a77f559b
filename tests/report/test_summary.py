"""What the report chooses from its records."""

from __future__ import annotations

from edgekd.records import Measurement, Report
from edgekd.report.key_figures import key_figures
from edgekd.report.origin import Origin
from edgekd.report.planes import PLANES, plane_points
from edgekd.report.summary import ladder_rows, target_sections

from .firmware_sample import INT8, firmware_report
from .sample import INT4_REASON


def test_the_ladder_has_every_pair(report: Report) -> None:
    rows = ladder_rows(report, target_sections(report))

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

    rows = {row.name: row for row in ladder_rows(twice, target_sections(twice))}

    assert rows[invalid.rung].cells[2].measurement == again


def test_kinds_never_share_a_section(report: Report) -> None:
    host = report.measurements[0]
    estimate = host.model_copy(update={"kind": "estimate", "cycles": 1000})
    mixed = report.model_copy(update={"measurements": [host, estimate]})

    sections = target_sections(mixed)

    assert [(found.target, found.kind) for found in sections[:2]] == [
        ("host-litert", "host"),
        ("host-litert", "estimate"),
    ]
    assert [len(section.measurements) for section in sections[:2]] == [1, 1]
    assert [cell.origin for cell in ladder_rows(mixed, sections)[0].cells[:2]] == [
        Origin("host"),
        Origin("estimate"),
    ]


def test_a_target_where_nothing_ran_keeps_its_reasons(report: Report) -> None:
    nothing = report.model_copy(update={"measurements": []})

    (section,) = target_sections(nothing)

    assert (section.target, section.kind) == ("host-executorch", None)
    assert [cell.reason for cell in section.unavailable] == [INT4_REASON]


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
    for plane in PLANES:
        assert not any(point.on_front for point in plane_points(diverged, Origin("host"), plane))


def test_key_figures_of_a_microcontroller_are_counts_and_flash() -> None:
    measurements = [found for found in firmware_report().measurements if found.kind != "host"]
    boards = firmware_report().model_copy(update={"measurements": measurements})
    figures = {figure.label: figure for figure in key_figures(boards)}

    assert list(figures) == [
        *("Student parameters", "Best INT8 accuracy", "Fewest instructions"),
        "Least flash",
    ]
    assert figures["Fewest instructions"].value == "521,714"
    assert f"{INT8} on cortex-m4-speed (emulated)" in figures["Fewest instructions"].note
    assert figures["Least flash"].value == "37.1 KiB"


def _diverged(found: Measurement) -> Measurement:
    assert found.parity
    steps = [step.model_copy(update={"diverged": True}) for step in found.parity.steps]
    parity = found.parity.model_copy(update={"steps": steps})
    return found.model_copy(update={"parity": parity, "valid": False, "reasons": ["diverges"]})
