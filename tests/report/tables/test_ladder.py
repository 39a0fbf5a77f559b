"""The ladder's tables hold every rung and every loss."""

from __future__ import annotations

from edgekd.records import Report
from edgekd.report.tables.ladder import losses_tables, rungs_table


def test_every_rung_with_its_interval_and_seeds(report: Report) -> None:
    rows = {row.cells[0]: row.cells for row in rungs_table(report).rows}

    assert list(rows) == [rung.name for rung in report.rungs]
    assert rows["distilled-int8"][1:] == [
        "int8",
        "1,940",
        "53,802",
        "2.02 KiB",
        "96.77%",
        "95.67 to 97.87%",
        "96.80, 96.50, 97.00",
        "1,000",
    ]


def test_losses_show_gains_with_a_plus(report: Report) -> None:
    rows = {tuple(row.cells[:2]): row.cells for row in losses_tables(report)[0].rows}

    assert rows["distilled-int8", "host-onnx"][2:] == [
        "99.30%",
        "\N{MINUS SIGN}2.40",
        "\N{MINUS SIGN}0.10",
        "+0.10",
        "96.90%",
    ]
