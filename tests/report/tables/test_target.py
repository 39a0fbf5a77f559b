"""Tables of a target hold every record, and show only what a kind may claim."""

from __future__ import annotations

from edgekd.records import BudgetResult, Latency, Memory, Report
from edgekd.report.summary import target_sections
from edgekd.report.tables.table import Table
from edgekd.report.tables.target import correctness_table, parity_table, performance_table

from ..sample import INT4_REASON, INVALID_REASON


def _headings(table: Table) -> list[str]:
    return [f"{column.group}: {column.heading}" for column in table.columns]


def test_an_invalid_row_gives_its_reason(report: Report) -> None:
    onnx = target_sections(report)[2]

    rows = {row.cells[0]: row for row in performance_table(onnx).rows}

    assert (rows["distilled-fp16"].state, rows["distilled-fp16"].note) == (
        "invalid",
        INVALID_REASON,
    )
    assert {row.state for name, row in rows.items() if name != "distilled-fp16"} == {""}


def test_what_is_not_available_gives_its_reason(report: Report) -> None:
    executorch = target_sections(report)[1]

    row = performance_table(executorch).rows[-1]

    assert (row.cells[0], row.state, row.note) == ("distilled-int4", "not available", INT4_REASON)


def test_a_broken_budget_is_named(report: Report) -> None:
    over = report.measurements[0].model_copy(
        update={"budget": BudgetResult(ok=False, exceeded=["ram_bytes 20000 > 16384"])}
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [over]}))

    (row,) = performance_table(section).rows

    assert (row.state, row.note) == ("over budget", "ram_bytes 20000 > 16384")


def test_an_emulated_target_has_no_milliseconds(report: Report) -> None:
    emulated = report.measurements[0].model_copy(
        update={
            "kind": "emulated",
            "latency_ms": None,
            "instructions": 715_117,
            "memory": Memory(arena_bytes=22_820, stack_bytes=1_300, flash_bytes=157_972),
            "vs_teacher": report.measurements[0].vs_teacher.model_copy(update={"speedup": None}),
        }
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [emulated]}))

    table = performance_table(section)

    assert table.made == "emulated"
    assert not [heading for heading in _headings(table) if heading.startswith("Latency")]
    assert (
        dict(zip(_headings(table), table.rows[0].cells, strict=True))["Work: Instructions"]
        == "715,117"
    )
    assert "Memory: Arena" in _headings(table)


def test_too_few_samples_leave_the_tail_empty(report: Report) -> None:
    few = report.measurements[0].model_copy(
        update={"latency_ms": Latency(p50=1.5, p90=None, p99=None, n=5, warmup=1)}
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [few]}))

    headings = _headings(performance_table(section))

    assert "Latency, ms: p50" in headings
    assert "Latency, ms: p99" not in headings


def test_parity_steps_are_all_there(report: Report) -> None:
    for section in target_sections(report):
        steps = sum(len(found.parity.steps) for found in section.measurements if found.parity)
        assert len(parity_table(section).rows) == steps > 0


def test_undelegated_operators_are_counted_by_name(report: Report) -> None:
    onnx = target_sections(report)[2]
    table = correctness_table(onnx)
    int4 = dict(zip(_headings(table), table.rows[-1].cells, strict=True))

    assert int4["Preflight: Delegated"] == "6 of 9"
    assert int4["Preflight: Undelegated"] == "DequantizeLinear 3"
    assert int4["Preflight: Float fallbacks"] == "Conv 2, Gemm 1"
    assert table.notes == [
        "int4 holds the weights only: the convolutions compute in float (distilled-int4)"
    ]
