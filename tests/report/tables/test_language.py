"""Tables of language models hold every length of prompt and every greedy answer."""

from __future__ import annotations

import pytest

from edgekd.records import Report
from edgekd.report.summary import target_sections
from edgekd.report.tables.ladder import rungs_table, targets_tables
from edgekd.report.tables.language import answers_table, differences_table, torch_table
from edgekd.report.tables.table import Table
from edgekd.report.tables.target import performance_table
from edgekd.report.units import MISSING

from ..language_sample import INT4, INT8, LEFT_OUT, STUDENT, TEACHER, language_report


@pytest.fixture(scope="module")
def assistant() -> Report:
    """Five rungs on two targets."""
    return language_report()


def _headings(table: Table) -> list[str]:
    return [
        f"{column.group}: {column.heading}" if column.group else column.heading
        for column in table.columns
    ]


def test_rungs_have_what_they_scored(assistant: Report) -> None:
    table = rungs_table(assistant)
    rows = {row.cells[0]: dict(zip(_headings(table), row.cells, strict=True)) for row in table.rows}

    assert rows[STUDENT] == {
        "Rung": STUDENT,
        "Precision": "fp32",
        "Parameters": "63,100,000",
        "Weights": "241 MiB",
        "Next token": "30.10%",
        "95% interval": "29.10 to 31.10%",
        "Test text: Tokens": "34,816",
        "Test text: Nats a token": "4.020",
        "Test text: 95% interval": "3.990 to 4.050",
        "Test text: Perplexity": "55.70",
        "Test text: Nats a byte": "1.297",
        "Test text: Agreement": "52.30%",
    }
    assert rows[TEACHER]["Test text: Agreement"] == MISSING


def test_a_rung_without_a_score_leaves_its_columns_empty(assistant: Report) -> None:
    first, *others = assistant.rungs
    mixed = assistant.model_copy(
        update={"rungs": [first.model_copy(update={"language": None}), *others]}
    )

    rows = rungs_table(mixed).rows

    assert rows[0].cells[-6:] == [MISSING] * 6
    assert rows[1].cells[-6] == "34,816"


def test_every_length_of_prompt_has_a_row(assistant: Report) -> None:
    executorch, onnx = target_sections(assistant)
    table = answers_table(executorch)
    rows = {(row.cells[0], row.cells[1]): row.cells[2:] for row in table.rows}

    assert len(table.rows) == 5 * 2
    assert rows[INT4, "16"] == ["32", "43.2", "370", "61.7", "5", "1"]
    assert table.notes[0].startswith(f"{LEFT_OUT} ({TEACHER}, ")
    assert len(table.notes) == 1
    states = {row.cells[0]: row.state for row in answers_table(onnx).rows}
    assert states[INT8] == "invalid"
    assert states[TEACHER] == ""
    assert INT4 not in states


def test_files_stand_beside_torch(assistant: Report) -> None:
    executorch, onnx = target_sections(assistant)
    table = torch_table(executorch)
    rows = {row.cells[0]: dict(zip(_headings(table), row.cells, strict=True)) for row in table.rows}

    assert rows[INT4] == {
        "Rung": INT4,
        "Tokens scored": "512",
        "Perplexity: File": "58.56",
        "Perplexity: Torch": "57.97",
        "Perplexity: Change": "+1.01%",
        "Next token right": "29.60%",
        "Greedy: Tokens compared": "300",
        "Greedy: Equal": "98.00%",
    }
    assert {row.cells[0]: row.state for row in torch_table(onnx).rows}[INT8] == "invalid"


def test_the_first_difference_is_explained(assistant: Report) -> None:
    executorch, onnx = target_sections(assistant)

    rows = [row.cells for row in differences_table(executorch).rows if row.cells[0] == INT8]
    assert rows == [
        [INT8, "16", "200", "100.00%", MISSING, "none", MISSING, MISSING],
        [INT8, "16", "100", "94.00%", "44", "tie", "0.0123", "0.021"],
    ]
    (diverged,) = [row for row in differences_table(onnx).rows if row.cells[5] == "divergence"]
    assert (diverged.cells[0], diverged.cells[6], diverged.state) == (INT8, "1.23", "invalid")


def test_nothing_is_compared_where_there_are_no_answers(report: Report) -> None:
    for section in target_sections(report):
        for make in (answers_table, torch_table, differences_table):
            assert make(section).rows == []


def test_a_speed_up_is_of_decoding_and_of_no_latency(assistant: Report) -> None:
    table = performance_table(target_sections(assistant)[0])
    headings = _headings(table)

    assert not [heading for heading in headings if "Latency" in heading]
    row = dict(zip(headings, table.rows[-1].cells, strict=True))
    assert row["Answers: Speed-up"] == "5.51\N{MULTIPLICATION SIGN}"
    assert row["Answers: First token, ms"] == "43.2"
    assert row["Accuracy: Perplexity"] == "58.56"


def test_a_file_that_diverges_has_no_figures_in_the_table_of_all_targets(
    assistant: Report,
) -> None:
    (table,) = targets_tables(assistant)
    headings = _headings(table)
    rows = {row.cells[0]: dict(zip(headings, row.cells, strict=True)) for row in table.rows}

    for heading in ("Accuracy", "Perplexity", "First token, ms", "Tokens/s"):
        assert rows[INT8][f"host-onnx: {heading}"] == "invalid"
    assert rows[INT8]["host-onnx: File"] == "60.2 MiB"
    assert rows[INT8]["host-executorch: Tokens/s"] == "55.1"
